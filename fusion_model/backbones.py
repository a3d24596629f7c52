"""Classic networks in place of the narrow ResNet: torchvision's MobileNetV2, ResNet50, InceptionV3.

Shape suffixes: B batch, C channel, H height, W width, F feature.

They are called as `fusion_model.branches.PixelBranch` is, with the same 48 px crops, and enlarge them
themselves. Their first layer has one channel and not three of the same grey: that is the same function (a sum
over equal channels is a layer whose weights are summed), with fewer weights to store and less to compute.

References
----------
Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks".
He et al. 2016, "Deep residual learning for image recognition".
Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour".
Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision".
"""

import http.client
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.branches import PixelBranch, PixelConfig
from fusion_model.errors import ExpressionLensError
from fusion_model.preprocess import SIDE


class BackboneError(ExpressionLensError):
    """Weights for a backbone cannot be had."""


@dataclass(frozen=True)
class Architecture:
    """What is told apart between the networks of torchvision.

    Attributes
    ----------
    title : as people write it.
    first : path of its first convolution.
    features : F, width of what its classifier sees.
    least : smallest side of a picture that it can take, px.
    options : for torchvision's builder.
    dropped : what of it is not used: the classifier and its dropout, which `fusion_model.network` has.
    """

    title: str
    first: str
    features: int
    least: int
    options: tuple[tuple[str, Any], ...] = ()
    dropped: tuple[str, ...] = ("fc",)


ARCHITECTURES = {
    "mobilenet_v2": Architecture("MobileNetV2", "features.0.0", 1280, 32, dropped=("classifier",)),
    # Every block begins as the identity: steadier at first (Goyal et al. 2017).
    "resnet50": Architecture("ResNet50", "conv1", 2048, 32, (("zero_init_residual", True),)),
    "inception_v3": Architecture(
        "InceptionV3",
        "Conv2d_1a_3x3.conv",
        2048,
        75,
        # No second classifier half way up: it is thrown away after training, and votes have such a head here.
        # PyTorch's own first weights: torchvision's, a spread of 0.1 for every layer, are up to ten times as
        # large, and normalised layers with large weights learn slowly.
        (("aux_logits", False), ("transform_input", False), ("init_weights", False)),
        ("fc", "dropout"),
    ),
}


@dataclass(frozen=True)
class BackboneConfig:
    """A pixel branch out of torchvision.

    Attributes
    ----------
    architecture : one of `ARCHITECTURES`.
    side : of the picture that it is shown, px; crops of 48 px are enlarged to it.
    """

    architecture: str
    side: int = 96

    def __post_init__(self) -> None:
        """Check."""
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"the architecture is {self.architecture!r}, expected one of {', '.join(ARCHITECTURES)}"
            )
        least = ARCHITECTURES[self.architecture].least
        if self.side < least:
            raise ValueError(f"{self.architecture} takes pictures of {least} px or more, not {self.side}")

    def enlarge(self, pixels_BCHW: Tensor) -> Tensor:
        """The pictures as the network is shown them.

        Smaller pictures than 48 px, as training takes at first, are enlarged by the same factor, so that they
        cost less here, too.
        """
        least = ARCHITECTURES[self.architecture].least
        side = max(least, round(self.side * pixels_BCHW.shape[-1] / SIDE))
        if side == pixels_BCHW.shape[-1]:
            return pixels_BCHW
        return functional.interpolate(pixels_BCHW, size=(side, side), mode="bilinear")


class Backbone(nn.Module):
    """Pixels (B, 1, 48, 48) -> features (B, F)."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        architecture = ARCHITECTURES[config.architecture]
        self.features = architecture.features
        self.body = _torchvision(config.architecture)
        for name in architecture.dropped:
            self.body.set_submodule(name, nn.Identity())
        _take_grey(self.body.get_submodule(architecture.first))

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B, F)."""
        return self.body(self.config.enlarge(pixels_BCHW))


def pixel_branch(config: PixelConfig | BackboneConfig) -> PixelBranch | Backbone:
    """The pixel branch that a config asks for."""
    return Backbone(config) if isinstance(config, BackboneConfig) else PixelBranch(config)


def pixel_config(values: dict[str, Any]) -> PixelConfig | BackboneConfig:
    """A config from a card's plain values; TypeError, KeyError or ValueError where they are none."""
    if "architecture" in values:
        return BackboneConfig(**values)
    return PixelConfig(**{**values, "stages": tuple(values["stages"])})


def pretrained_name(architecture: str) -> str:
    """What torchvision calls its ImageNet weights of that network."""
    from torchvision.models import get_model_weights

    return str(get_model_weights(architecture).DEFAULT)


def pretrained_state(architecture: str) -> dict[str, Tensor]:
    """ImageNet weights for a `Backbone`, by torchvision; downloaded once.

    Raises
    ------
    BackboneError
        Where they cannot be downloaded.
    """
    from torchvision.models import get_model_weights

    weights = get_model_weights(architecture).DEFAULT
    try:
        state = weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise BackboneError(
            f"The ImageNet weights of {ARCHITECTURES[architecture].title} cannot be downloaded from "
            f"{weights.url} ({error}): leave --pretrained out to begin from nothing, or run the command "
            "where that address can be reached."
        ) from error
    return grey_state(architecture, state)


def grey_state(architecture: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Torchvision's weights as those of a `Backbone`, with the same answer to grey as to three equal colours.

    Parameters
    ----------
    architecture : one of `ARCHITECTURES`
    state : of torchvision's network, for pictures normalised as it does
    """
    known = ARCHITECTURES[architecture]
    unused = (*(f"{name}." for name in known.dropped), "AuxLogits.")
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
    first = f"{known.first}.weight"
    colours = kept[first]
    if architecture == "inception_v3":
        # Its weights are for pixels from -1 to 1: torchvision's network turns normalised ones into these
        # (`transform_input`), so each colour is stretched and shifted; the norm that follows takes the shift.
        stretch = torch.tensor([0.229, 0.224, 0.225]) / 0.5
        shift = (torch.tensor([0.485, 0.456, 0.406]) - 0.5) / 0.5
        norm = known.first.replace(".conv", ".bn.running_mean")
        kept[norm] = kept[norm] - torch.einsum("ochw,c->o", colours, shift)
        colours = colours * stretch[:, None, None]
    kept[first] = colours.sum(dim=1, keepdim=True)
    return {f"body.{name}": tensor for name, tensor in kept.items()}


def _torchvision(architecture: str) -> nn.Module:
    # Here, because it takes most of a second that the small models need not wait for.
    from torchvision.models import get_model

    network: nn.Module = get_model(architecture, weights=None, **dict(ARCHITECTURES[architecture].options))
    return network


def _take_grey(colour: nn.Module) -> None:
    """Give a convolution one channel in place of three, its weights summed over the colours."""
    assert isinstance(colour, nn.Conv2d)
    colour.in_channels = 1
    colour.weight = nn.Parameter(colour.weight.detach().sum(dim=1, keepdim=True))
