"""Bootstrap intervals from counts: resamples of a table of counts, and the percentile interval of a figure.

N rows drawn with replacement fall into the cells of a table of counts with multinomial counts of
probabilities cell / N. So for every figure of the counts this is the row bootstrap itself, at a cost that
does not grow with N.

Shape suffixes: A, B axes of the counts, C non-empty cells, R resamples, F figures.
"""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A figure and the 95 % bootstrap percentile interval around it; nan where it is undefined."""

    value: float
    low: float
    high: float


def with_resamples(counts_AB: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """The observed counts, then their bootstrap resamples, (1 + R, A, B) int.

    Raises
    ------
    ValueError
        Without a resample.
    """
    if resamples < 1:
        raise ValueError(f"at least one resample is needed, not {resamples}")
    flat = counts_AB.ravel()
    cells_C = np.flatnonzero(flat)  # empty cells stay empty; drawing for them costs time
    n = flat.sum()
    all_RAB = np.zeros((1 + resamples, flat.size), dtype=np.int64)
    all_RAB[0] = flat
    all_RAB[1:, cells_C] = np.random.default_rng(seed).multinomial(n, flat[cells_C] / n, size=resamples)
    return all_RAB.reshape(-1, *counts_AB.shape)


def intervals(figures_RF: np.ndarray) -> list[Interval]:
    """One interval a column: the value in row 0, the bounds over the defined ones of the other rows.

    Efron & Tibshirani 1993, chapter 13.
    """
    drawn_RF = np.sort(figures_RF[1:], axis=0)  # nan last
    defined_F = np.count_nonzero(~np.isnan(drawn_RF), axis=0)
    places_2F = np.array([[0.025], [0.975]]) * np.maximum(defined_F - 1, 0)
    below_2F = np.floor(places_2F).astype(int)
    above_2F = np.minimum(below_2F + 1, np.maximum(defined_F - 1, 0))
    low_2F = np.take_along_axis(drawn_RF, below_2F, axis=0)
    bounds_2F = low_2F + (np.take_along_axis(drawn_RF, above_2F, axis=0) - low_2F) * (places_2F - below_2F)
    columns = zip(figures_RF[0].tolist(), *bounds_2F.tolist(), strict=True)
    return [Interval(value, low, high) for value, low, high in columns]


def share(hit_N: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The share of rows that are true, 0..1; nan without rows."""
    n = len(hit_N)
    if not n:
        return Interval(np.nan, np.nan, np.nan)
    hits = int(np.count_nonzero(hit_N))
    counts_R2 = with_resamples(np.array([hits, n - hits]), resamples, seed)
    return intervals(counts_R2[:, :1] / n)[0]
