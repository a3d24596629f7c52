"""What charts and sentences need of a face with answers, be it of a photo or of the live camera."""

from collections.abc import Mapping
from typing import Protocol


class Answer(Protocol):
    """One model's answer: a :class:`~fusion_model.predictor.ModelAnswer`, or a live one."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        ...

    @property
    def probabilities(self) -> dict[str, float]:
        """By class; they sum to 1."""
        ...


class Answered(Protocol):
    """A face with its answers: a :class:`~fusion_model.predictor.FacePrediction`, or a live one."""

    @property
    def landmarks_found(self) -> bool:
        """Whether Face Mesh found landmarks."""
        ...

    @property
    def models(self) -> Mapping[str, Answer]:
        """Answers by model name."""
        ...
