"""What an answer depends on: a map over the pixels, the regions of the mesh, and both branches' shares.

Shape suffixes: V views (the face, then its mirror image), C channel, H height, W width, L landmark,
D coordinate, K class, F feature, R region, N coalition.

All of it is about the answer that the page gives, the mean over the face and its mirror image with the card's
temperature, and is measured against what says nothing. The baselines:

- The map begins at a crop of one grey. Each crop is standardised by itself, so this is a picture of zeros.
- Regions begin with their landmarks where the mean face has them (`preprocess.MEAN_FACE_LD`).
- Shares: no landmarks is the embedding that the network learned for faces without a mesh
  (`LandmarkBranch.no_mesh`). No pixels is a mean crop of any expression: probabilities are means over those
  of FER-2013's seven (`training.mean_crops`). A grey crop would not do: the models call it angry.

Networks that are ready to answer have no gradients, and round to bfloat16 (docs/decisions/0011): explanations
come from the float32 networks of the checkpoints, loaded when first asked for. Probabilities may therefore
differ from the page's in the second decimal. Why these methods: docs/decisions/0017. None of it says why an
answer is right, only what would change it.

References
----------
Sundararajan et al. 2017, "Axiomatic attribution for deep networks" (integrated gradients).
Kokhlikyan et al. 2020, "Captum: a unified and generic model interpretability library for PyTorch".
Lundberg and Lee 2017, "A unified approach to interpreting model predictions" (Shapley values).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from fusion_model.answers import Explanation, FacePrediction, Shares
from fusion_model.catalogue import ASSETS
from fusion_model.checkpoint import Card, load_checkpoint
from fusion_model.classifier import FaceBatch
from fusion_model.network import ExpressionNetwork, FusionNet, LandmarkMlp
from fusion_model.preprocess import MEAN_FACE_LD, SIDE, FaceInputs, frontal_landmarks
from fusion_model.regions import NAMES, REGION_L
from fusion_model.shapley import coalitions, shapley_values

#: Points on the way from the grey crop to the face at which gradients are taken (Gauss-Legendre).
STEPS = 6
#: Of the Gaussian that spreads a pixel's attribution over its neighbours, px of the crop.
SPREAD = 2.0
_CPU = torch.device("cpu")


@cache
def mean_crops() -> Tensor:
    """The mean crop of each expression as the networks take it, float32 (7, 1, 48, 48)."""
    values = np.loadtxt(ASSETS / "mean_crops.csv.gz", delimiter=",", dtype=np.float32)
    return torch.from_numpy(values.reshape(-1, 1, SIDE, SIDE))


@dataclass(frozen=True)
class Explained:
    """A model as explanations need it.

    Attributes
    ----------
    network : in evaluation mode and float32, not made ready; its weights take no gradients.
    card : its labels and temperature.
    mean_EF : what its pixel branch makes of the mean crops, (7, F); None where it has not both branches.
    """

    network: ExpressionNetwork
    card: Card
    mean_EF: Tensor | None

    @classmethod
    def of(cls, network: ExpressionNetwork, card: Card) -> Self:
        """Of a network as `fusion_model.checkpoint.load_checkpoint` gives it."""
        network.requires_grad_(False)
        if not isinstance(network, FusionNet):
            return cls(network, card, None)
        with torch.inference_mode():
            return cls(network, card, network.pixel_branch(mean_crops()))

    def explain(self, face: FaceInputs, label: str) -> Explanation:
        """What the answer `label`, one of the card's, depends on for this face."""
        network, index = self.network, self.card.labels.index(label)
        batch = FaceBatch.of([face], _CPU)
        map_HW = pixel_map(network, self.card.temperature, batch, index) if network.reads_pixels else None
        if not face.mesh_found or not isinstance(network, FusionNet | LandmarkMlp):
            return Explanation(label, map_HW, None, None)
        with torch.inference_mode():
            pixel_VF = network.pixel_branch(batch.pixels_BCHW) if isinstance(network, FusionNet) else None
            worth_N = region_worth(self, batch.landmarks_BLD, index, pixel_VF)
            regions = dict(zip(NAMES, shapley_values(worth_N).tolist(), strict=True))
            shares = None if pixel_VF is None else branch_shares(self, batch.landmarks_BLD, index, pixel_VF)
        return Explanation(label, map_HW, regions, shares)


class Explainer:
    """Explains answers of the models of a folder; may be asked from several threads.

    Parameters
    ----------
    folder : where weights and cards lie
    """

    def __init__(self, folder: Path = ASSETS) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._known: dict[str, Explained] = {}

    def explain(self, face: FaceInputs, answers: Mapping[str, str]) -> dict[str, Explanation]:
        """What these answers depend on, by model.

        Parameters
        ----------
        face : as the models saw it
        answers : the label that each model gave, by its name

        Raises
        ------
        CheckpointError
            For a model that is not there, or cannot be used.
        """
        return {name: self.model(name).explain(face, label) for name, label in answers.items()}

    def of_prediction(self, face: FacePrediction) -> dict[str, Explanation]:
        """What all answers for a face depend on, by model; raises as `explain` does."""
        inputs = FaceInputs(face.crop_HW, frontal_landmarks(face.landmarks_LD), face.landmarks_LD is not None)
        return self.explain(inputs, {name: answer.label for name, answer in face.models.items()})

    def model(self, name: str) -> Explained:
        """The model of that name, loaded when first asked for."""
        with self._loading:
            if name not in self._known:
                self._known[name] = Explained.of(*load_checkpoint(self._folder / f"{name}.safetensors"))
            return self._known[name]


