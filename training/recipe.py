"""What a recipe is: every choice of a training run, checked and as a frozen value."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from fusion_model.labels import EXPRESSIONS
from fusion_model.preprocess import SIDE
from training.augment import Augmentation
from training.dataset import MESHES

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes
    ----------
    name : the recipe's, and the model's, name.
    kind, config : what `fusion_model.network.build_network` takes.
    epochs : passes over the Training split.
    batch : pictures a step, over all processes together.
    optimizer : "sgd", with Nesterov's momentum, or "adamw".
    learning_rate : the highest of the one-cycle schedule.
    warmup : share of the steps on which the rate rises, 0 to 1.
    weight_decay : of the optimizer; AdamW's is decoupled from the gradient (Loshchilov and Hutter 2019).
    momentum : lowest and highest of Nesterov's momentum, or of Adam's first moment; the schedule lowers it
        while the rate rises.
    clip : longest gradient, Euclidean norm over all weights; a longer one is shortened to it. 0: none is.
    sharpness : how far uphill the gradient of each step is taken (`training.sharpness`), Euclidean norm over
        all weights; 0: where the weights are.
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
    teachers : finished runs that answer the training pictures; the mean of their calibrated log-probabilities
        makes up `teaching` of each target, the label the rest (Hinton et al. 2015, "distillation").
    teaching : share of the target, 0 to 1.
    live : the teachers answer each view that the model sees, in training, not every picture once before it.
    biases : whether the classes' biases are fitted on PublicTest together with the temperature, and added to
        the last layer; see `fusion_model.calibration.fit_biases`.
    averaging : epochs at the end after each of whose steps the weights are averaged; the rate is the same on
        all steps of such a run (Izmailov et al. 2018, "stochastic weight averaging"). 0: the last weights of
        a one-cycle schedule.
    interpolation : share of the weights it began with in those that it ends with, at least 0 and less than 1:
        of all that `parts` takes over and training changes (Wortsman et al. 2022, "Robust fine-tuning of
        zero-shot models").
    pretrained : begin with torchvision's ImageNet weights in the pixel branch, a backbone.
    photographs : learn from labelled photographs too (`training.photographs`), as if they were Training.
    photograph_weights : what a photograph of an expression counts in the loss, beside a picture of Training;
        1 where nothing is told.
    start : the weights to begin with, a model of the package or a path; kind and config are theirs then.
    """

    name: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    epochs: int = 20
    batch: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.08
    warmup: float = 0.25
    weight_decay: float = 5e-4
    momentum: tuple[float, float] = (0.85, 0.95)
    clip: float = 0.0
    label_smoothing: float = 0.1
    votes_weight: float = 0.0
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 - frozen
    parts: dict[str, str] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    sides: tuple[tuple[int, int], ...] = ()
    views: int = 0
    mesh: str = "own"
    teachers: tuple[str, ...] = ()
    teaching: float = 0.0
    live: bool = False
    biases: bool = False
    averaging: int = 0
    sharpness: float = 0.0
    interpolation: float = 0.0
    pretrained: bool = False
    photographs: bool = False
    photograph_weights: dict[str, float] = field(default_factory=dict)
    start: str = ""

    def __post_init__(self) -> None:
        """Check."""
        if self.epochs < 1 or self.batch < 2:
            raise ValueError(
                f"a recipe needs at least 1 epoch and batches of 2, not {self.epochs} and {self.batch}"
            )
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"the optimizer is one of {', '.join(OPTIMIZERS)}, not {self.optimizer!r}")
        if min(self.clip, self.sharpness) < 0:
            raise ValueError(
                f"gradients are clipped, and met uphill, by lengths of at least 0, not {self.clip} and "
                f"{self.sharpness}"
            )
        if not 0 < self.warmup < 1:
            raise ValueError(f"the warm-up is a share between 0 and 1, not {self.warmup}")
        if self.views and "pixel_branch" not in self.frozen:
            raise ValueError("the features of a pixel branch can only be kept where it is frozen")
        if self.mesh not in MESHES:
            raise ValueError(f"the mesh is one of {', '.join(MESHES)}, not {self.mesh!r}")
        self._check_targets()
        self._check_weights()

    def _check_targets(self) -> None:
        if not 0 <= self.teaching <= 1 or bool(self.teachers) != bool(self.teaching):
            raise ValueError(
                f"teachers need a share of the target, 0 to 1, and a share teachers, not {self.teaching} and "
                f"{list(self.teachers)}"
            )
        weights = self.photograph_weights
        if weights and not (
            self.photographs and weights.keys() <= {*EXPRESSIONS} and min(weights.values()) > 0
        ):
            raise ValueError(
                f"weights of photographs are above 0, by expression, and for recipes with photographs, not "
                f"{weights}"
            )
        if self.live and (not self.teachers or self.views):
            raise ValueError("answers by view need teachers, and views that are not kept")

    def _check_weights(self) -> None:
        if not 0 <= self.averaging <= self.epochs:
            raise ValueError(
                f"weights are averaged over 0 to {self.epochs} epochs at the end, not {self.averaging}"
            )
        if not 0 <= self.interpolation < 1 or (self.interpolation and not self.taken):
            raise ValueError(
                "weights are interpolated with those of parts that are taken over and trained on, by a share "
                f"of at least 0 and less than 1, not {self.interpolation}"
            )
        if self.pretrained and (not self.architecture or "pixel_branch" in self.parts):
            raise ValueError(
                f"there are no ImageNet weights for {self.name} to begin with: they are for MobileNetV2, "
                "ResNet50 and InceptionV3 that do not begin from another run"
            )

    @property
    def taken(self) -> tuple[str, ...]:
        """The parts that are taken from finished runs and trained on."""
        return tuple(part for part in self.parts if part not in self.frozen)

    @property
    def architecture(self) -> str:
        """Of the backbone; empty for the narrow ResNet, or without pixels."""
        return str(self.config.get("pixels", {}).get("architecture", ""))

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
