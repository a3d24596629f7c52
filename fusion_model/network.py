"""The networks: a CNN on pixels, an MLP on landmarks, and their fusion. All are called alike.

Shape suffixes: B batch, C channel, H height, W width, L landmark (478), D coordinate (x, y, z), F feature,
K class.

``network(pixels_BCHW, landmarks_BLD, mesh_found_B) -> logits_BK``; each takes what it needs of the three.
The CNN's pixel branch and the fusion model's are the same network, so that a comparison of the two says what
landmarks add.

References
----------
He et al. 2016, "Identity mappings in deep residual networks" (the blocks).
Chen et al. 2018, "MobileFaceNets" (pooling by a depthwise convolution: in an aligned face places differ).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fusion_model.faces import LANDMARKS
from fusion_model.preprocess import SIDE


@dataclass(frozen=True)
class PixelConfig:
    """The pixel branch: a narrow ResNet.

    Attributes
    ----------
    stem : channels of the first convolution.
    stages : channels of each stage; each begins by halving the picture's side.
    blocks : residual blocks a stage.
    """

    stem: int = 32
    stages: tuple[int, ...] = (64, 128, 256)
    blocks: int = 2

    def __post_init__(self) -> None:
        """Check."""
        if self.stem < 1 or self.blocks < 0 or not self.stages or min(self.stages) < 1:
            raise ValueError(f"a pixel branch needs channels and stages above 0, not {self}")


@dataclass(frozen=True)
class LandmarkConfig:
    """The landmark branch: an MLP.

    Attributes
    ----------
    hidden : width of its inner layer.
    features : width of its output.
    dropout : share of features dropped in training, 0 to 1.
    """

    hidden: int = 512
    features: int = 256
    dropout: float = 0.5

    def __post_init__(self) -> None:
        """Check."""
        if min(self.hidden, self.features) < 1 or not 0 <= self.dropout < 1:
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


class PixelBranch(nn.Module):
    """Pixels (B, 1, 48, 48) -> features (B, F)."""

    def __init__(self, config: PixelConfig = PixelConfig()) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_convolution(1, config.stem), nn.ReLU(inplace=True)]
        channels = config.stem
        for width in config.stages:
            layers += [*_convolution(channels, width, stride=2), nn.ReLU(inplace=True)]
            layers += [ResidualBlock(width) for _ in range(config.blocks)]
            channels = width
        self.maps = nn.Sequential(*layers)
        side = SIDE
        for _ in config.stages:
            side = (side + 1) // 2
        self.pool = nn.Sequential(
            nn.Conv2d(channels, channels, side, groups=channels, bias=False), nn.BatchNorm2d(channels)
        )
        self.features = channels
        nn.init.constant_(self.pool[0].weight, 1 / side**2)  # type: ignore[arg-type]

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B, F)."""
        return self.pool(self.maps(pixels_BCHW)).flatten(1)


class LandmarkBranch(nn.Module):
    """Landmarks (B, 478, 3) and whether they are real (B,) -> features (B, F).

    A face without a mesh gets a learned embedding in place of features: never zeros in silence.
    """

    def __init__(self, config: LandmarkConfig = LandmarkConfig()) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(LANDMARKS * 3),
            nn.Linear(LANDMARKS * 3, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.features, bias=False),
            nn.BatchNorm1d(config.features),
            nn.ReLU(inplace=True),
        )
        self.no_mesh = nn.Parameter(torch.zeros(config.features))
        self.features = config.features

    def forward(self, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Features (B, F)."""
        features_BF = self.mlp(landmarks_BLD)
        return torch.where(mesh_found_B[:, None], features_BF, self.no_mesh.to(features_BF.dtype))


class ExpressionNetwork(nn.Module):
    """What all networks share: features of a face, and a head that turns them into logits.

    Attributes
    ----------
    feature_count : F, width of the features.
    head : (B, F) -> (B, K).
    reads_pixels : False where the answer does not depend on the pixels.
    """

    reads_pixels = True
    feature_count: int
    head: nn.Module

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F).

        Parameters
        ----------
        pixels_BCHW : float32 (B, 1, 48, 48), as `fusion_model.preprocess.standardise` gives them
        landmarks_BLD : float32 (B, 478, 3), as `fusion_model.preprocess.frontal_landmarks` gives them
        mesh_found_B : bool (B,), whether the landmarks are real
        """
        raise NotImplementedError

    def forward(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Logits (B, K)."""
        return self.head(self.features(pixels_BCHW, landmarks_BLD, mesh_found_B))


class Cnn(ExpressionNetwork):
    """The CNN alone: the pixel branch and a linear layer."""

    def __init__(self, classes: int, pixels: PixelConfig = PixelConfig(), dropout: float = 0.3) -> None:
        super().__init__()
        self.pixel_branch = PixelBranch(pixels)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.pixel_branch.features, classes))
        self.feature_count = self.pixel_branch.features

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F)."""
        return self.pixel_branch(pixels_BCHW)


class LandmarkMlp(ExpressionNetwork):
    """Landmarks alone: the control that says how much they know by themselves."""

    reads_pixels = False

    def __init__(
        self,
        classes: int,
        landmarks: LandmarkConfig = LandmarkConfig(),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.landmark_branch = LandmarkBranch(landmarks)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.landmark_branch.features, classes))
        self.feature_count = self.landmark_branch.features

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F)."""
        return self.landmark_branch(landmarks_BLD, mesh_found_B)


class FusionNet(ExpressionNetwork):
    """The two branches and a head on their features side by side."""

    def __init__(
        self,
        classes: int,
        pixels: PixelConfig = PixelConfig(),
        landmarks: LandmarkConfig = LandmarkConfig(),
        hidden: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.pixel_branch = PixelBranch(pixels)
        self.landmark_branch = LandmarkBranch(landmarks)
        width = self.pixel_branch.features + self.landmark_branch.features
        self.fuse = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, classes))
        self.feature_count = hidden

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F)."""
        pixel_BF = self.pixel_branch(pixels_BCHW)
        landmark_BF = self.landmark_branch(landmarks_BLD, mesh_found_B)
        return self.fuse(torch.cat([pixel_BF, landmark_BF.to(pixel_BF.dtype)], dim=1))


KINDS = ("cnn", "landmarks", "fusion")


def build_network(kind: str, classes: int, config: dict[str, Any]) -> ExpressionNetwork:
    """The network of that kind, from a checkpoint's plain values.

    Parameters
    ----------
    kind : one of `KINDS`
    classes : number of classes, at least 2
    config : ``{"pixels": {...}, "landmarks": {...}, "hidden": ..., "dropout": ...}``, what the kind takes

    Raises
    ------
    ValueError
        For an unknown kind, or a config that does not fit it.
    """
    try:
        made: dict[str, Any] = dict(config)
        if "pixels" in made:
            made["pixels"] = PixelConfig(**{**made["pixels"], "stages": tuple(made["pixels"]["stages"])})
        if "landmarks" in made:
            made["landmarks"] = LandmarkConfig(**made["landmarks"])
        if kind == "cnn":
            return Cnn(classes, **made)
        if kind == "landmarks":
            return LandmarkMlp(classes, **made)
        if kind == "fusion":
            return FusionNet(classes, **made)
    except (TypeError, KeyError) as error:
        raise ValueError(f"the config {config} does not fit a network of kind {kind!r}: {error}") from error
    raise ValueError(f"the kind is {kind!r}, expected one of {', '.join(KINDS)}")


def _convolution(channels: int, width: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)]
