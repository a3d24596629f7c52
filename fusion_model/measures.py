"""The measures that groups and models are compared by: figures of a confusion matrix, in 0..1.

Shape suffixes: K labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Measure", "alarm_parts", "measures", "ratio", "recall_parts"]

Parts = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Measure:
    """A figure of a confusion matrix, in 0..1.

    Attributes
    ----------
    key, name : str
        For an address, and for people.
    parts : callable or None
        Counts (..., K, K) to hits and total (...), where the figure is a share of rows.
    whole : callable or None
        Counts to the figure, where it is none.
    higher_is_better : bool or None
        None where neither is.
    """

    key: str
    name: str
    parts: Parts | None = None
    whole: Callable[[np.ndarray], np.ndarray] | None = None
    higher_is_better: bool | None = True

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The figure of counts (..., K, K); nan where it is undefined."""
        if self.parts is not None:
            return ratio(*self.parts(counts))
        assert self.whole is not None
        return self.whole(counts)

    def rows(self, counts: np.ndarray) -> np.ndarray:
        """How many rows the figure is about (...)."""
        return self.parts(counts)[1] if self.parts is not None else counts.sum(axis=(-1, -2))


def measures(labels: tuple[str, ...]) -> tuple[Measure, ...]:
    """All measures for these labels, the common ones first."""
    found = [
        Measure("accuracy", "Accuracy", parts=lambda c: (_hits(c).sum(axis=-1), c.sum(axis=(-1, -2)))),
        Measure("balanced", "Balanced accuracy", whole=_balanced),
        Measure("f1", "Macro F1", whole=_macro_f1),
    ]
    for code, label in enumerate(labels):
        found.append(Measure(f"recall-{label}", f"Recall of {label}", parts=recall_parts(code)))
    for code, label in enumerate(labels):
        found.append(Measure(f"precision-{label}", f"Precision of {label}", parts=_precision_parts(code)))
    for code, label in enumerate(labels):
        found.append(
            Measure(
                f"alarms-{label}",
                f"False alarms for {label}",
                parts=alarm_parts(code),
                higher_is_better=False,
            )
        )
    for code, label in enumerate(labels):
        found.append(
            Measure(
                f"share-{label}",
                f"Share answered {label}",
                parts=_share_parts(code),
                higher_is_better=None,
            )
        )
    return tuple(found)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, element by element; nan where the whole is 0."""
    part = np.asarray(part, dtype=np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=np.asarray(whole) > 0)


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.einsum("...kk->...k", counts)


def _balanced(counts: np.ndarray) -> np.ndarray:
    recall = ratio(_hits(counts), counts.sum(axis=-1))
    known = np.isfinite(recall)
    return ratio(np.where(known, recall, 0).sum(axis=-1), known.sum(axis=-1))


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    f1 = ratio(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2))
    known = np.isfinite(f1)
    return ratio(np.where(known, f1, 0).sum(axis=-1), known.sum(axis=-1))


def recall_parts(code: int) -> Parts:
    """How often a label that is shown is answered."""
    return lambda c: (c[..., code, code], c[..., code, :].sum(axis=-1))


def _precision_parts(code: int) -> Parts:
    return lambda c: (c[..., code, code], c[..., :, code].sum(axis=-1))


def _share_parts(code: int) -> Parts:
    return lambda c: (c[..., :, code].sum(axis=-1), c.sum(axis=(-1, -2)))


def alarm_parts(code: int) -> Parts:
    """How often a label that is not shown is answered."""

    def parts(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown = c[..., code, :].sum(axis=-1)
        return c[..., :, code].sum(axis=-1) - c[..., code, code], c.sum(axis=(-1, -2)) - shown

    return parts
