"""A trained network applied to prepared faces: the one place where logits become probabilities.

Shape suffixes: B batch, C channel, H height, W width, L landmark, D coordinate, V views of a face, K class.

The evaluation and the live page both answer through `Classifier`, so a published score is the page's score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fusion_model.checkpoint import Card, load_checkpoint
from fusion_model.detection import LANDMARKS
from fusion_model.inference import ReadyBranches, make_ready
from fusion_model.mirror import mirror_landmarks
from fusion_model.network import ExpressionNetwork
from fusion_model.preprocess import SIDE, FaceInputs, standardise


@dataclass(frozen=True)
class FaceBatch:
    """Faces as networks take them; models that are given the same batch share what they have in common.

    Attributes
    ----------
    count : of faces.
    pixels_BCHW, landmarks_BLD, mesh_found_B : see `fusion_model.network.ExpressionNetwork.features`; B is
        `count`, or twice that where the mirrored faces follow.
    """

    count: int
    pixels_BCHW: Tensor
    landmarks_BLD: Tensor
    mesh_found_B: Tensor

    @classmethod
    def of(cls, faces: Sequence[FaceInputs], device: torch.device, *, mirrored: bool = True) -> "FaceBatch":
        """Of faces, none is fine, and of their mirror images if `mirrored`."""
        crops_BHW = np.array([face.crop_HW for face in faces], np.uint8).reshape(-1, SIDE, SIDE)
        landmarks_BLD = np.array([face.landmarks_LD for face in faces], np.float32).reshape(-1, LANDMARKS, 3)
        found_B = np.array([face.mesh_found for face in faces], bool)
        if mirrored:
            crops_BHW = np.concatenate([crops_BHW, crops_BHW[:, :, ::-1]])
            landmarks_BLD = np.concatenate([landmarks_BLD, mirror_landmarks(landmarks_BLD)])
            found_B = np.tile(found_B, 2)
        arrays = (standardise(crops_BHW), landmarks_BLD, found_B)
        return cls(len(faces), *(torch.from_numpy(array).to(device) for array in arrays))


@dataclass(frozen=True)
class Classifier:
    """A network with its card.

    Attributes
    ----------
    network : in evaluation mode, on `device`.
    card : its labels, temperature and preprocessing.
    device : where it runs.
    """

    network: ExpressionNetwork
    card: Card
    device: torch.device

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "Classifier":
        """From ``….safetensors`` and its card; CheckpointError where that fails."""
        return load_classifiers([path], device)[0]

    def logits(self, faces: Sequence[FaceInputs], *, mirrored: bool = True) -> np.ndarray:
        """Logits, float32 (B, K), before the temperature.

        Parameters
        ----------
        faces : B of them; none is fine
        mirrored : average with the answer for the mirrored face (flip test-time augmentation)
        """
        return self._logits(FaceBatch.of(faces, self.device, mirrored=mirrored))

    def probabilities(self, faces: Sequence[FaceInputs], *, mirrored: bool = True) -> np.ndarray:
        """Calibrated probabilities, float64 (B, K), rows summing to 1."""
        return self.answer(FaceBatch.of(faces, self.device, mirrored=mirrored))

    def answer(self, batch: FaceBatch) -> np.ndarray:
        """`probabilities` for a batch that goes to other models too."""
        return softmax(self._logits(batch), self.card.temperature)

    def _logits(self, batch: FaceBatch) -> np.ndarray:
        if not batch.count:
            return np.zeros((0, len(self.card.labels)), np.float32)
        with torch.inference_mode():
            logits = self.network(batch.pixels_BCHW, batch.landmarks_BLD, batch.mesh_found_B)
        logits_VBK = logits.float().cpu().numpy().reshape(-1, batch.count, logits.shape[1])
        return logits_VBK.mean(axis=0)


def load_classifiers(
    paths: Iterable[Path],
    device: str = "cpu",
    precision: torch.dtype | None = None,
    branches: ReadyBranches | None = None,
) -> list[Classifier]:
    """Models that will be asked together: those with the same pixel branch share it.

    Parameters
    ----------
    paths : of weights ``….safetensors``, each with its card beside it
    device : "cpu" or "cuda"
    precision : of the convolutions; None for `fusion_model.inference.fastest_precision`
    branches : pixel branches of models that were loaded before and are asked together with these; added to

    Raises
    ------
    CheckpointError
        For a model that is not there, or cannot be used.
    """
    loaded = [load_checkpoint(path) for path in paths]
    make_ready([network for network, _ in loaded], torch.device(device), precision, branches)
    return [Classifier(network, card, torch.device(device)) for network, card in loaded]


def softmax(logits_BK: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities, float64 (B, K), of logits divided by a temperature."""
    scaled_BK = logits_BK.astype(np.float64) / temperature
    powers_BK = np.exp(scaled_BK - scaled_BK.max(axis=1, keepdims=True, initial=-np.inf))
    return powers_BK / powers_BK.sum(axis=1, keepdims=True)
