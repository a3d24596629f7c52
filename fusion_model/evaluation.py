"""Figures from a prediction table: how accurate, for which expression, how sure of that we are.

``python -m fusion_model.evaluation [--json] [--table FILE] [--split SPLIT]`` prints them.

Everything here is computed from the rows of the table it is given: narrow the table first (its
`select`, `of_split`, `without_copies`), then ask.

Undefined figures follow scikit-learn. A class with rows that is never answered has precision 0
(``zero_division=0``). A class without rows has no recall: nan, left out of the balanced accuracy, as
`balanced_accuracy_score` does. A class neither shown nor answered has no figure at all and is left out
of macro F1, as `f1_score` does by default; one that is answered but not shown counts there with F1 = 0.

Shape suffixes: N rows, K labels, R resamples, F figures.
"""

from dataclasses import dataclass

import numpy as np

from fusion_model.bootstrap import RESAMPLES, Interval, intervals, with_resamples
from fusion_model.prediction_table import PredictionTable, TableError

__all__ = [
    "ClassFigures",
    "Interval",
    "ModelFigures",
    "PairedComparison",
    "compare_models",
    "comparison_of",
    "confusion",
    "figures_of",
    "model_figures",
]

ECE_BINS = 15
# The table holds five decimals: an answer written as 0.00000 can stand for anything up to this.
SMALLEST_PROBABILITY = 5e-6


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest; `precision`, `recall`, `f1` in 0..1, `support` in rows."""

    label: str
    precision: Interval
    recall: Interval
    f1: Interval
    support: int


@dataclass(frozen=True, eq=False)
class ModelFigures:
    """How one model did on `n` rows.

    Attributes
    ----------
    accuracy, balanced_accuracy, macro_f1, weighted_f1 : Interval
        Of the most probable label, in 0..1.
    ece : float
        Expected calibration error in 0..1, see `calibration_error`.
    brier : float
        Mean squared distance of the probabilities from the truth, summed over classes, 0..2 (Brier 1950).
    nll : float
        Mean negative log-likelihood in nats, probabilities not below `SMALLEST_PROBABILITY`.
    classes : tuple of ClassFigures
        In label order.
    confusion_KK : numpy.ndarray
        Counts, read-only; rows are the truth, columns the answer.
    """

    model: str
    n: int
    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    weighted_f1: Interval
    ece: float
    brier: float
    nll: float
    classes: tuple[ClassFigures, ...]
    confusion_KK: np.ndarray


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same `n` rows.

    Attributes
    ----------
    difference : Interval
        Accuracy of `second` minus accuracy of `first`, -1..1, with the paired bootstrap interval.
    both_right, only_first, only_second, both_wrong : int
        Rows by which of the two is right.
    mcnemar_p : float
        Two-sided exact McNemar test (binomial, at every n) of equal accuracy.
    agreement : float
        Share of rows, 0..1, on which both give the same label, right or wrong.
    """

    first: str
    second: str
    n: int
    difference: Interval
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    mcnemar_p: float
    agreement: float


