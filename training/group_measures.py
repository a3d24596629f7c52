"""What the classifier of groups is measured by: FairFace's classes merged, calibrated, held against labels.

Shape suffixes: N pictures, F classes of FairFace, G groups, K expressions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from fusion_model.calibration import fit_temperature
from fusion_model.classifier import softmax
from fusion_model.curves import reliability
from fusion_model.labels import EXPRESSIONS
from training.fairface import AGES, GENDERS, RACES, FairFace

Answers = Sequence[np.ndarray]


@dataclass(frozen=True)
class Kind:
    """One way of sorting faces.

    Attributes
    ----------
    name, title : for columns, and for people.
    head : 0 age, 1 gender, 2 race: which of the classifier's answers it is made of.
    finer : FairFace's classes, in the order of that answer.
    merged : the groups, and the classes of each.
    """

    name: str
    title: str
    head: int
    finer: tuple[str, ...]
    merged: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The groups."""
        return tuple(self.merged)

    def group_of(self, part: str) -> str:
        """The group of one of FairFace's classes."""
        return next(name for name, parts in self.merged.items() if part in parts)

    @property
    def group_F(self) -> np.ndarray:
        """The group of each of FairFace's classes, (F,) int."""
        place = {part: group for group, parts in enumerate(self.merged.values()) for part in parts}
        return np.array([place[part] for part in self.finer])

    def finer_truth(self, faces: FairFace) -> np.ndarray:
        """The faces' labels as places in `finer`, (N,) int."""
        return (faces.age_N, faces.gender_N, faces.race_N)[self.head]

    def truth(self, faces: FairFace) -> np.ndarray:
        """The faces' labels as places in `names`, (N,) int."""
        return self.group_F[self.finer_truth(faces)]

    def log_shares(self, answers: Answers) -> np.ndarray:
        """Log-probabilities of the groups, (N, G), not calibrated."""
        log_NF = answers[self.head]
        columns = [logsumexp(log_NF[:, self.group_F == group], axis=1) for group in range(len(self.names))]
        return np.stack(columns, axis=1)


#: By the faces kept back from training: classes that the classifier mixes up are one group. Of the nine bands
#: it tells half for less than a third of their faces. Middle Eastern faces it tells for one in six and Latino
#: faces for one in three, both mixed with White ones; East and Southeast Asian ones with each other.
KINDS = (
    Kind(
        "gender",
        "gender presentation",
        1,
        GENDERS,
        {"female": ("Female",), "male": ("Male",)},
    ),
    Kind(
        "age",
        "age band",
        0,
        AGES,
        {
            "under 10": ("0-2", "3-9"),
            "10 to 29": ("10-19", "20-29"),
            "30 to 49": ("30-39", "40-49"),
            "50 and over": ("50-59", "60-69", "more than 70"),
        },
    ),
    Kind(
        "race",
        "FairFace group",
        2,
        RACES,
        {
            "Black": ("Black",),
            "East or Southeast Asian": ("East Asian", "Southeast Asian"),
            "Indian": ("Indian",),
            "Latino, Middle Eastern or White": ("Latino_Hispanic", "Middle Eastern", "White"),
        },
    ),
)


def temperatures(answers: Answers, faces: FairFace) -> dict[str, float]:
    """The temperature of each kind, from faces that it was not trained on and is not measured on."""
    return {kind.name: fit_temperature(kind.log_shares(answers), kind.truth(faces)) for kind in KINDS}


def shares(answers: Answers, temperature: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Calibrated probabilities (N, G) of each kind."""
    return {kind.name: softmax(kind.log_shares(answers), temperature[kind.name]) for kind in KINDS}


def figures(
    kind: Kind, answers: Answers, temperature: Mapping[str, float], faces: FairFace, expression_NK: np.ndarray
) -> dict[str, Any]:
    """Everything measured of one kind on labelled faces, as plain values.

    Parameters
    ----------
    kind : Kind
    answers : the classifier's, of these faces
    temperature : of `temperatures`
    faces : N of them
    expression_NK : (N, K) probabilities that the CNN gives the expressions on these faces
    """
    shares_NG = softmax(kind.log_shares(answers), temperature[kind.name])
    truth_N, answer_N = kind.truth(faces), shares_NG.argmax(axis=1)
    right_N, confidence_N = truth_N == answer_N, shares_NG.max(axis=1)
    looks_N, sure_N = expression_NK.argmax(axis=1), expression_NK.max(axis=1)
    surer_N = sure_N >= np.median(sure_N)
    return {
        "title": kind.title,
        "names": list(kind.names),
        "merged": {name: list(parts) for name, parts in kind.merged.items()},
        "counts": counted(truth_N, answer_N, len(kind.names)),
        "finer": {
            "names": list(kind.finer),
            "counts": counted(kind.finer_truth(faces), answers[kind.head].argmax(axis=1), len(kind.finer)),
        },
        "temperature": round(temperature[kind.name], 4),
        "ece": round(reliability(confidence_N, right_N).error, 4),
        "confidence": {"fairface": round(float(confidence_N.mean()), 4)},
        "by_expression": {label: tally(right_N[looks_N == code]) for code, label in enumerate(EXPRESSIONS)},
        "by_certainty": {"surer half": tally(right_N[surer_N]), "less sure half": tally(right_N[~surer_N])},
    }


def counted(truth_N: np.ndarray, answer_N: np.ndarray, size: int) -> list[list[int]]:
    """How many of each true class (rows) got each answer (columns)."""
    flat = np.bincount(truth_N * size + answer_N, minlength=size * size)
    rows: list[list[int]] = flat.reshape(size, size).tolist()
    return rows


def tally(right_N: np.ndarray) -> dict[str, int]:
    """How many, and how many of them right."""
    return {"n": len(right_N), "right": int(right_N.sum())}
