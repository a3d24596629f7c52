"""What Fairness tells where a model estimated the groups: how often it errs, what that does to the gaps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.blocks import Block, Chart, Table
from dashboard.blocks_groups import GroupView
from dashboard.charts import percent
from dashboard.charts_groups import dots_chart
from dashboard.readings import CHANCE, points_span, span
from dashboard.tables import model_key
from dashboard.theme import Palette
from dashboard.wording import model_name, points
from fusion_model.bootstrap import Interval
from fusion_model.estimated_groups import SHORT, Grouping
from fusion_model.group_errors import Assumption, Correction, ErrorRates, Mixture
from fusion_model.group_figures import LEAST_ROWS, GroupReport
from fusion_model.resampled import Groups

NOTE = (
    "Estimated groups are mixtures: each holds faces of the others, by these error rates. They say how "
    "faces look to a classifier, nothing about persons, and only in the mass: no single picture's estimate "
    "is shown. Error rates are measured on FairFace, whose labels are judgements of pictures, at the size "
    "and in the frame of FER-2013; those on FER-2013 itself are not known, for it has no such labels. The "
    "classifier is not part of this program and never sees a picture of yours."
)
METHOD = (
    "Corrected: counts by group are what the error rates, inverted, make of the counts by estimated group "
    "(matrix method). Intervals are 95 % bootstrap percentiles over the pictures and over the faces that "
    "the rates were measured on. Assumed: errors are on FER-2013 so many times as frequent as on FairFace, "
    "given the group they depend neither on the expression nor on the answer, but where it says so, and "
    "each group is made up as it is there. No figure stands where so many errors leave the estimates saying "
    "next to nothing."
)
UNCORRECTED = (
    "Groups are estimated by a model, which errs as often as told at the top; nothing is corrected for that "
    "here."
)
#: Enough for intervals to a tenth of their width, and quick.
RESAMPLES = 500
#: How a row is called in the chart, and in full in the table.
ASSUMED: tuple[tuple[str, str, Assumption], ...] = (
    ("as estimated", "the estimates taken at their word", Assumption(times=0)),
    ("corrected", "errors as often as measured", Assumption()),
    ("errors × 1.5", "1.5 times as many errors", Assumption(times=1.5)),
    ("errors × 2", "twice as many errors", Assumption(times=2)),
    ("on wrong × 1.5", "1.5 times as many on wrong answers as on right ones", Assumption(wrong_times=1.5)),
    ("on wrong × 2", "twice as many on wrong answers as on right ones", Assumption(wrong_times=2)),
)


def notice(groupings: Sequence[Grouping], few: int) -> Block:
    """That groups are estimated, and how often wrongly.

    Parameters
    ----------
    groupings : those in force
    few : how many of the pictures have no estimate and are left out
    """
    left_out = (
        "" if not few else f"Pictures without a face mesh have no estimate and are left out here: {few:,}. "
    )
    return Block(
        "Groups estimated by a model, often wrongly",
        "\n".join(rates_reading(item) for item in groupings),
        # Not folded: whoever sees the groups sees their errors.
        after="".join(_rates_table(item).html() for item in groupings),
        note=left_out + NOTE,
    )


def labelled(block: Block, by: str) -> Block:
    """A block on estimated groups, its tables and note saying so."""
    tables = tuple(replace(table, caption=f"{table.caption}; {by}") for table in block.tables)
    return replace(block, tables=tables, note=f"{block.note} {UNCORRECTED}")


def rates_reading(grouping: Grouping) -> str:
    """How often a grouping is right, for which group most and least, and what speaks for or against that."""
    recalls = sorted(zip(grouping.recalls, grouping.names, strict=True), key=lambda pair: pair[0].value)
    (worst, last), (best, first) = recalls[0], recalls[-1]
    title = grouping.title[0].upper() + grouping.title[1:]
    text = (
        f"{title}: right for {span(grouping.accuracy)} of {grouping.n:,} labelled faces; most often for "
        f"{first} ({percent(best.value)} of those so labelled), least often for {last} "
        f"({percent(worst.value)})."
    )
    london = grouping.facts.get("london")
    if london:
        text += (
            f" On neutral portraits of the London set it agrees with what {london['n']} people said of "
            f"themselves for {london['right']}."
        )
    sure = grouping.facts.get("confidence", {})
    if {"fairface", "fer2013"} <= set(sure):
        text += (
            f" Its mean probability for the group it names is {percent(sure['fer2013'])} on FER-2013 and "
            f"{percent(sure['fairface'])} on FairFace."
        )
    times = wrong_times(grouping)
    if not math.isnan(times):
        more = "as often" if 0.95 <= times < 1.05 else f"{times:.1f} times as often"
        text += f" On the half of faces that the CNN is less sure of it errs {more} as on the other."
    return text


def wrong_times(grouping: Grouping) -> float:
    """How many times as often it errs where an expression model is less sure; nan if not measured."""
    halves = grouping.facts.get("by_certainty", {})
    if len(halves) != 2:
        return math.nan
    surer, less = (1 - half["right"] / half["n"] if half["n"] else math.nan for half in halves.values())
    return less / surer if surer else math.nan


@dataclass(frozen=True)
class Sensitivity:
    """A gap of one model under every assumption of `ASSUMED`, with bounds that need none.

    Attributes
    ----------
    report : GroupReport
        By the estimates; its highest and lowest groups are those of the gap.
    found : tuple of Correction
        As many as `ASSUMED`.
    bounds : (float, float)
    tip : float
        How unevenly errors would have to fall for the gap to vanish.
    """

    report: GroupReport
    found: tuple[Correction, ...]
    bounds: tuple[float, float]
    tip: float

    @property
    def ends(self) -> str:
        """Which groups the gap is between."""
        return f"{self.report.highest} minus {self.report.lowest}"


def what_errors_do(grouped: GroupView, grouping: Grouping, colours: Palette) -> Block:
    """The gaps under several assumptions of the classifier's errors, with bounds that need none."""
    by, measure = grouping.title, grouped.measure
    title = f"What the classifier's errors do to the gaps, by {by}"
    found = _sensitivities(grouped, grouping)
    if not found:
        return Block(title, "Fewer than two estimated groups have 30 pictures: there is no gap to correct.")
    names = [short for short, _, _ in ASSUMED]
    counts = [len(grouped.view.rows)] * len(names)
    plot = dots_chart(
        names,
        {model: ([item.gap for item in one.found], counts) for model, one in found.items()},
        colours,
        line=0.0,
        signed=True,
        axis=f"gap of {measure.name}, {by}",
    )
    return Block(
        title,
        "\n".join(errors_reading(one) for one in found.values()),
        before=model_key(found),
        charts=(Chart(plot, wide=True),),
        tables=(_gaps_table(found, by), *(_groups_table(one, grouping) for one in found.values())),
        note=METHOD,
        width=900,
    )


