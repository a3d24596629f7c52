"""Cases like the one at hand, from a prediction table: what raters said, and which model was right.

Shape suffixes: N rows.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from fusion_model.bootstrap import Interval
from fusion_model.curves import wilson
from fusion_model.group_figures import LEAST_ROWS
from fusion_model.rows import Rows

__all__ = ["BANDS", "Dispute", "Raters", "dispute_of", "raters_of"]

#: Edges of the confidences, 0 to 1, that count as alike.
BANDS = (0.0, 0.5, 0.7, 0.9, 1.0)
AGREEMENT, MAJORITY = "ferplus_agreement", "ferplus_label"


@dataclass(frozen=True)
class Raters:
    """What FER+'s ten taggers said of the `n` pictures that a model calls alike.

    Attributes
    ----------
    label : what the model calls them.
    low, high : its confidence in that, 0 to 1; 0 and 1 where too few pictures have such a one.
    agreement : mean share of the votes, 0 to 1, that the most frequent answer of a picture got.
    majorities : expression that most taggers gave, and on which share of the pictures, 0 to 1; the commonest
        first.
    divided : share of the pictures, 0 to 1, on which no expression has more than half of the votes.
    """

    label: str
    low: float
    high: float
    n: int
    agreement: float
    majorities: tuple[tuple[str, float], ...]
    divided: float


@dataclass(frozen=True)
class Dispute:
    """How often each of two models was right where they gave different answers; intervals are Wilson's.

    Attributes
    ----------
    first, second : names of the models.
    first_label, second_label : their answers; empty where too few pictures have just these, and all on which
        the two differ are counted.
    n : pictures.
    first_right, second_right : shares of them, 0 to 1; on the rest neither is right.
    """

    first: str
    second: str
    first_label: str
    second_label: str
    n: int
    first_right: Interval
    second_right: Interval


def raters_of(rows: Rows, model: str, label: str, confidence: float) -> Raters | None:
    """What raters said of the pictures that the model calls so with such confidence.

    Where they are fewer than `LEAST_ROWS`, of all that it calls so; None where these are too few as well, or
    the table has no votes.

    Parameters
    ----------
    rows : of test pictures
    model : one of theirs
    label : its answer
    confidence : its probability, 0 to 1
    """
    frame = rows.table.frame
    if AGREEMENT not in frame or MAJORITY not in frame:
        return None
    agreement_N = rows.column(AGREEMENT).to_numpy(float, na_value=np.nan)
    called_N = (rows.answers[model] == rows.labels.index(label)) & np.isfinite(agreement_N)
    given_N = rows.confidence(model)
    place = min(max(int(np.searchsorted(BANDS, confidence, side="right")) - 1, 0), len(BANDS) - 2)
    low, high = BANDS[place], BANDS[place + 1]
    alike_N = called_N & (given_N >= low) & ((given_N < high) | (high == 1.0))
    if alike_N.sum() < LEAST_ROWS:
        low, high, alike_N = 0.0, 1.0, called_N
    n = int(alike_N.sum())
    if n < LEAST_ROWS:
        return None
    said = Counter(rows.column(MAJORITY)[alike_N].dropna().astype(str).tolist())
    said.pop("", None)
    majorities = tuple((name, count / n) for name, count in said.most_common())
    return Raters(label, low, high, n, float(agreement_N[alike_N].mean()), majorities, 1 - said.total() / n)


def dispute_of(rows: Rows, first: str, second: str, first_label: str, second_label: str) -> Dispute | None:
    """The record of two models on pictures on which they gave these two answers.

    Where they are fewer than `LEAST_ROWS`, on all pictures on which the two differ; None where they never do.

    Parameters
    ----------
    rows : of test pictures
    first, second : models of theirs
    first_label, second_label : their answers, two different ones
    """
    codes = rows.labels.index(first_label), rows.labels.index(second_label)
    chosen_N = (rows.answers[first] == codes[0]) & (rows.answers[second] == codes[1])
    if chosen_N.sum() < LEAST_ROWS:
        chosen_N = rows.answers[first] != rows.answers[second]
        first_label = second_label = ""
    n = int(chosen_N.sum())
    if not n:
        return None
    shares = [_share(rows.right(model)[chosen_N]) for model in (first, second)]
    return Dispute(first, second, first_label, second_label, n, *shares)


def _share(right_N: np.ndarray) -> Interval:
    hits, total = np.array([right_N.sum()]), np.array([len(right_N)])
    low, high = wilson(hits, total)
    return Interval(float(hits[0] / total[0]), float(low[0]), float(high[0]))
