"""Models held against each other on the same rows: by class, in a ranking, and where their answers differ.

Shape suffixes: N rows, K labels, R resamples.
"""

from dataclasses import dataclass

import numpy as np

from fusion_model.bootstrap import Interval, intervals
from fusion_model.evaluation import (
    ModelFigures,
    PairedComparison,
    class_measures,
    comparison_of,
    figures_of,
)
from fusion_model.group_figures import holm
from fusion_model.resampled import Groups, group_counts
from fusion_model.rows import Rows

__all__ = ["FLIPS", "PairedFigures", "RankedModel", "flips", "paired_figures", "ranking"]

#: What can become of a row between two models.
FLIPS = ("gained", "lost", "both wrong, differently")


@dataclass(frozen=True)
class PairedFigures:
    """Second model minus first, with paired 95 % bootstrap intervals, -1..1.

    Attributes
    ----------
    balanced_accuracy, macro_f1 : Interval
    precision, recall, f1 : tuple of K Interval
        By class, in label order.
    """

    first: str
    second: str
    balanced_accuracy: Interval
    macro_f1: Interval
    precision: tuple[Interval, ...]
    recall: tuple[Interval, ...]
    f1: tuple[Interval, ...]


@dataclass(frozen=True)
class RankedModel:
    """A model's figures and its comparison with the best model (None for the best itself).

    `p` is McNemar's exact test against the best, Holm-corrected over the models ranked; nan for the best.
    """

    figures: ModelFigures
    against_best: PairedComparison | None
    p: float


def paired_figures(rows: Rows, first: str, second: str) -> PairedFigures:
    """Differences of all figures of the confusion matrix, rows resampled for both models together."""
    size = len(rows.labels)
    everyone = Groups(("all",), np.zeros(len(rows), dtype=np.int64))
    answers = {model: rows.answers[model] for model in (first, second)}
    drawn = group_counts(everyone, rows.truth_N, answers, size)
    difference_RF = class_measures(drawn.overall(second)) - class_measures(drawn.overall(first))
    _, balanced, macro, _, *by_class = intervals(difference_RF)
    return PairedFigures(
        first,
        second,
        balanced,
        macro,
        tuple(by_class[:size]),
        tuple(by_class[size : 2 * size]),
        tuple(by_class[2 * size :]),
    )


def ranking(rows: Rows) -> tuple[RankedModel, ...]:
    """All models, the most accurate first; each tested against the best on the same rows."""
    all_figures = [
        figures_of(model, rows.labels, rows.truth_N, rows.probabilities[model]) for model in rows.models
    ]
    best, *others = sorted(all_figures, key=lambda item: -item.accuracy.value)
    pairs = [
        comparison_of((name, best.model), rows.truth_N, rows.answers[name], rows.answers[best.model])
        for name in (item.model for item in others)
    ]
    corrected = holm(np.array([pair.mcnemar_p for pair in pairs])).tolist() if pairs else []
    ranked = [RankedModel(item, pair, p) for item, pair, p in zip(others, pairs, corrected, strict=True)]
    return (RankedModel(best, None, float("nan")), *ranked)


def flips(rows: Rows, first: str, second: str) -> dict[str, np.ndarray]:
    """Rows, (N,) bool each, by what becomes of them from the first model to the second; see `FLIPS`."""
    right_first, right_second = rows.right(first), rows.right(second)
    differ = rows.answers[first] != rows.answers[second]
    return {
        "gained": ~right_first & right_second,
        "lost": right_first & ~right_second,
        "both wrong, differently": ~right_first & ~right_second & differ,
    }
