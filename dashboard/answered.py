"""What charts and sentences need of a face with answers, be it of a photo or of the live camera."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # at run time it would import MediaPipe, which the page need not wait for
    from fusion_model.face_measures import FaceMeasures


class Answer(Protocol):
    """One model's answer: a :class:`~fusion_model.answers.ModelAnswer`, or a live one."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        ...

    @property
    def probabilities(self) -> dict[str, float]:
        """By class; they sum to 1."""
        ...


class Answered(Protocol):
    """A face with its answers: a :class:`~fusion_model.answers.FacePrediction`, or a live one."""

    @property
    def landmarks_found(self) -> bool:
        """Whether Face Mesh found landmarks."""
        ...

    @property
    def measures(self) -> "FaceMeasures | None":
        """What was measured of the face in its picture; None where nothing was."""
        ...

    @property
    def models(self) -> Mapping[str, Answer]:
        """Answers by model name."""
        ...
