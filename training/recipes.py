"""Recipes: every choice of a training run, as a frozen value; a variant is a function.

``python -m training.train NAME --data fer2013.csv --votes fer2013new.csv`` runs one. Times are
for two CPU cores.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from fusion_model.network import LandmarkConfig, PixelConfig
from training.augment import Augmentation


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes
    ----------
    name : the recipe's, and the model's, name.
    kind, config : what `fusion_model.network.build_network` takes.
    epochs : passes over the Training split.
    batch : pictures a step, over all processes together.
    learning_rate : the highest of the one-cycle schedule.
    warmup : share of the steps on which the rate rises, 0 to 1.
    weight_decay : of SGD.
    momentum : lowest and highest of Nesterov's momentum; the schedule lowers it while the rate rises.
    label_smoothing : share of the target spread over all classes.
    votes_weight : weight of the second head's loss on FER+ votes; 0 for none.
    augmentation : Augmentation
    parts : pieces of the network taken from finished runs, as ``{"pixel_branch": "cnn"}``.
    frozen : pieces that are not trained further.
    """

    name: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.08
    warmup: float = 0.25
    weight_decay: float = 5e-4
    momentum: tuple[float, float] = (0.85, 0.95)
    label_smoothing: float = 0.1
    votes_weight: float = 0.0
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 - frozen
    parts: dict[str, str] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check."""
        if self.epochs < 1 or self.batch < 2:
            raise ValueError(
                f"a recipe needs at least 1 epoch and batches of 2, not {self.epochs} and {self.batch}"
            )
        if not 0 < self.warmup < 1:
            raise ValueError(f"the warm-up is a share between 0 and 1, not {self.warmup}")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


def cnn() -> Recipe:
    """The CNN alone: the pixel branch and a linear layer, with a second head on FER+ votes. About an hour."""
    return Recipe(
        name="cnn",
        kind="cnn",
        config={"pixels": asdict(PixelConfig()), "dropout": 0.3},
        epochs=24,
        votes_weight=0.5,
    )


def landmarks() -> Recipe:
    """The control: landmarks alone. About 3 minutes."""
    return Recipe(
        name="landmarks",
        kind="landmarks",
        epochs=30,
        learning_rate=0.05,
        votes_weight=0.5,
        config={"landmarks": asdict(LandmarkConfig(dropout=0.2)), "dropout": 0.2},
    )


def fusion() -> Recipe:
    """The fusion model on the CNN's own pixel branch, held fixed; landmark branch and head are trained."""
    return Recipe(
        name="fusion",
        kind="fusion",
        epochs=6,
        learning_rate=0.03,
        config={
            "pixels": asdict(PixelConfig()),
            "landmarks": asdict(LandmarkConfig(dropout=0.2)),
            "hidden": 256,
            "dropout": 0.2,
        },
        votes_weight=0.5,
        parts={"pixel_branch": "cnn", "landmark_branch": "landmarks"},
        frozen=("pixel_branch",),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"cnn": cnn, "landmarks": landmarks, "fusion": fusion}