def _sensitivities(grouped: GroupView, grouping: Grouping) -> dict[str, Sensitivity]:
    """By model; those that have two groups with rows enough."""
    rows = grouped.view.rows
    codes_N = np.asarray(rows.column(grouping.column).cat.codes, dtype=np.int64)
    rates = ErrorRates(grouping.counts_GG, resamples=RESAMPLES)
    found = {}
    for model, report in grouped.reports.items():
        if not report.lowest:
            continue
        ends = grouping.names.index(report.highest), grouping.names.index(report.lowest)
        mixture = Mixture(
            Groups(grouping.names, codes_N),
            rows.truth_N,
            rows.answers[model],
            len(rows.labels),
            rates,
            grouped.measure,
        )
        found[model] = Sensitivity(
            report,
            tuple(mixture.corrected(ends, assumption) for _, _, assumption in ASSUMED),
            mixture.bounds(ends),
            mixture.tipping(ends),
        )
    return found


def errors_reading(one: Sensitivity) -> str:
    """What is left of a gap when errors are taken into account, in sentences."""
    as_estimated, once, more, twice, *_ = (item.gap for item in one.found)
    text = f"{model_name(one.report.model)}, {one.ends}: {points_span(as_estimated)} by the estimates"
    if math.isnan(once.value):
        return f"{text}. The estimates say too little for a correction: nothing follows for the groups."
    text += f", {points_span(once)} when corrected for the errors measured on FairFace. {_verdict(one, once)}"
    if not math.isnan(twice.value):
        text += f" With twice as many errors it would be {points_span(twice)}."
    else:
        many = "twice" if not math.isnan(more.value) else "1.5 times"
        text += f" With {many} as many errors the estimates would say too little for any correction."
    if not math.isnan(one.tip):
        times, most, least = (one.tip, "wrong", "right") if one.tip > 1 else (1 / one.tip, "right", "wrong")
        text += (
            f" Errors {times:.1f} times as frequent on {most} answers as on {least} ones would be enough to "
            "make it vanish."
        )
    low, high = one.bounds
    if not math.isnan(low):
        text += (
            f" Error rates alone, whatever errors depend on, leave room from {points(low)} to {points(high)} "
            "points."
        )
    return text


