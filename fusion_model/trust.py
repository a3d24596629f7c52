"""What lowers trust in an answer, from which measure on, and by how much: from the measured curves.

``fusion_model/assets/trust.csv`` (written by ``python -m training.trust``) tells for each trouble, strength
and model on how many pictures of FER-2013 it was right, beside the same pictures as they are. From it follow
the measures at which a warning shows (docs/decisions/0018):

- the mildest strength from which on, at it and at every greater one, the models lose `LOSS` on average;
- but no measure beyond which more than `MOST_WARNED` of the pictures as they are would be warned of.
"""

import csv
import functools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_model.catalogue import ASSETS
from fusion_model.errors import ExpressionLensError

if TYPE_CHECKING:  # at run time it would import MediaPipe, which the page need not wait for
    from fusion_model.face_measures import FaceMeasures

__all__ = [
    "KINDS",
    "LOWER_IS_WORSE",
    "MOST_WARNED",
    "TRUST",
    "Doubt",
    "Effect",
    "Trust",
    "TrustError",
    "known_trust",
    "measured",
    "read_trust",
    "write_trust",
]

TRUST = ASSETS / "trust.csv"
LOSS = 0.05
MOST_WARNED = 0.05
#: Troubles in the order in which they are told.
KINDS = ("no mesh", "small", "dark", "blurred", "turned", "covered", "edge")
#: Whether a trouble is worse the lower its measure is.
LOWER_IS_WORSE = {
    "small": True,
    "dark": True,
    "blurred": True,
    "covered": False,
    "turned": False,
    "edge": False,
}
COLUMNS = ("kind", "strength", "measured", "usual", "model", "split", "n", "right", "plain_n", "plain_right")


class TrustError(ExpressionLensError):
    """The curves cannot be read."""


@dataclass(frozen=True)
class Effect:
    """How often one model was right under a trouble of one strength.

    Attributes
    ----------
    kind : of the trouble, one of `KINDS`.
    strength : what was done to the pictures, in the unit of `training.trust`; nan for "no mesh".
    measured : median measure of the pictures then, or the measure from which they were taken; nan likewise.
    usual : the measure beyond which `MOST_WARNED` of the pictures as they are lie; nan where it is none.
    model : name.
    split : of FER-2013.
    n, right : pictures, and how many of them the model answered rightly.
    plain_n, plain_right : of the same pictures as they are, or of all of the split.
    """

    kind: str
    strength: float
    measured: float
    usual: float
    model: str
    split: str
    n: int
    right: int
    plain_n: int
    plain_right: int

    @property
    def accuracy(self) -> float:
        """Share right under the trouble, 0 to 1."""
        return self.right / self.n

    @property
    def plain(self) -> float:
        """Share right without it, 0 to 1."""
        return self.plain_right / self.plain_n

    @property
    def loss(self) -> float:
        """What the trouble costs, a share of answers."""
        return self.plain - self.accuracy


@dataclass(frozen=True)
class Doubt:
    """Something measured of a face that lowers trust: what a warning tells.

    Attributes
    ----------
    kind : one of `KINDS`.
    measured : the face's own measure; nan for "no mesh".
    threshold : from which on it is warned of; nan likewise.
    """

    kind: str
    measured: float
    threshold: float


