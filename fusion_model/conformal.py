"""Conformal prediction sets: as many expressions as are needed to hold the labelled one this often.

Split conformal prediction (Vovk et al. 2005; MAPIE does the calibration): on pictures that the model was not
trained on, a threshold is found; a set then holds every expression that gets at least so much probability.
On pictures of the same kind, sets hold the label with the probability asked for, whatever the model is worth:
a poor model pays with larger sets. That is true over all pictures, not for each expression by itself.

The score is LAC, 1 minus the probability of the label (Sadinle et al. 2019,
https://doi.org/10.1080/01621459.2017.1395341). APS (Romano et al. 2020) and RAPS (Angelopoulos et al.
2021) were tried on PublicTest in halves, calibrated on one and measured on the other (`compare_scores`; a
test does it again): all three hold the label as often as asked or more, within the noise of halving, and the
sets of LAC are the smallest for both models at every level. LAC also needs no chance to be exact, and one
number is all that it takes to make a set.

Shape suffixes: N rows, K labels.
"""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusion_model.bootstrap import Interval, share
from fusion_model.errors import ExpressionLensError
from fusion_model.prediction_table import PredictionTable, of_split

if TYPE_CHECKING:
    from mapie.classification import SplitConformalClassifier

__all__ = [
    "LEVELS",
    "ClassCoverage",
    "ConformalError",
    "ConformalFigures",
    "calibrated_threshold",
    "compare_scores",
    "conformal_figures",
    "fit_threshold",
    "prediction_sets",
    "sets_of_split",
]

LEVELS = (0.8, 0.9, 0.95)
CALIBRATION_SPLIT = "PublicTest"
SCORES = ("lac", "aps", "raps")


class ConformalError(ExpressionLensError):
    """Sets of the level asked for cannot be calibrated on these rows."""


@dataclass(frozen=True)
class ClassCoverage:
    """Sets of the rows of one true class: how often they hold it, 0..1, and how many labels they hold."""

    label: str
    support: int
    coverage: Interval
    mean_size: float


@dataclass(frozen=True)
class ConformalFigures:
    """How sets did on `n` rows that they were not calibrated on.

    Attributes
    ----------
    level : float
        Share of rows, 0..1, that the sets were calibrated to hold the label of.
    coverage : Interval
        Share of rows whose set holds the label, 0..1; the interval takes the threshold as given.
    mean_size : float
        Labels in a set, 1..K.
    size_shares : tuple of K floats
        Share of rows, 0..1, whose set holds 1, 2, ..., K labels.
    classes : tuple of ClassCoverage
        In label order; nan where a class has no rows.
    """

    level: float
    n: int
    coverage: Interval
    mean_size: float
    size_shares: tuple[float, ...]
    classes: tuple[ClassCoverage, ...]


def fit_threshold(probabilities_NK: np.ndarray, labels_N: np.ndarray, level: float) -> float:
    """The least probability that a label in a set must have.

    MAPIE tells sets, not the threshold; with the LAC score it is the probability of the least probable label
    among those of the calibration rows that are in their row's set.

    Parameters
    ----------
    probabilities_NK : (N, K) of pictures that the network was not trained on
    labels_N : (N,) class codes
    level : share of pictures whose set is to hold the label, above 0 and below 1

    Returns
    -------
    float in 0..1, for `prediction_sets`.

    Raises
    ------
    ConformalError
        Where there are too few rows for this level, or the level is none.
    """
    _check(level, len(labels_N))
    classifier = _calibrated(probabilities_NK, labels_N, level, "lac")
    _, sets_NKL = classifier.predict_set(_normalised(probabilities_NK))
    rows_N = np.arange(len(labels_N))
    given_N = _normalised(probabilities_NK)[rows_N, labels_N]
    return float(given_N[sets_NKL[rows_N, labels_N, 0]].min())


def prediction_sets(probabilities_NK: np.ndarray, threshold: float) -> np.ndarray:
    """The labels of each row that get at least the threshold, and always the most probable: (N, K) bool."""
    sets_NK = _normalised(probabilities_NK) >= threshold
    sets_NK[np.arange(len(sets_NK)), probabilities_NK.argmax(axis=1)] = True
    return sets_NK


def calibrated_threshold(table: PredictionTable, model: str, level: float) -> float:
    """The threshold of one model for pictures that are not of PublicTest: fitted on that split alone.

    Raises
    ------
    ConformalError
        Where PublicTest has too few rows for this level.
    TableError
        Where the table has no such model, or no PublicTest.
    """
    calibration = of_split(table, CALIBRATION_SPLIT)
    return fit_threshold(calibration.probabilities(model), calibration.truth(), level)