def model_figures(
    table: PredictionTable, model: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> ModelFigures:
    """All figures of one model on the rows of the table.

    The bootstrap draws confusion matrices instead of rows (see `fusion_model.bootstrap`). The interval is
    the percentile interval over the resamples in which the figure is defined.

    Raises
    ------
    TableError
        If the table has no rows left or no such model.
    """
    probabilities_NK = table.probabilities(model)
    return figures_of(model, table.labels, table.truth(), probabilities_NK, resamples=resamples, seed=seed)


def figures_of(
    model: str,
    labels: tuple[str, ...],
    truth_N: np.ndarray,
    probabilities_NK: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ModelFigures:
    """`model_figures` of arrays: N codes into the K `labels`, and (N, K) probabilities."""
    _check_rows(len(truth_N))
    size = len(labels)
    confusion_KK = confusion(truth_N, probabilities_NK.argmax(axis=1), size)
    accuracy, balanced, macro, weighted, *per_class = intervals(
        class_measures(with_resamples(confusion_KK, resamples, seed))
    )
    precisions, recalls, f1s = per_class[:size], per_class[size : 2 * size], per_class[2 * size :]
    support_K = confusion_KK.sum(axis=1)
    confusion_KK.flags.writeable = False
    return ModelFigures(
        model,
        len(truth_N),
        accuracy,
        balanced,
        macro,
        weighted,
        ece=calibration_error(truth_N, probabilities_NK),
        brier=brier_score(truth_N, probabilities_NK),
        nll=negative_log_likelihood(truth_N, probabilities_NK),
        classes=tuple(
            ClassFigures(label, precisions[code], recalls[code], f1s[code], int(support_K[code]))
            for code, label in enumerate(labels)
        ),
        confusion_KK=confusion_KK,
    )


def compare_models(
    table: PredictionTable, first: str, second: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedComparison:
    """Two models on the same rows; the bootstrap keeps the pairs (multinomial over the four outcomes).

    Raises
    ------
    TableError
        If the table has no rows left or lacks one of the models.
    """
    answers = table.predicted(first), table.predicted(second)
    return comparison_of((first, second), table.truth(), *answers, resamples=resamples, seed=seed)


def comparison_of(
    names: tuple[str, str],
    truth_N: np.ndarray,
    first_N: np.ndarray,
    second_N: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """`compare_models` of codes: the truth, and the answers of the two models named, each (N,)."""
    from statsmodels.stats.contingency_tables import mcnemar  # slow to import, and only needed here

    _check_rows(len(truth_N))
    n = len(truth_N)
    # Rows: first right, first wrong. Columns: second right, second wrong.
    outcomes_22 = confusion((first_N != truth_N).astype(int), (second_N != truth_N).astype(int), 2)
    counts_R22 = with_resamples(outcomes_22, resamples, seed)
    difference_R1 = (counts_R22[:, 1, :1] - counts_R22[:, 0, 1:]) / n
    (both_right, only_first), (only_second, both_wrong) = outcomes_22.tolist()
    return PairedComparison(
        *names,
        n,
        intervals(difference_R1)[0],
        both_right,
        only_first,
        only_second,
        both_wrong,
        mcnemar_p=float(mcnemar(outcomes_22, exact=True).pvalue),
        agreement=float(np.mean(first_N == second_N)),
    )


def calibration_error(truth_N: np.ndarray, probabilities_NK: np.ndarray) -> float:
    """Expected calibration error of the most probable label, 0..1.

    15 bins of equal width over its probability, each closed above: the mean over rows of
    |share right - mean probability| of the row's bin (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
    """
    confidence_N = probabilities_NK.max(axis=1)
    right_N = probabilities_NK.argmax(axis=1) == truth_N
    bin_N = np.searchsorted(np.linspace(0, 1, ECE_BINS + 1)[1:-1], confidence_N)
    gap_B = np.bincount(bin_N, weights=right_N - confidence_N, minlength=ECE_BINS)
    return float(np.abs(gap_B).sum() / len(truth_N))


def brier_score(truth_N: np.ndarray, probabilities_NK: np.ndarray) -> float:
    one_hot_NK = np.eye(probabilities_NK.shape[1])[truth_N]
    return float(((probabilities_NK - one_hot_NK) ** 2).sum(axis=1).mean())


def negative_log_likelihood(truth_N: np.ndarray, probabilities_NK: np.ndarray) -> float:
    given_N = probabilities_NK[np.arange(len(truth_N)), truth_N]
    return float(-np.log(np.clip(given_N, SMALLEST_PROBABILITY, 1)).mean())


def _check_rows(n: int) -> None:
    if not n:
        raise TableError("No rows are left to compute figures from; choose a wider slice.")


def confusion(truth_N: np.ndarray, answer_N: np.ndarray, size: int) -> np.ndarray:
    """Counts (K, K) of codes below `size`: rows are the truth, columns the answer."""
    return np.bincount(truth_N * size + answer_N, minlength=size * size).reshape(size, size)


def class_measures(confusion_RKK: np.ndarray) -> np.ndarray:
    """(R, F): accuracy, balanced accuracy, macro F1, weighted F1, then K precisions, K recalls, K F1s."""
    hits_RK = np.einsum("rkk->rk", confusion_RKK)
    shown_RK, answered_RK = confusion_RKK.sum(axis=2), confusion_RKK.sum(axis=1)
    n_R = shown_RK.sum(axis=1)
    precision_RK = _ratio(hits_RK, answered_RK)
    precision_RK[(answered_RK == 0) & (shown_RK > 0)] = 0
    recall_RK = _ratio(hits_RK, shown_RK)
    f1_RK = _ratio(2 * hits_RK, shown_RK + answered_RK)
    over_all = (
        hits_RK.sum(axis=1) / n_R,
        np.nanmean(recall_RK, axis=1),
        np.nanmean(f1_RK, axis=1),
        np.nansum(f1_RK * shown_RK, axis=1) / n_R,
    )
    return np.column_stack([*over_all, precision_RK, recall_RK, f1_RK])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


if __name__ == "__main__":
    import sys

    from fusion_model.evaluation_report import main

    sys.exit(main())