@dataclass(frozen=True)
class Trust:
    """The curves and what follows from them; `read_trust` reads one."""

    effects: tuple[Effect, ...]

    @functools.cached_property
    def thresholds(self) -> dict[str, float]:
        """The measure from which each trouble is warned of; those that cost too little are not there."""
        found = {kind: self._threshold(kind) for kind in LOWER_IS_WORSE}
        return {kind: value for kind, value in found.items() if value is not None}

    def doubts(self, face: "FaceMeasures | None", *, mesh_found: bool) -> tuple[Doubt, ...]:
        """What lowers trust in the answers for a face, in the order of `KINDS`; no face, no measures.

        A face that is small is not called blurred too: to enlarge it is to blur it. Nor is one called covered
        that is small, blurred or at the edge: all of these make parts of it plain.
        """
        found = [] if mesh_found or not self._of("no mesh") else [Doubt("no mesh", math.nan, math.nan)]
        for kind in KINDS:
            value = None if face is None else measured(face, kind)
            threshold = self.thresholds.get(kind)
            if value is not None and threshold is not None and _beyond(kind, value, threshold):
                found.append(Doubt(kind, value, threshold))
        kinds = {item.kind for item in found}
        hidden = {"blurred"} if "small" in kinds else set()
        hidden |= {"covered"} if kinds & {"small", "blurred", "edge"} else set()
        return tuple(item for item in found if item.kind not in hidden)

    def effect(self, doubt: Doubt, models: Sequence[str]) -> Effect | None:
        """What such a trouble costs the first of these models that was measured, or else another one.

        It is told of the strength nearest to the face's own measure, on PrivateTest where that was done.
        """
        known = self._of(doubt.kind)
        for model in dict.fromkeys([*models, *(effect.model for effect in known)]):
            of_model = [effect for effect in known if effect.model == model]
            private = [effect for effect in of_model if effect.split == "PrivateTest"]
            if of_model:
                return _nearest(private or of_model, doubt)
        return None

    def _of(self, kind: str) -> list[Effect]:
        return [effect for effect in self.effects if effect.kind == kind]

    def _threshold(self, kind: str) -> float | None:
        steps: dict[float, list[Effect]] = {}
        for effect in self._of(kind):
            if effect.split == "PublicTest":
                # By strength: models that were measured on other pictures have another median.
                steps.setdefault(effect.strength, []).append(effect)
        means = [
            tuple(
                statistics.fmean(getattr(effect, name) for effect in step)
                for name in ("measured", "loss", "usual")
            )
            for step in steps.values()
        ]
        chosen = None
        for middle, loss, usual in sorted(means, reverse=not LOWER_IS_WORSE[kind]):  # the worst first
            if loss < LOSS:
                break
            chosen = middle if math.isnan(usual) else _stricter(kind, middle, usual)
        return chosen


def measured(face: "FaceMeasures", kind: str) -> float | None:
    """The measure of a face that a trouble is told by; None where the face has none."""
    if kind == "turned":
        return None if face.pose is None else abs(face.pose.yaw)
    return {
        "small": face.size,
        "dark": face.brightness,
        "blurred": face.sharpness,
        "covered": face.plain,
        "edge": face.outside,
    }.get(kind)


def read_trust(path: Path = TRUST) -> Trust:
    """The curves of a file.

    Raises
    ------
    TrustError
        Where it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return Trust(tuple(_effect(row) for row in csv.DictReader(file)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrustError(f"{path} cannot be read: run python -m training.trust, which writes it.") from error


def write_trust(effects: Iterable[Effect], path: Path) -> None:
    """Write effects so that `read_trust` gives them back; aside, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside")
    with aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for effect in effects:
            values = [getattr(effect, column) for column in COLUMNS]
            writer.writerow([_cell(value) for value in values])
    aside.replace(path)


@functools.cache
def known_trust() -> Trust:
    """The package's curves; none where the file is missing or damaged, and then there are no warnings."""
    try:
        return read_trust()
    except TrustError:
        return Trust(())


def _effect(row: dict[str, str]) -> Effect:
    strength, middle, usual = (float(row[name] or "nan") for name in ("strength", "measured", "usual"))
    n, right, plain_n, plain_right = (int(row[name]) for name in ("n", "right", "plain_n", "plain_right"))
    return Effect(
        row["kind"],
        strength,
        middle,
        usual,
        row["model"],
        row["split"],
        n,
        right,
        plain_n,
        plain_right,
    )


def _cell(value: str | float) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def _beyond(kind: str, value: float, threshold: float) -> bool:
    return value < threshold if LOWER_IS_WORSE[kind] else value > threshold


def _stricter(kind: str, one: float, other: float) -> float:
    return min(one, other) if LOWER_IS_WORSE[kind] else max(one, other)


def _nearest(effects: list[Effect], doubt: Doubt) -> Effect:
    """The strength whose measure is nearest; a range that is open to the worse side must hold the face."""
    if math.isnan(doubt.measured):
        return effects[0]
    if doubt.kind == "turned":
        held = [effect for effect in effects if effect.measured <= doubt.measured]
        return max(held or effects, key=lambda effect: effect.measured)
    return min(effects, key=lambda effect: abs(effect.measured - doubt.measured))