def sets_of_split(table: PredictionTable, split: str, model: str, level: float) -> np.ndarray:
    """The sets of all rows of one split, (N, K) bool, calibrated on other rows: those of PublicTest.

    For PublicTest itself, each half (drawn at random, the same every time) has its sets calibrated on the
    other.

    Raises
    ------
    ConformalError
        Where PublicTest has too few rows for this level.
    TableError
        Where the table has no such split or model, or no PublicTest.
    """
    rows = of_split(table, split)
    p_NK, truth_N = rows.probabilities(model), rows.truth()
    if split != CALIBRATION_SPLIT:
        return prediction_sets(p_NK, calibrated_threshold(table, model, level))
    order_N = np.random.default_rng(0).permutation(len(rows))
    halves = np.array_split(order_N, 2)
    sets_NK = np.zeros(p_NK.shape, dtype=bool)
    for measured, used in (halves, halves[::-1]):
        sets_NK[measured] = prediction_sets(p_NK[measured], fit_threshold(p_NK[used], truth_N[used], level))
    return sets_NK


def conformal_figures(
    sets_NK: np.ndarray, truth_N: np.ndarray, labels: tuple[str, ...], level: float
) -> ConformalFigures:
    """How the sets did.

    Parameters
    ----------
    sets_NK : (N, K) bool, calibrated on other rows
    truth_N : (N,) class codes
    labels : the K classes
    level : what the sets were calibrated to
    """
    held_N = sets_NK[np.arange(len(truth_N)), truth_N]
    sizes_N = sets_NK.sum(axis=1)
    classes = []
    for code, label in enumerate(labels):
        of_class_N = truth_N == code
        support = int(of_class_N.sum())
        mean_size = float(sizes_N[of_class_N].mean()) if support else math.nan
        classes.append(ClassCoverage(label, support, share(held_N[of_class_N]), mean_size))
    size_shares = np.bincount(sizes_N, minlength=len(labels) + 1)[1:] / len(sizes_N)
    return ConformalFigures(
        level,
        len(truth_N),
        share(held_N),
        float(sizes_N.mean()),
        tuple(size_shares.tolist()),
        tuple(classes),
    )


def compare_scores(
    probabilities_NK: np.ndarray, labels_N: np.ndarray, level: float, *, repeats: int = 10
) -> dict[str, tuple[float, float]]:
    """Mean coverage (0..1) and mean size (labels) of sets of each of `SCORES`, by cross-fitting halves.

    APS and RAPS decide by chance over the last label of a set: without that, they hold the label more often
    than asked, in larger sets. As in `prediction_sets`, the most probable label is always in.

    Parameters
    ----------
    probabilities_NK, labels_N, level : as for `fit_threshold`
    repeats : how many times the rows are halved
    """
    from sklearn.model_selection import RepeatedKFold

    _check(level, len(labels_N) // 2)
    p_NK = _normalised(probabilities_NK)
    halves = RepeatedKFold(n_splits=2, n_repeats=repeats, random_state=0)
    found: dict[str, list[tuple[float, float]]] = {score: [] for score in SCORES}
    for used, measured in halves.split(p_NK):
        for score, trials in found.items():
            classifier = _calibrated(p_NK[used], labels_N[used], level, score)
            by_chance = {} if score == "lac" else {"include_last_label": "randomized"}
            _, sets_NKL = classifier.predict_set(p_NK[measured], by_chance)
            sets_NK, rows_N = sets_NKL[:, :, 0], np.arange(len(measured))
            sets_NK[rows_N, p_NK[measured].argmax(axis=1)] = True
            trials.append((sets_NK[rows_N, labels_N[measured]].mean(), sets_NK.sum(axis=1).mean()))
    means = {score: np.mean(trials, axis=0).tolist() for score, trials in found.items()}
    return {score: (coverage, size) for score, (coverage, size) in means.items()}


class _Given:
    """A fitted classifier, as MAPIE knows them, whose inputs already are the probabilities."""

    def __init__(self, size: int) -> None:
        self.classes_ = np.arange(size)

    def predict(self, p_NK: np.ndarray) -> np.ndarray:
        return self.classes_[p_NK.argmax(axis=1)]

    def predict_proba(self, p_NK: np.ndarray) -> np.ndarray:
        return p_NK


def _calibrated(
    probabilities_NK: np.ndarray, labels_N: np.ndarray, level: float, score: str
) -> "SplitConformalClassifier":
    from mapie.classification import SplitConformalClassifier  # a second to import, and only needed here

    classifier = SplitConformalClassifier(
        _Given(probabilities_NK.shape[1]), confidence_level=level, conformity_score=score, random_state=0
    )
    with warnings.catch_warnings():
        # The promise is over all rows together: it holds where a class has none.
        warnings.filterwarnings("ignore", ".*conformalization dataset has less labels.*", UserWarning)
        classifier.conformalize(_normalised(probabilities_NK), labels_N)
    return classifier


def _normalised(probabilities_NK: np.ndarray) -> np.ndarray:
    """Rows that sum to 1 as closely as MAPIE asks; those of a table do so within 0.001."""
    p_NK = np.asarray(probabilities_NK, dtype=np.float64)
    return p_NK / p_NK.sum(axis=1, keepdims=True)


def _check(level: float, n: int) -> None:
    if not 0 < level < 1:
        raise ConformalError(f"A level is above 0 and below 1, such as 0.9, not {level:g}.")
    needed = math.ceil(round(max(1 / level, 1 / (1 - level)), 6))
    if n < needed:
        raise ConformalError(
            f"Sets that hold the label {100 * level:g} % of the time need {needed} labelled pictures or more "
            f"to be calibrated on; there are {n}."
        )
