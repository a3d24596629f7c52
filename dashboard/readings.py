"""Sentences of Evaluate, Compare and Fairness: what a chart shows, in words, made from its figures."""

import math

import numpy as np

from dashboard.charts import percent
from dashboard.wording import model_name, p_text, points
from fusion_model.bootstrap import Interval
from fusion_model.conformal import ConformalFigures
from fusion_model.curves import ClassCurve, Reliability, RiskCoverage
from fusion_model.evaluation import ModelFigures
from fusion_model.filters import Rule
from fusion_model.group_figures import GroupReport, OddsGap

CHANCE = 0.05
EMPTY = (
    "No picture is left by these filters. Take one of them away, or choose other data; the figures come back."
)


def span(interval: Interval) -> str:
    """``67.4 % (95 %: 65.0 to 69.8)``."""
    if math.isnan(interval.value):
        return "–"
    return f"{interval.value * 100:.1f} % (95 %: {interval.low * 100:.1f} to {interval.high * 100:.1f})"


def points_span(interval: Interval) -> str:
    """``+1.2 points (95 %: −0.3 to +2.6)``."""
    if math.isnan(interval.value):
        return "–"
    return f"{points(interval.value)} points (95 %: {points(interval.low)} to {points(interval.high)})"


def mistakes(figures: ModelFigures, most: int = 5) -> list[tuple[str, str, int, int]]:
    """The commonest mistakes by share of their row: (label, answer, pictures, pictures of the label).

    A cell of fewer than 5 pictures is left out where there are larger ones: a share of few says little.
    """
    labels = [item.label for item in figures.classes]
    counts_KK = figures.confusion_KK
    found = [
        (labels[row], labels[column], int(counts_KK[row, column]), int(counts_KK[row].sum()))
        for row in range(len(labels))
        for column in range(len(labels))
        if row != column and counts_KK[row, column]
    ]
    found.sort(key=lambda item: (item[2] < 5, -item[2] / item[3]))
    return found[:most]


def reliability_reading(model: str, found: Reliability) -> str:
    """Whether the model promises too much or too little."""
    gap = found.overconfidence
    if abs(gap) < 0.01:
        side = "promises about what it holds"
    else:
        side = f"promises {abs(gap) * 100:.1f} points too {'much' if gap > 0 else 'little'} on average"
    return (
        f"{model_name(model)} {side}; over the bins, confidence and share right differ by "
        f"{found.error * 100:.1f} points (ECE). On the line, an answer of 80 % is right 80 % of the time."
    )


def risk_reading(model: str, found: RiskCoverage) -> str:
    """What leaving the least sure answers out gains."""
    at = dict(found.at)
    return (
        f"Answering all pictures, {model_name(model)} is right on {percent(at[1.0].value, 1)}; answering "
        "only the "
        f"surest 80 %, on {percent(at[0.8].value, 1)}; the surest half, on {percent(at[0.5].value, 1)}."
    )


def curves_reading(model: str, curves: tuple[ClassCurve, ...]) -> str:
    """Which class is best and which worst told from the rest."""
    known = [item for item in curves if not math.isnan(item.roc_area)]
    if not known:
        return "There is one class only here: nothing to tell apart."
    best, worst = (pick(known, key=lambda item: item.average_precision) for pick in (max, min))
    mean = float(np.mean([item.roc_area for item in known]))
    return (
        f"{model_name(model)} tells {best.label} best from the rest (average precision "
        f"{best.average_precision:.2f}) and {worst.label} worst ({worst.average_precision:.2f}); mean ROC "
        "area "
        f"{mean:.3f}. ROC areas look high where the rest is large: the precision-recall curves are the "
        "harder test."
    )


def sets_reading(found: ConformalFigures) -> str:
    """How often the sets hold the label, and for which class they fall short."""
    known = [item for item in found.classes if not math.isnan(item.coverage.value)]
    worst = min(known, key=lambda item: item.coverage.value)
    return (
        f"Sets made to hold the label {percent(found.level)} of the time hold it on {span(found.coverage)} "
        "of these "
        f"pictures, with {found.mean_size:.1f} expressions each. The promise is over all pictures: for "
        f"{worst.label} it is {percent(worst.coverage.value)}."
    )


