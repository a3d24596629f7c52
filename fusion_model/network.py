"""The networks: a CNN on pixels, an MLP on landmarks, and their fusion. All are called alike.

Shape suffixes: B batch, C channel, H height, W width, L landmark (478), D coordinate (x, y, z), F feature,
K class.

``network(pixels_BCHW, landmarks_BLD, mesh_found_B) -> logits_BK``; each takes what it needs of the three.
The CNN's pixel branch and the fusion model's are the same network, so that a comparison of the two says what
landmarks add. What it is, the narrow ResNet or one of `fusion_model.backbones`, is a matter of the config,
not of the kind.
"""

from typing import Any

import torch
from torch import Tensor, nn

from fusion_model.backbones import BackboneConfig, pixel_branch, pixel_config
from fusion_model.branches import LandmarkBranch, MlpConfig, PixelConfig, mlp


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

    def __init__(
        self, classes: int, pixels: PixelConfig | BackboneConfig = PixelConfig(), dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.pixel_branch = pixel_branch(pixels)
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
        landmarks: MlpConfig = MlpConfig(),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.landmark_branch = LandmarkBranch(landmarks)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.landmark_branch.features, classes))
        self.feature_count = self.landmark_branch.features

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F)."""
        return self.landmark_branch(landmarks_BLD, mesh_found_B)


class TwoBranches(ExpressionNetwork):
    """A pixel branch, a second branch, and a head on their features side by side.

    Attributes
    ----------
    pixel_branch : pixels -> features.
    fuse : features of both -> (B, F).
    """

    def __init__(
        self,
        classes: int,
        pixels: PixelConfig | BackboneConfig,
        second: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.pixel_branch = pixel_branch(pixels)
        self.fuse = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.pixel_branch.features + second, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, classes))
        self.feature_count = hidden

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F)."""
        return self.join(self.pixel_branch(pixels_BCHW), landmarks_BLD, mesh_found_B)

    def join(self, pixel_BF: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F), from features that the pixel branch gave."""
        second_BF = self.second(pixel_BF, landmarks_BLD, mesh_found_B)
        return self.fuse(torch.cat([pixel_BF, second_BF.to(pixel_BF.dtype)], dim=1))

    def second(self, pixel_BF: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Features of the second branch, (B, F)."""
        raise NotImplementedError


class FusionNet(TwoBranches):
    """The fusion model: a CNN on pixels and an MLP on landmarks."""

    def __init__(
        self,
        classes: int,
        pixels: PixelConfig | BackboneConfig = PixelConfig(),
        landmarks: MlpConfig = MlpConfig(),
        hidden: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(classes, pixels, landmarks.features, hidden, dropout)
        self.landmark_branch = LandmarkBranch(landmarks)

    def second(self, pixel_BF: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Features of the landmarks, (B, F)."""
        return self.landmark_branch(landmarks_BLD, mesh_found_B)


class WiderCnn(TwoBranches):
    """The fusion model's control: as many parameters as its, those of the landmarks spent on the pixels."""

    def __init__(
        self,
        classes: int,
        pixels: PixelConfig | BackboneConfig = PixelConfig(),
        extra: MlpConfig = MlpConfig(),
        hidden: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(classes, pixels, extra.features, hidden, dropout)
        self.extra_branch = mlp(self.pixel_branch.features, extra)

    def second(self, pixel_BF: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """Further features of the pixels' features, (B, F)."""
        return self.extra_branch(pixel_BF)


KINDS = ("cnn", "landmarks", "fusion", "wider")


def build_network(kind: str, classes: int, config: dict[str, Any]) -> ExpressionNetwork:
    """The network of that kind, from a checkpoint's plain values.

    Parameters
    ----------
    kind : one of `KINDS`
    classes : number of classes, at least 2
    config : ``{"pixels": {...}, "landmarks": {...}, "hidden": ..., "dropout": ...}``, what the kind takes;
        the pixels are those of a `PixelConfig`, or of a `fusion_model.backbones.BackboneConfig`

    Raises
    ------
    ValueError
        For an unknown kind, or a config that does not fit it.
    """
    try:
        made: dict[str, Any] = dict(config)
        if "pixels" in made:
            made["pixels"] = pixel_config(made["pixels"])
        for name in ("landmarks", "extra"):
            if name in made:
                made[name] = MlpConfig(**made[name])
        if kind == "cnn":
            return Cnn(classes, **made)
        if kind == "landmarks":
            return LandmarkMlp(classes, **made)
        if kind == "fusion":
            return FusionNet(classes, **made)
        if kind == "wider":
            return WiderCnn(classes, **made)
    except (TypeError, KeyError) as error:
        raise ValueError(f"the config {config} does not fit a network of kind {kind!r}: {error}") from error
    raise ValueError(f"the kind is {kind!r}, expected one of {', '.join(KINDS)}")