class PageScore(nn.Module):
    """Log-odds of a class in the page's answer, (B,), from B faces each followed by its mirror image."""

    def __init__(self, network: ExpressionNetwork, temperature: float, index: int) -> None:
        super().__init__()
        self.network, self.temperature, self.index = network, temperature, index

    def forward(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Scores (B / 2,)."""
        logits_BK = self.network(pixels_BCHW, landmarks_BLD, mesh_found_B)
        return log_odds(page_logits(logits_BK, self.temperature), self.index)


def page_logits(logits_BK: Tensor, temperature: float) -> Tensor:
    """Mean logits (B / 2, K) of rows that are a face and its mirror image by turns, calibrated."""
    return logits_BK.unflatten(0, (-1, 2)).mean(dim=1) / temperature


def log_odds(logits_BK: Tensor, index: int) -> Tensor:
    """Logarithm of p / (1 - p) of a class, (B,); unlike probabilities these do not flatten near 0 and 1."""
    others_BK = torch.cat([logits_BK[:, :index], logits_BK[:, index + 1 :]], dim=1)
    return logits_BK[:, index] - others_BK.logsumexp(dim=1)


def pixel_map(
    network: ExpressionNetwork, temperature: float, batch: FaceBatch, index: int, steps: int = STEPS
) -> np.ndarray:
    """Integrated gradients of the log-odds along the way from a grey crop, smoothed: float32 (48, 48).

    With many steps all values together are half of what the crop adds to the log-odds, as each view has a
    part and this is their mean. A few steps put the places in about the same order; that is what is shown.

    Parameters
    ----------
    network, temperature, index : see `PageScore`
    batch : of one face and its mirror image
    steps : see `STEPS`
    """
    from captum.attr import IntegratedGradients  # takes a second to import: only where something is explained

    attributed_VCHW = IntegratedGradients(PageScore(network, temperature, index)).attribute(
        batch.pixels_BCHW.clone().requires_grad_(),
        additional_forward_args=(batch.landmarks_BLD, batch.mesh_found_B),
        n_steps=steps,
        method="gausslegendre",
    )
    return spread(mean_of_views(attributed_VCHW.detach()))


def mean_of_views(maps_VCHW: Tensor) -> np.ndarray:
    """The mean (H, W) of a map of the face and that of its mirror image, turned back."""
    face_HW, mirrored_HW = maps_VCHW.sum(dim=1).numpy()
    return (face_HW + mirrored_HW[:, ::-1]) / 2


def spread(map_HW: np.ndarray) -> np.ndarray:
    """The map (48, 48) smoothed, its sum kept."""
    return cv2.GaussianBlur(map_HW, (0, 0), SPREAD, borderType=cv2.BORDER_REFLECT)


def region_worth(
    model: Explained,
    landmarks_VLD: Tensor,
    index: int,
    pixel_VF: Tensor | None,
    member_NR: np.ndarray = coalitions(len(NAMES)),  # noqa: B008 - read only
) -> np.ndarray:
    """Log-odds of a class where some regions are this face's and the others the mean face's, float64 (N,).

    Parameters
    ----------
    model : with a landmark branch
    landmarks_VLD : of the face and of its mirror image
    index : of the class
    pixel_VF : features of its pixels, which stay as they are; None for a network that reads none
    member_NR : which regions, in the order of `NAMES`, are the face's; by default every set of them
    """
    network, count = model.network, len(member_NR)
    mean_LD = torch.from_numpy(MEAN_FACE_LD).to(landmarks_VLD.dtype)
    own_NL = torch.from_numpy(member_NR[:, REGION_L])
    # Regions are symmetric, and so is the mean face: the mix of the mirror image is the mix's mirror image.
    meshes = torch.where(own_NL[:, None, :, None], landmarks_VLD, mean_LD).flatten(0, 1)
    found = torch.ones(len(meshes), dtype=torch.bool)
    if isinstance(network, FusionNet):
        assert pixel_VF is not None
        features = network.join(pixel_VF.repeat(count, 1), meshes, found)
    else:
        features = network.features(meshes, meshes, found)  # it reads no pixels
    logits = page_logits(network.head(features), model.card.temperature)
    return log_odds(logits, index).double().numpy()


def branch_shares(model: Explained, landmarks_VLD: Tensor, index: int, pixel_VF: Tensor) -> Shares:
    """What pixels and landmarks each add to the probability: the exact Shapley values of two players.

    Parameters
    ----------
    model : with both branches
    landmarks_VLD : of the face and of its mirror image
    index : of the class
    pixel_VF : features of its pixels
    """
    network = model.network
    assert isinstance(network, FusionNet) and model.mean_EF is not None
    means_BF = model.mean_EF.repeat_interleave(2, dim=0)  # mean crops are their own mirror images
    worth_N = np.zeros(
        4
    )  # in the order of `coalitions`: neither, the pixels alone, the landmarks alone, both
    for with_mesh in (False, True):
        for with_pixels, features in enumerate((means_BF, pixel_VF)):
            found = torch.full((len(features),), with_mesh)
            joined = network.join(features, landmarks_VLD.repeat(len(features) // 2, 1, 1), found)
            logits = page_logits(network.head(joined), model.card.temperature)
            worth_N[2 * with_mesh + with_pixels] = float(logits.double().softmax(dim=1)[:, index].mean())
    return Shares(*worth_N.tolist(), *shapley_values(worth_N).tolist())
