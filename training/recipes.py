"""Recipes: every choice of a training run, as a frozen value; a variant is a function.

``python -m training.train NAME --data fer2013.csv --votes fer2013new.csv`` runs one. Times are
for two CPU cores.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fusion_model.branches import MlpConfig, PixelConfig
from fusion_model.preprocess import SIDE
from training.augment import Augmentation
from training.dataset import MESHES

#: The landmark branch.
LANDMARKS = MlpConfig(hidden=480, dropout=0.2, blocks=2)
#: As many parameters as `LANDMARKS`, within one in a hundred, on a pixel branch's 256 features.
EXTRA = MlpConfig(hidden=900, dropout=0.2, blocks=1)


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
    sides : how large the pictures are in the first epochs, as ``((px, epochs), …)``; afterwards the networks'
        own 48 px. Small pictures cost less and teach the coarse first (Howard 2018, "progressive resizing").
    views : where the pixel branch is frozen: how many augmented views it sees of each picture. Its features
        of a view are kept, and epoch e takes view e modulo `views`; 0: new ones in every epoch.
    mesh : "own"; for controls "shuffled", every face with another's landmarks, or "none".
    start : the weights to begin with, a model of the package or a path; kind and config are theirs then.
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
    sides: tuple[tuple[int, int], ...] = ()
    views: int = 0
    mesh: str = "own"
    start: str = ""

    def __post_init__(self) -> None:
        """Check."""
        if self.epochs < 1 or self.batch < 2:
            raise ValueError(
                f"a recipe needs at least 1 epoch and batches of 2, not {self.epochs} and {self.batch}"
            )
        if not 0 < self.warmup < 1:
            raise ValueError(f"the warm-up is a share between 0 and 1, not {self.warmup}")
        if self.views and "pixel_branch" not in self.frozen:
            raise ValueError("the features of a pixel branch can only be kept where it is frozen")
        if self.mesh not in MESHES:
            raise ValueError(f"the mesh is one of {', '.join(MESHES)}, not {self.mesh!r}")

    def side(self, epoch: int) -> int:
        """Side of the pictures in that epoch, counted from 0; px."""
        for side, epochs in self.sides:
            if epoch < epochs:
                return side
            epoch -= epochs
        return SIDE

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


def cnn_longer() -> Recipe:
    """The CNN, trained on from the end of `cnn`, which still learned: 16 more epochs. About 35 minutes."""
    return replace(
        cnn(),
        name="cnn_longer",
        epochs=16,
        learning_rate=0.04,
        warmup=0.1,
        parts={"pixel_branch": "cnn", "head": "cnn"},
    )


def cnn_short() -> Recipe:
    """The CNN in 10 epochs on growing pictures: for comparisons over many seeds. About 15 minutes."""
    return replace(
        cnn(),
        name="cnn_short",
        epochs=10,
        sides=((32, 5), (40, 3)),
        augmentation=Augmentation(rotation=10.0, scale=0.1, erase=0.25),
    )


def landmarks() -> Recipe:
    """The control: landmarks alone. About 5 minutes."""
    return Recipe(
        name="landmarks",
        kind="landmarks",
        epochs=50,
        batch=256,
        learning_rate=0.05,
        votes_weight=0.5,
        config={"landmarks": asdict(LANDMARKS), "dropout": 0.2},
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
    )


def fusion() -> Recipe:
    """The fusion model on the CNN's own pixel branch, held fixed; landmark branch and head are trained."""
    return Recipe(
        name="fusion",
        kind="fusion",
        epochs=9,
        learning_rate=0.1,
        label_smoothing=0.0,
        config={
            "pixels": asdict(PixelConfig()),
            "landmarks": asdict(LANDMARKS),
            "hidden": 256,
            "dropout": 0.5,
        },
        votes_weight=0.5,
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
        parts={"pixel_branch": "cnn_longer", "landmark_branch": "landmarks"},
        frozen=("pixel_branch",),
        views=2,
    )


def fusion_short() -> Recipe:
    """The fusion model on `cnn_short`'s pixel branch: for comparisons over many seeds. About 5 minutes."""
    return replace(
        fusion(),
        name="fusion_short",
        parts={"pixel_branch": "cnn_short", "landmark_branch": "landmarks"},
    )


def shuffled_short() -> Recipe:
    """A control: `fusion_short` where every face has another's landmarks, in training and after."""
    return replace(
        fusion_short(), name="shuffled_short", parts={"pixel_branch": "cnn_short"}, mesh="shuffled"
    )


def wider_short() -> Recipe:
    """A control: `fusion_short` with the landmarks' parameters spent on the pixels' features instead."""
    return replace(
        fusion_short(),
        name="wider_short",
        kind="wider",
        config={
            "pixels": asdict(PixelConfig()),
            "extra": asdict(EXTRA),
            "hidden": 256,
            "dropout": 0.5,
        },
        parts={"pixel_branch": "cnn_short"},
    )


def finetune() -> Recipe:
    """A trained model (``--from``, the package's fusion model unless told otherwise) trained on, whole.

    For data of one's own with any classes (docs/own-data.md): gentle, since what is known should stay.
    """
    return Recipe(
        name="finetune",
        kind="",
        start="fusion",
        epochs=10,
        batch=32,
        learning_rate=0.01,
        warmup=0.2,
        label_smoothing=0.0,
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
    )


def finetune_frozen() -> Recipe:
    """As `finetune`, but its branches stay as they are: for few pictures. Quick after two epochs."""
    return replace(
        finetune(),
        name="finetune_frozen",
        epochs=16,
        learning_rate=0.02,
        frozen=("pixel_branch", "landmark_branch"),
        views=2,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "cnn": cnn,
    "cnn_longer": cnn_longer,
    "cnn_short": cnn_short,
    "landmarks": landmarks,
    "fusion": fusion,
    "fusion_short": fusion_short,
    "shuffled_short": shuffled_short,
    "wider_short": wider_short,
    "finetune": finetune,
    "finetune_frozen": finetune_frozen,
}