def _verdict(one: Sensitivity, gap: Interval) -> str:
    """What can be said of a corrected gap.

    The ends of several groups lie apart by chance alone, and a correction enlarges chance as well.
    """
    if one.report.p >= CHANCE:
        return "As groups drawn by lot lie as far apart often, chance may be all that is corrected here."
    if gap.low > 0:
        return "It stays a gap."
    return "Its sign turns." if gap.high < 0 else "Whether there is a gap cannot be told."


def _rates_table(grouping: Grouping) -> Table:
    head = ["labelled", "faces", *(f"→ {name}" for name in grouping.names), "estimated as labelled"]
    totals = grouping.counts_GG.sum(axis=1)
    lines = [
        [name.removeprefix(SHORT), f"{total:,}", *(percent(rate, 1) for rate in rates), span(recall)]
        for name, total, rates, recall in zip(
            grouping.names, totals.tolist(), grouping.rates_GG.tolist(), grouping.recalls, strict=True
        )
    ]
    all_of_them = ["all", f"{grouping.n:,}", *([""] * len(grouping.names)), span(grouping.accuracy)]
    return Table(f"Error rates of {grouping.title}, measured on FairFace", head, [*lines, all_of_them])


def _gaps_table(found: dict[str, Sensitivity], by: str) -> Table:
    head = ["assumed", *(f"{model_name(model)}: {one.ends}" for model, one in found.items())]
    rows = [
        [told, *(points_span(one.found[place].gap) for one in found.values())]
        for place, (_, told, _) in enumerate(ASSUMED)
    ]
    ends = [
        "–" if math.isnan(one.bounds[0]) else f"{points(one.bounds[0])} to {points(one.bounds[1])} points"
        for one in found.values()
    ]
    return Table(f"Gaps by {by}, corrected", head, [*rows, ["whatever errors depend on", *ends]])


def _groups_table(one: Sensitivity, grouping: Grouping) -> Table:
    seen = {item.name: item for item in one.report.groups}
    measure, once = one.report.measure.name, one.found[1]
    rows = [
        [
            name,
            f"{seen[name].n:,}" if name in seen else "0",
            span(seen[name].figure) if name in seen else "–",
            "–" if math.isnan(count) else f"{count:,.0f}",
            span(figure),
        ]
        for name, figure, count in zip(grouping.names, once.figures, once.rows, strict=True)
    ]
    few = frozenset(row[0] for row, n in zip(rows, once.rows, strict=True) if not n >= LEAST_ROWS)
    head = ["group", "pictures", measure, "pictures, corrected", f"{measure}, corrected"]
    return Table(f"{model_name(one.report.model)}: {measure} by {grouping.title}, corrected", head, rows, few)