def rater_reading(model: str, score: Interval, tagger: float, n: int) -> str:
    """A model beside one human tagger, by the majority of the taggers."""
    verdict = "below" if score.high < tagger else "above" if score.low > tagger else "level with"
    return (
        f"On the {n:,} pictures where most of ten taggers agree, {model_name(model)} gives their answer on "
        f"{span(score)}; one tagger gives it on {percent(tagger, 1)}. The model is {verdict} a single "
        "person here."
    )


def group_reading(report: GroupReport) -> str:
    """Which groups are at the ends, how far apart, and how far chance alone would put them."""
    measure = report.measure.name
    if not report.lowest:
        return "Fewer than two groups have 30 pictures: they are shown, but not ranked."
    rates = {item.name: item.figure.value for item in report.groups}
    best, worst = report.highest, report.lowest
    text = (
        f"{model_name(report.model)}: {measure} is highest for {best} ({percent(rates[best], 1)}) and "
        "lowest for "
        f"{worst} ({percent(rates[worst], 1)}), {report.gap.value * 100:.1f} points apart (95 %: "
        f"{points(report.gap.low)} to {points(report.gap.high)}), a ratio of {report.ratio.value:.2f}."
    )
    if not math.isnan(report.p):
        verdict = "can well be chance" if report.p >= CHANCE else "is more than chance"
        text += (
            f" Groups of these sizes drawn by lot lie {report.by_chance * 100:.1f} points apart on average; "
            f"this gap {verdict} ({p_text(report.p)})."
        )
    return text


def narrowing_reading(first: str, second: str, change: Interval) -> str:
    """Whether the second model narrows the gap of the first."""
    if math.isnan(change.value):
        return "With fewer than two groups of 30 pictures there is no gap to compare."
    moved = f"{points(change.value)} points, 95 %: {points(change.low)} to {points(change.high)}"
    if change.high < 0:
        return f"{model_name(second)} narrows the gap of {model_name(first)} here ({moved})."
    if change.low > 0:
        return f"{model_name(second)} widens the gap of {model_name(first)} here ({moved})."
    return (
        f"Whether {model_name(second)} narrows the gap of {model_name(first)} cannot be told from these "
        "pictures: "
        f"the gap changes by {moved}."
    )


def odds_reading(model: str, gaps: tuple[OddsGap, ...]) -> str:
    """For which expression the groups are treated most unlike."""
    known = [item for item in gaps if not math.isnan(item.equalised_odds)]
    if not known:
        return "No expression has 30 pictures in two groups: there is nothing to compare."
    worst = max(known, key=lambda item: item.equalised_odds)
    text = f"{model_name(model)}: the groups differ most for {worst.label}"
    if worst.hits.value >= worst.alarms.value or math.isnan(worst.alarms.value):
        return (
            f"{text}: it is recognised {worst.hits.value * 100:.1f} points more often for "
            f"{worst.hits_high} than "
            f"for {worst.hits_low} (95 %: {points(worst.hits.low)} to {points(worst.hits.high)})."
        )
    return (
        f"{text}: false alarms are {worst.alarms.value * 100:.1f} points more frequent for "
        f"{worst.alarms_high} than "
        f"for {worst.alarms_low} (95 %: {points(worst.alarms.low)} to {points(worst.alarms.high)})."
    )


def rule_text(rule: Rule) -> str:
    """A rule for people: ``yaw −10 to 10``."""
    name = rule.column.replace("_", " ")
    if rule.values:
        return f"{name}: {', '.join(rule.values)}"
    if rule.low is None:
        return f"{name} up to {rule.high:g}"
    return f"{name} from {rule.low:g}" if rule.high is None else f"{name} {rule.low:g} to {rule.high:g}"
