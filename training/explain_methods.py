"""Ways to map an answer onto pixels and onto regions of the mesh, from which the shown ones were chosen.

Shape suffixes: V views (the face, then its mirror image), C channel, H height, W width, R region.

All answer for the score of the page, as `fusion_model.explain` does; `training.explain_checks` compares them.
Those that need a layer take it from the narrow ResNet.

References
----------
Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based localization".
Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of CNNs".
Simonyan et al. 2014, "Deep inside convolutional networks" (saliency).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from captum.attr import (
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    Saliency,
)
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.branches import PixelBranch
from fusion_model.classifier import FaceBatch
from fusion_model.explain import (
    STEPS,
    Explained,
    PageScore,
    log_odds,
    mean_of_views,
    page_logits,
    pixel_map,
    region_worth,
    spread,
)
from fusion_model.network import FusionNet
from fusion_model.preprocess import MEAN_FACE_LD, SIDE
from fusion_model.regions import NAMES, REGION_L
from fusion_model.shapley import shapley_values

MapMethod = Callable[[Explained, FaceBatch, int], np.ndarray]
#: The methods that the page shows.
CHOSEN_MAP, CHOSEN_REGIONS = f"integrated gradients, {STEPS} steps", "Shapley values"


def _integrated(steps: int, model: Explained, batch: FaceBatch, index: int) -> np.ndarray:
    return pixel_map(model.network, model.card.temperature, batch, index, steps)


def _by_layer(
    method: type, stages: int, options: dict[str, object], model: Explained, batch: FaceBatch, index: int
) -> np.ndarray:
    """A map of Captum's for the maps after so many stages, enlarged to the crop."""
    layer = stage(model.network.get_submodule("pixel_branch"), stages)
    inputs = batch.pixels_BCHW.clone().requires_grad_()
    args = (batch.landmarks_BLD, batch.mesh_found_B)
    small = method(_score(model, index), layer).attribute(inputs, additional_forward_args=args, **options)
    summed: Tensor = small.detach().sum(dim=1, keepdim=True)
    return spread(mean_of_views(functional.interpolate(summed, (SIDE, SIDE), mode="bicubic")))


def _by_input(method: type, model: Explained, batch: FaceBatch, index: int) -> np.ndarray:
    inputs = batch.pixels_BCHW.clone().requires_grad_()
    args = (batch.landmarks_BLD, batch.mesh_found_B)
    found = method(_score(model, index)).attribute(inputs, additional_forward_args=args)
    return spread(mean_of_views(found.detach()))


def _score(model: Explained, index: int) -> PageScore:
    return PageScore(model.network, model.card.temperature, index)


def stage(branch: nn.Module, stages: int) -> nn.Module:
    """The last layer of that stage, counted from 1, of a narrow ResNet."""
    if not isinstance(branch, PixelBranch):
        raise TypeError(f"stages are known of the narrow ResNet only, not of {type(branch).__name__}")
    per_stage = 3 + branch.config.blocks
    return branch.maps[2 + stages * per_stage]


_INTEGRATED = {"n_steps": 4, "method": "gausslegendre"}
#: Maps by name: the chosen one first.
MAPS: dict[str, MapMethod] = {
    CHOSEN_MAP: partial(_integrated, STEPS),
    "integrated gradients, 24 steps": partial(_integrated, 24),
    "integrated gradients of stage 1, 4 steps": partial(_by_layer, LayerIntegratedGradients, 1, _INTEGRATED),
    "HiResCAM of stage 1": partial(_by_layer, LayerGradientXActivation, 1, {}),
    "HiResCAM of the last stage": partial(_by_layer, LayerGradientXActivation, 3, {}),
    "Grad-CAM of the last stage": partial(_by_layer, LayerGradCam, 3, {}),
    "input times gradient": partial(_by_input, InputXGradient),
    "saliency": partial(_by_input, Saliency),
}


def region_values(model: Explained, batch: FaceBatch, index: int, pixel_VF: Tensor) -> dict[str, np.ndarray]:
    """What each region adds to the log-odds, (R,), by method; under "worth" that of all sets, (64,)."""
    with torch.inference_mode():
        worth_N = region_worth(model, batch.landmarks_BLD, index, pixel_VF)
    single_R = 2 ** np.arange(len(NAMES))
    return {
        CHOSEN_REGIONS: shapley_values(worth_N),
        "each region taken away": worth_N[-1] - worth_N[len(worth_N) - 1 - single_R],
        "each region alone": worth_N[single_R] - worth_N[0],
        "integrated gradients, by region": _integrated_regions(model, batch, index, pixel_VF),
        "worth": worth_N,
    }


def _integrated_regions(model: Explained, batch: FaceBatch, index: int, pixel_VF: Tensor) -> np.ndarray:
    """Integrated gradients from the mean face's landmarks to the face's, summed by region, (R,)."""
    network = model.network
    assert isinstance(network, FusionNet)
    pixels, found = pixel_VF.clone(), batch.mesh_found_B  # a clone takes part in gradients

    def score(landmarks_BLD: Tensor) -> Tensor:
        count = len(landmarks_BLD) // len(pixels)
        joined = network.join(pixels.repeat(count, 1), landmarks_BLD, found.repeat(count))
        return log_odds(page_logits(network.head(joined), model.card.temperature), index)

    mean_LD = torch.from_numpy(MEAN_FACE_LD).float().expand_as(batch.landmarks_BLD)
    added_VLD = IntegratedGradients(score).attribute(
        batch.landmarks_BLD.clone().requires_grad_(), baselines=mean_LD, n_steps=24, method="gausslegendre"
    )
    added_L = added_VLD.detach().sum(dim=(0, 2)).numpy()  # twins are of one region, so views need no turning
    return np.bincount(REGION_L, added_L, len(NAMES))
