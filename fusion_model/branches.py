"""The parts of the networks: a narrow ResNet on pixels, an MLP on landmarks.

Shape suffixes: B batch, C channel, H height, W width, L landmark (478), D coordinate (x, y, z), F feature.

References
----------
He et al. 2016, "Identity mappings in deep residual networks" (the blocks).
Chen et al. 2018, "MobileFaceNets" (pooling by a depthwise convolution: in an aligned face places differ).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.detection import LANDMARKS
from fusion_model.face_oval import FaceOval
from fusion_model.preprocess import SIDE


@dataclass(frozen=True)
class PixelConfig:
    """The pixel branch: a narrow ResNet.

    Attributes
    ----------
    stem : channels of the first convolution.
    stages : channels of each stage; each begins by halving the picture's side.
    blocks : residual blocks a stage.
    face_only : whether what lies outside the face's oval is left out (`fusion_model.face_oval`).
    side : to which crops of 48 px are enlarged before the first convolution, px.
    """

    stem: int = 32
    stages: tuple[int, ...] = (64, 128, 256)
    blocks: int = 2
    face_only: bool = False
    side: int = SIDE

    def __post_init__(self) -> None:
        """Check."""
        if self.stem < 1 or self.blocks < 0 or not self.stages or min(self.stages) < 1:
            raise ValueError(f"a pixel branch needs channels and stages above 0, not {self}")
        if self.side < SIDE:
            raise ValueError(f"crops of {SIDE} px are enlarged to {SIDE} px or more, not to {self.side}")

    def enlarge(self, pixels_BCHW: Tensor) -> Tensor:
        """The pictures as the convolutions see them; smaller ones than 48 px grow by the same factor."""
        if self.side == SIDE:
            return pixels_BCHW
        height, width = (round(side * self.side / SIDE) for side in pixels_BCHW.shape[2:])
        return functional.interpolate(pixels_BCHW, size=(height, width), mode="bicubic")


@dataclass(frozen=True)
class MlpConfig:
    """An MLP: the landmark branch, and what the control of `WiderCnn` has in its place.

    Attributes
    ----------
    hidden : width of its inner layers.
    features : width of its output.
    dropout : share of features dropped in training, 0 to 1.
    blocks : inner layers around a shortcut, after the first layer.
    """

    hidden: int = 512
    features: int = 256
    dropout: float = 0.5
    blocks: int = 0

    def __post_init__(self) -> None:
        """Check."""
        if min(self.hidden, self.features) < 1 or not 0 <= self.dropout < 1 or self.blocks < 0:
            raise ValueError(f"a landmark branch needs widths above 0 and a dropout in [0, 1), not {self}")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(channels, channels), nn.ReLU(inplace=True), *_convolution(channels, channels)
        )

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return torch.relu(maps_BCHW + self.body(maps_BCHW))


class SizedPool(nn.Conv2d):
    """A depthwise convolution as large as the maps; for smaller maps its weights shrink to their size."""

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        weights: Tensor = self.weight
        height, width = maps_BCHW.shape[2:]
        if (height, width) != self.kernel_size:
            area = self.kernel_size[0] * self.kernel_size[1] / (height * width)
            weights = functional.adaptive_avg_pool2d(weights, (height, width)) * area
        return functional.conv2d(maps_BCHW, weights, groups=self.groups)


class PixelBranch(nn.Module):
    """Pixels (B, 1, 48, 48) -> features (B, F)."""

    def __init__(self, config: PixelConfig = PixelConfig()) -> None:
        super().__init__()
        self.config = config
        self.seen = FaceOval() if config.face_only else nn.Identity()
        layers: list[nn.Module] = [*_convolution(1, config.stem), nn.ReLU(inplace=True)]
        channels = config.stem
        for width in config.stages:
            layers += [*_convolution(channels, width, stride=2), nn.ReLU(inplace=True)]
            layers += [ResidualBlock(width) for _ in range(config.blocks)]
            channels = width
        self.maps = nn.Sequential(*layers)
        side = config.side
        for _ in config.stages:
            side = (side + 1) // 2
        self.pool = nn.Sequential(
            SizedPool(channels, channels, side, groups=channels, bias=False), nn.BatchNorm2d(channels)
        )
        self.features = channels
        nn.init.constant_(self.pool[0].weight, 1 / side**2)  # type: ignore[arg-type]

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B, F); smaller pictures than 48 px, as training takes at first, are welcome."""
        return self.pool(self.maps(self.config.enlarge(self.seen(pixels_BCHW)))).flatten(1)


class ResidualLayer(nn.Module):
    """Activation, dropout and a linear layer around a shortcut."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width, bias=False), nn.BatchNorm1d(width)
        )

    def forward(self, features_BF: Tensor) -> Tensor:
        """(B, F) -> (B, F)."""
        return features_BF + self.body(features_BF)


def mlp(inputs: int, config: MlpConfig) -> nn.Sequential:
    """An MLP (B, ...) -> (B, `config.features`) on so many numbers a face, each brought to unit spread."""
    return nn.Sequential(
        nn.Flatten(),
        nn.BatchNorm1d(inputs),
        nn.Linear(inputs, config.hidden, bias=False),
        nn.BatchNorm1d(config.hidden),
        *(ResidualLayer(config.hidden, config.dropout) for _ in range(config.blocks)),
        nn.ReLU(inplace=True),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.features, bias=False),
        nn.BatchNorm1d(config.features),
        nn.ReLU(inplace=True),
    )


class LandmarkBranch(nn.Module):
    """Landmarks (B, 478, 3) and whether they are real (B,) -> features (B, F).

    A face without a mesh gets a learned embedding in place of features: never zeros in silence.
    """

    def __init__(self, config: MlpConfig = MlpConfig()) -> None:
        super().__init__()
        self.mlp = mlp(LANDMARKS * 3, config)
        self.no_mesh = nn.Parameter(torch.zeros(config.features))
        self.features = config.features

    def forward(self, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Features (B, F)."""
        if self.training and 1 < mesh_found_B.sum() < len(mesh_found_B):
            # Only real meshes go into the batch's mean and spread.
            found_BF = self.mlp(landmarks_BLD[mesh_found_B])
            features_BF = self.no_mesh.to(found_BF.dtype).repeat(len(mesh_found_B), 1)
            features_BF[mesh_found_B] = found_BF
            return features_BF
        features_BF = self.mlp(landmarks_BLD)
        return torch.where(mesh_found_B[:, None], features_BF, self.no_mesh.to(features_BF.dtype))


def _convolution(channels: int, width: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)]
