"""Curves from probabilities: ROC and precision-recall of each class, reliability, risk against coverage.

Shape suffixes: N rows, K labels, T thresholds, B bins, P points of a drawn curve.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid

from fusion_model.bootstrap import Interval
from fusion_model.evaluation import ECE_BINS

__all__ = [
    "ClassCurve",
    "Reliability",
    "RiskCoverage",
    "class_curves",
    "reliability",
    "risk_coverage",
    "wilson",
]

#: Points of a curve that is drawn; the areas are those of all points.
MOST_POINTS = 200
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """One class against the rest, by its probability; nan areas and no points where a side has no rows.

    Attributes
    ----------
    label : str
    positives : int
        Rows of the class.
    false_alarms_P, hits_P : (P,) in 0..1
        The ROC curve from (0, 0) to (1, 1).
    recall_P, precision_P : (P,) in 0..1
        The precision-recall curve, recall falling; ends at recall 0, precision 1.
    roc_area : float
        Area under the ROC curve, 0..1; 0.5 is chance.
    average_precision : float
        Mean precision weighted by the steps in recall, 0..1; chance is the share of the class.
    """

    label: str
    positives: int
    false_alarms_P: np.ndarray
    hits_P: np.ndarray
    recall_P: np.ndarray
    precision_P: np.ndarray
    roc_area: float
    average_precision: float


def class_curves(
    truth_N: np.ndarray, probabilities_NK: np.ndarray, labels: tuple[str, ...]
) -> tuple[ClassCurve, ...]:
    """The curves of every class, in label order; figures as scikit-learn's `roc_curve` and relatives."""
    return tuple(
        _class_curve(label, truth_N == code, probabilities_NK[:, code]) for code, label in enumerate(labels)
    )


def _class_curve(label: str, is_class_N: np.ndarray, score_N: np.ndarray) -> ClassCurve:
    n, positives = len(is_class_N), int(np.count_nonzero(is_class_N))
    if positives in (0, n):
        none = np.zeros(0)
        return ClassCurve(label, positives, none, none, none, none, math.nan, math.nan)
    order_N = np.argsort(-score_N)
    score_N = score_N[order_N]
    last_T = np.append(np.flatnonzero(np.diff(score_N)), n - 1)  # the last row of each different score
    hits_T = np.cumsum(is_class_N[order_N])[last_T]
    answered_T = last_T + 1
    recall_T, precision_T = hits_T / positives, hits_T / answered_T
    hits_P = np.append(0, recall_T)
    false_alarms_P = np.append(0, (answered_T - hits_T) / (n - positives))
    full = 1 + int(np.searchsorted(hits_T, positives))  # further thresholds only lose precision
    recall_P = np.append(recall_T[:full][::-1], 0)
    precision_P = np.append(precision_T[:full][::-1], 1)
    steps_T = np.diff(np.append(0, recall_T))
    roc, pr = _thinned(len(hits_P)), _thinned(len(recall_P))
    return ClassCurve(
        label,
        positives,
        false_alarms_P[roc],
        hits_P[roc],
        recall_P[pr],
        precision_P[pr],
        roc_area=float(trapezoid(hits_P, false_alarms_P)),
        average_precision=float((steps_T * precision_T).sum()),
    )


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often answers of a certain confidence are right.

    Attributes
    ----------
    edges_B1 : (B + 1,)
        Of the bins, 0..1; each closed above.
    count_B : (B,) int
    confidence_B, right_B : (B,) in 0..1
        Mean probability of the answer, and share of right answers; nan in an empty bin.
    low_B, high_B : (B,)
        The 95 % Wilson interval of the share.
    error : float
        Expected calibration error of these bins, 0..1.
    overconfidence : float
        Mean probability of the answer minus accuracy, -1..1.
    """

    edges_B1: np.ndarray
    count_B: np.ndarray
    confidence_B: np.ndarray
    right_B: np.ndarray
    low_B: np.ndarray
    high_B: np.ndarray
    error: float
    overconfidence: float


def confidence_bins(confidence_N: np.ndarray, bins: int = ECE_BINS) -> np.ndarray:
    """The bin of each confidence, (N,) int: equal width over 0..1, each closed above (Guo et al. 2017)."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence_N)


def reliability(confidence_N: np.ndarray, right_N: np.ndarray, bins: int = ECE_BINS) -> Reliability:
    """The reliability diagram of the most probable label (DeGroot & Fienberg 1983; Guo et al. 2017)."""
    bin_N = confidence_bins(confidence_N, bins)
    count_B = np.bincount(bin_N, minlength=bins)
    some_B = np.where(count_B, count_B, np.nan)
    confidence_B = np.bincount(bin_N, weights=confidence_N, minlength=bins) / some_B
    hits_B = np.bincount(bin_N, weights=right_N, minlength=bins)
    low_B, high_B = wilson(hits_B, count_B)
    gap_B = np.nan_to_num(hits_B / some_B - confidence_B)
    return Reliability(
        np.linspace(0, 1, bins + 1),
        count_B,
        confidence_B,
        hits_B / some_B,
        low_B,
        high_B,
        error=float((np.abs(gap_B) * count_B).sum() / len(right_N)),
        overconfidence=float(confidence_N.mean() - right_N.mean()),
    )


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What is gained by leaving the least sure answers out (El-Yaniv & Wiener 2010).

    Attributes
    ----------
    coverage_P : (P,) in 0..1
        Share of rows answered, the surest first.
    risk_P : (P,) in 0..1
        Share of wrong answers among them.
    area : float
        Mean risk over all coverages, 0..1 (AURC); lower is better.
    at : tuple of (coverage, Interval)
        Accuracy at the `COVERAGES`, with 95 % Wilson intervals that take the threshold as given.
    """

    coverage_P: np.ndarray
    risk_P: np.ndarray
    area: float
    at: tuple[tuple[float, Interval], ...]


def risk_coverage(confidence_N: np.ndarray, right_N: np.ndarray) -> RiskCoverage:
    """Risk against coverage by the probability of the answer; rows of the same one stay in their order."""
    n = len(right_N)
    hits_N = np.cumsum(right_N[np.argsort(-confidence_N, kind="stable")])
    answered_N = np.arange(1, n + 1)
    risk_N = 1 - hits_N / answered_N
    shown = _thinned(n)
    at = []
    for coverage in COVERAGES:
        kept = max(math.ceil(round(coverage * n, 6)), 1)
        hits = int(hits_N[kept - 1])
        low, high = wilson(np.array([hits]), np.array([kept]))
        at.append((coverage, Interval(hits / kept, float(low[0]), float(high[0]))))
    return RiskCoverage(answered_N[shown] / n, risk_N[shown], float(risk_N.mean()), tuple(at))


def wilson(hits: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the 95 % Wilson interval of a share (Wilson 1927); nan where the total is 0."""
    z2 = 1.959963984540054**2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.asarray(hits) / np.asarray(total, dtype=np.float64)
        middle = share + z2 / (2 * total)
        half = np.sqrt(z2 * (share * (1 - share) / total + z2 / (4 * np.square(total, dtype=np.float64))))
        scale = 1 + z2 / total
        low, high = np.clip((middle - half) / scale, 0, 1), np.clip((middle + half) / scale, 0, 1)
    empty = np.asarray(total) == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _thinned(n: int) -> np.ndarray:
    """At most `MOST_POINTS` places of n, both ends among them."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
