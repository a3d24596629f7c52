"""Figures by group: any measure of any groups, with gaps, ratios, and how far chance alone reaches.

The measures that fairness is judged by are those of Fairlearn's MetricFrame and of Hardt et al. 2016
(https://arxiv.org/abs/1610.02413): equal opportunity compares how often an expression that is shown is
recognised; equalised odds compares false alarms as well.

Shape suffixes: N rows, G groups, K labels, R resamples.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from fusion_model.bootstrap import Interval, intervals
from fusion_model.curves import wilson
from fusion_model.measures import Measure, alarm_parts, ratio, recall_parts
from fusion_model.resampled import GroupCounts, Groups

__all__ = [
    "LEAST_ROWS",
    "GroupFigure",
    "GroupReport",
    "OddsGap",
    "group_report",
    "narrowing",
    "odds_gaps",
]

#: A group with fewer rows is shown but never ranked.
LEAST_ROWS = 30


@dataclass(frozen=True)
class GroupFigure:
    """One measure of one group.

    Attributes
    ----------
    name : str
    n : int
        Rows that the measure is about: for a recall, those that show the expression.
    units : int
        Clusters (persons) of the group; its rows where there are none.
    figure : Interval
        95 %: Wilson where the figure is a share of independent rows, else bootstrap percentiles.
    ranked : bool
        Whether it has `LEAST_ROWS` rows and a figure.
    p : float
        That the group differs from all others only by chance: two-sided, by the bootstrap's standard error,
        Holm-corrected over the ranked groups; nan where it cannot be told.
    """

    name: str
    n: int
    units: int
    figure: Interval
    ranked: bool
    p: float


@dataclass(frozen=True)
class GroupReport:
    """One measure of one model by group.

    Attributes
    ----------
    model : str
    measure : Measure
    groups : tuple of GroupFigure
    overall : Interval
        Of all rows together.
    highest, lowest : str
        The ranked groups at the ends; "" where fewer than two are ranked.
    gap : Interval
        Highest minus lowest; the interval keeps these two groups.
    ratio : Interval
        Lowest over highest, likewise.
    by_chance : float
        The mean gap of groups of these sizes drawn by lot; nan where no lot is fair.
    p : float
        Share of lots with a gap as large; nan likewise.
    """

    model: str
    measure: Measure
    groups: tuple[GroupFigure, ...]
    overall: Interval
    highest: str
    lowest: str
    gap: Interval
    ratio: Interval
    by_chance: float
    p: float


@dataclass(frozen=True)
class OddsGap:
    """Gaps of one expression over the groups that have rows enough, 0..1; nan where fewer than two have.

    `hits` is the gap of equal opportunity; `alarms` that of false alarms; equalised odds is the larger. The
    names are the groups at the lower and at the higher end.
    """

    label: str
    hits: Interval
    hits_low: str
    hits_high: str
    alarms: Interval
    alarms_low: str
    alarms_high: str

    @property
    def equalised_odds(self) -> float:
        """The larger of the two gaps, 0..1."""
        known = [gap.value for gap in (self.hits, self.alarms) if not math.isnan(gap.value)]
        return max(known, default=math.nan)


def group_report(
    groups: Groups,
    counts: GroupCounts,
    model: str,
    measure: Measure,
    lots: dict[str, np.ndarray] | None = None,
) -> GroupReport:
    """The figures of one model by group.

    Parameters
    ----------
    groups : Groups
    counts : GroupCounts, of `group_counts`
    model, measure : what to tell
    lots : counts of groups drawn by lot, of `random_groups`
    """
    counts_RGKK = counts.counts[model]
    figures_RG = measure.of(counts_RGKK)
    rows_G = measure.rows(counts_RGKK[0])
    found = intervals(figures_RG)
    if measure.parts is not None and groups.units_N is None:
        low_G, high_G = wilson(*measure.parts(counts_RGKK[0]))
        found = [
            Interval(item.value, low, high)
            for item, low, high in zip(found, low_G.tolist(), high_G.tolist(), strict=True)
        ]
    ranked_G = (rows_G >= LEAST_ROWS) & np.isfinite(figures_RG[0])
    p_G = _against_others(counts_RGKK, figures_RG, measure, ranked_G)
    units = groups.units_G.tolist()
    overall = intervals(measure.of(counts.overall(model))[:, None])[0]
    highest, lowest, gap, ratio = _ends(figures_RG, ranked_G)
    by_chance, p = _by_lot(lots, model, measure, ranked_G, gap.value)
    return GroupReport(
        model,
        measure,
        tuple(
            GroupFigure(name, int(rows_G[g]), units[g], found[g], bool(ranked_G[g]), float(p_G[g]))
            for g, name in enumerate(groups.names)
        ),
        overall,
        groups.names[highest] if highest >= 0 else "",
        groups.names[lowest] if lowest >= 0 else "",
        gap,
        ratio,
        by_chance,
        p,
    )


def narrowing(counts: GroupCounts, first: str, second: str, measure: Measure) -> Interval:
    """The gap of the second model minus that of the first, each highest minus lowest in every resample.

    Only groups count that have rows enough. Resampling widens such gaps, those of both models alike.
    """
    ranked_G = measure.rows(counts.counts[first][0]) >= LEAST_ROWS
    ranked_G &= measure.rows(counts.counts[second][0]) >= LEAST_ROWS
    if ranked_G.sum() < 2:
        return Interval(math.nan, math.nan, math.nan)
    gaps = []
    for model in (first, second):
        figures_RG = measure.of(counts.counts[model])[:, ranked_G]
        gaps.append(np.nanmax(figures_RG, axis=1) - np.nanmin(figures_RG, axis=1))
    return intervals((gaps[1] - gaps[0])[:, None])[0]


def odds_gaps(
    groups: Groups, counts: GroupCounts, model: str, labels: tuple[str, ...]
) -> tuple[OddsGap, ...]:
    """Equal opportunity and equalised odds of every expression, in label order."""
    counts_RGKK = counts.counts[model]
    found = []
    for code, label in enumerate(labels):
        hits = _odds(groups, *recall_parts(code)(counts_RGKK))
        alarms = _odds(groups, *alarm_parts(code)(counts_RGKK))
        found.append(OddsGap(label, *hits, *alarms))
    return tuple(found)


def _odds(groups: Groups, hits_RG: np.ndarray, total_RG: np.ndarray) -> tuple[Interval, str, str]:
    """The gap of a rate over the groups with rows enough, and the groups at its lower and higher end."""
    highest, lowest, gap, _ = _ends(ratio(hits_RG, total_RG), total_RG[0] >= LEAST_ROWS)
    low, high = (groups.names[g] if g >= 0 else "" for g in (lowest, highest))
    return gap, low, high


def _ends(figures_RG: np.ndarray, ranked_G: np.ndarray) -> tuple[int, int, Interval, Interval]:
    """Highest and lowest ranked group (-1 where fewer than two), their difference, their ratio."""
    none = Interval(math.nan, math.nan, math.nan)
    places = np.flatnonzero(ranked_G)
    if len(places) < 2:
        return -1, -1, none, none
    highest = int(places[np.argmax(figures_RG[0, places])])
    lowest = int(places[np.argmin(figures_RG[0, places])])
    high_R, low_R = figures_RG[:, highest], figures_RG[:, lowest]
    gap, share = intervals(np.column_stack([high_R - low_R, ratio(low_R, high_R)]))
    return highest, lowest, gap, share


def _against_others(
    counts_RGKK: np.ndarray, figures_RG: np.ndarray, measure: Measure, ranked_G: np.ndarray
) -> np.ndarray:
    """Holm-corrected p of each ranked group against all others together, (G,); nan for the rest."""
    p_G = np.full(len(ranked_G), np.nan)
    if ranked_G.sum() < 2:
        return p_G
    others_RG = measure.of(counts_RGKK.sum(axis=1, keepdims=True) - counts_RGKK)
    difference_RG = (figures_RG - others_RG)[:, ranked_G]
    error_G = np.nanstd(difference_RG[1:], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw_G = 2 * ndtr(-np.abs(difference_RG[0]) / error_G)
    p_G[ranked_G] = holm(np.where(np.isnan(raw_G), 1.0, raw_G))
    return p_G


def holm(p_M: np.ndarray) -> np.ndarray:
    """P values (M,) corrected for being several (Holm 1979); statsmodels' takes 200 ms for the same."""
    order = np.argsort(p_M)
    corrected = np.maximum.accumulate(p_M[order] * np.arange(len(p_M), 0, -1))
    found = np.empty(len(p_M))
    found[order] = np.minimum(corrected, 1)
    return found


def _by_lot(
    lots: dict[str, np.ndarray] | None, model: str, measure: Measure, ranked_G: np.ndarray, gap: float
) -> tuple[float, float]:
    if lots is None or math.isnan(gap):
        return math.nan, math.nan
    figures_RG = measure.of(lots[model])[:, ranked_G]
    known = np.isfinite(figures_RG).all(axis=1)
    if not known.any():
        return math.nan, math.nan
    gaps_R = np.ptp(figures_RG[known], axis=1)
    return float(gaps_R.mean()), float((1 + (gaps_R >= gap - 1e-9).sum()) / (1 + len(gaps_R)))
