"""What Fairness tells: any measure by group, for two models, with gaps and what chance alone would do."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dashboard.blocks import Block, Chart, Pick, Table
from dashboard.charts import percent
from dashboard.charts_groups import dots_chart
from dashboard.figure_state import FilterState
from dashboard.readings import group_reading, narrowing_reading, odds_reading, span
from dashboard.shelf import View
from dashboard.tables import cards, model_key
from dashboard.theme import Palette
from dashboard.wording import model_name, p_text, points
from fusion_model.bootstrap import Interval
from fusion_model.curves import reliability
from fusion_model.group_figures import (
    LEAST_ROWS,
    GroupReport,
    OddsGap,
    group_report,
    narrowing,
    odds_gaps,
)
from fusion_model.grouping import groups_of
from fusion_model.measures import Measure, measures
from fusion_model.resampled import GroupCounts, Groups, group_counts, random_groups

FIRST_GROUPS = ("gender", "ethnicity", "yaw")
SOURCES = {
    "london": "Gender, age and ethnicity are what the photographed people said of themselves (Face Research "
    "Lab London Set). Each is there twice, neutral and smiling, so people are resampled, not pictures.",
    "fer2013": "FER-2013 does not say who is in a picture. These groups are measured in the picture: the "
    "head's pose, light, sharpness, size, and how far its taggers agree. They say nothing about persons.",
    "own": "Groups are the columns of your own table. With a column named person, people are resampled, not "
    "rows.",
}


@dataclass(frozen=True, eq=False)
class GroupView:
    """A view sorted into groups, with what all blocks need."""

    view: View
    groups: Groups
    counts: GroupCounts
    lots: dict[str, np.ndarray] | None
    measure: Measure
    models: tuple[str, ...]

    @property
    def reports(self) -> dict[str, GroupReport]:
        """The chosen measure by group, for each model."""
        return {
            model: group_report(self.groups, self.counts, model, self.measure, self.lots)
            for model in self.models
        }


def group_columns(view: View) -> list[str]:
    """Columns that groups can be made of, in the order offered."""
    names = [column.name for column in view.columns] + list(view.flags)
    first = [name for name in FIRST_GROUPS if name in names]
    return [*first, *(name for name in names if name not in first), "label"]


def chosen_groups(view: View, state: FilterState) -> tuple[str, str]:
    """The one or two columns in force."""
    known = group_columns(view)
    group = state.group if state.group in known else known[0]
    return group, state.cross if state.cross in known and state.cross != group else ""


def chosen_measure(view: View, state: FilterState) -> Measure:
    """The measure in force."""
    known = measures(view.rows.labels)
    return next((item for item in known if item.key == state.measure), known[0])


def fairness(view: View, state: FilterState, colours: Palette) -> list[Block]:
    """Cards, the measure by group, equal opportunity and equalised odds, calibration."""
    group, cross = chosen_groups(view, state)
    groups = groups_of(view.rows, group, cross)
    models = tuple(dict.fromkeys([view.second, view.first]))
    answers = {model: view.rows.answers[model] for model in models}
    size, truth_N = len(view.rows.labels), view.rows.truth_N
    grouped = GroupView(
        view,
        groups,
        group_counts(groups, truth_N, answers, size),
        random_groups(groups, truth_N, answers, size),
        chosen_measure(view, state),
        models,
    )
    by = f"{_plain(group)} and {_plain(cross)}" if cross else _plain(group)
    return [
        Block("", before=_cards(grouped)),
        _by_group(grouped, by, colours),
        _odds(grouped, by, colours),
        _calibration(grouped, by, colours),
    ]


def _cards(grouped: GroupView) -> str:
    items = []
    for model, report in grouped.reports.items():
        name, gap = model_name(model), report.gap
        items.append(
            (
                f"{name}: gap, in points",
                f"{gap.value * 100:.1f}" if report.lowest else "–",
                f"95 %: {points(gap.low)} to {points(gap.high)}"
                if report.lowest
                else "fewer than two groups",
            )
        )
        if report.lowest:
            items.append(
                (f"{name}: ratio", f"{report.ratio.value:.2f}", f"{report.lowest} over {report.highest}")
            )
    items.append(("Groups", f"{len(grouped.groups.names)}", f"ranked with {LEAST_ROWS} pictures or more"))
    return cards(items)


def _by_group(grouped: GroupView, by: str, colours: Palette) -> Block:
    reports, names = grouped.reports, list(grouped.groups.names)
    lead = reports[grouped.models[0]]
    few = frozenset(item.name for item in lead.groups if not item.ranked)
    truth_N, codes_N = grouped.view.rows.truth_N, grouped.groups.codes_N
    wrong_N = grouped.view.rows.answers[grouped.models[0]] != truth_N
    picks = {
        f"group:{name}": Pick(f"{name}, answered otherwise than labelled", (codes_N == code) & wrong_N)
        for code, name in enumerate(names)
    }
    sentences = [group_reading(report) for report in reports.values()]
    if len(grouped.models) == 2:
        second, first = grouped.models
        change = narrowing(grouped.counts, first, second, grouped.measure)
        sentences.insert(0, narrowing_reading(first, second, change))
    shown = {
        model: ([item.figure for item in report.groups], [item.n for item in report.groups])
        for model, report in reports.items()
    }
    wilson = grouped.measure.parts is not None and grouped.groups.units_N is None
    return Block(
        f"{grouped.measure.name} by {by}",
        "\n".join(sentences),
        before=model_key(grouped.models),
        charts=(
            Chart(
                dots_chart(
                    names,
                    shown,
                    colours,
                    quiet=few,
                    line=lead.overall.value,
                    axis=f"{grouped.measure.name}; dashed: all pictures, {model_name(lead.model)}",
                ),
                keys=list(picks),
                wide=True,
            ),
        ),
        tables=(_group_table(reports, few),),
        note=f"Intervals: 95 %, {'Wilson' if wilson else 'bootstrap'}. Groups of fewer than {LEAST_ROWS} "
        "pictures are "
        "grey and never ranked. p: the group against all others, corrected for being several (Holm). "
        + SOURCES.get(grouped.view.data, SOURCES["own"]),
        picks=picks,
        width=900,
    )


def _group_table(reports: dict[str, GroupReport], few: frozenset[str]) -> Table:
    lead = next(iter(reports.values()))
    head = ["group", "pictures", "people or pictures in it"]
    for model in reports:
        head += [model_name(model), f"p, {model_name(model)}"]
    lines = []
    for place, item in enumerate(lead.groups):
        line = [item.name, f"{item.n:,}", f"{item.units:,}"]
        for report in reports.values():
            group = report.groups[place]
            line += [span(group.figure), "–" if math.isnan(group.p) else p_text(group.p)]
        lines.append(line)
    overall = [
        "all",
        f"{sum(item.n for item in lead.groups):,}",
        f"{sum(item.units for item in lead.groups):,}",
    ]
    for report in reports.values():
        overall += [span(report.overall), ""]
    return Table(f"{lead.measure.name} by group", head, [*lines, overall], few)


def _odds(grouped: GroupView, by: str, colours: Palette) -> Block:
    labels = grouped.view.rows.labels
    found = {model: odds_gaps(grouped.groups, grouped.counts, model, labels) for model in grouped.models}
    told = [
        code
        for code in range(len(labels))
        if any(not math.isnan(gaps[code].equalised_odds) for gaps in found.values())
    ]
    reading = "\n".join(odds_reading(model, gaps) for model, gaps in found.items())
    title = f"Equal opportunity and equalised odds, by {by}"
    if not told:
        return Block(title, odds_reading(grouped.models[0], found[grouped.models[0]]))
    names = [labels[code] for code in told]
    counts = [int((grouped.view.rows.truth_N == code).sum()) for code in told]
    charts = tuple(
        Chart(
            dots_chart(
                names,
                {
                    model: ([getattr(gaps[code], kind) for code in told], counts)
                    for model, gaps in found.items()
                },
                colours,
                axis=axis,
            ),
            heading,
        )
        for kind, heading, axis in (
            ("hits", "Equal opportunity: gap of recall", "between the groups furthest apart"),
            ("alarms", "Gap of false alarms", "between the groups furthest apart"),
        )
    )
    return Block(
        title,
        reading,
        before=model_key(grouped.models),
        charts=charts,
        tables=tuple(_odds_table(model, gaps) for model, gaps in found.items()),
        note=f"An expression is compared over the groups with {LEAST_ROWS} pictures or more that show it "
        "(recall) or "
        "do not (false alarms). Equalised odds is the larger of the two gaps (Hardt et al. 2016). A gap of "
        "the best "
        "from the worst of several groups is never below 0: a small one can be chance.",
    )


def _odds_table(model: str, gaps: tuple[OddsGap, ...]) -> Table:
    lines = [
        [
            gap.label,
            _gap_text(gap.hits),
            f"{gap.hits_low} to {gap.hits_high}" if gap.hits_low else "–",
            _gap_text(gap.alarms),
            f"{gap.alarms_low} to {gap.alarms_high}" if gap.alarms_low else "–",
            "–" if math.isnan(gap.equalised_odds) else f"{gap.equalised_odds * 100:.1f}",
        ]
        for gap in gaps
    ]
    head = ["expression", "recall gap", "from … to", "false alarm gap", "from … to ", "equalised odds"]
    return Table(f"{model_name(model)}: gaps in points", head, lines)


def _gap_text(gap: Interval) -> str:
    if math.isnan(gap.value):
        return "–"
    return f"{gap.value * 100:.1f} (95 %: {points(gap.low)} to {points(gap.high)})"


def _calibration(grouped: GroupView, by: str, colours: Palette) -> Block:
    names, lines = list(grouped.groups.names), []
    shown: dict[str, tuple[list[Interval], list[int]]] = {model: ([], []) for model in grouped.models}
    errors: dict[str, list[float]] = {model: [] for model in grouped.models}
    for code, name in enumerate(names):
        rows = grouped.view.rows.keep(grouped.groups.codes_N == code)
        units_N = None
        if grouped.groups.units_N is not None:
            units_N = grouped.groups.units_N[grouped.groups.codes_N == code]
        line = [name, f"{len(rows):,}"]
        for model in grouped.models:
            confidence_N, right_N = rows.confidence(model), rows.right(model)
            promised = _mean_interval(confidence_N - right_N, units_N)
            shown[model][0].append(promised)
            shown[model][1].append(len(rows))
            errors[model].append(reliability(confidence_N, right_N).error)
            line += [percent(float(confidence_N.mean()), 1), percent(float(right_N.mean()), 1)]
            line += [points(promised.value), percent(errors[model][-1], 1)]
        lines.append(line)
    few = frozenset(line[0] for line, n in zip(lines, grouped.groups.sizes_G, strict=True) if n < LEAST_ROWS)
    head = ["group", "pictures"]
    for model in grouped.models:
        name = model_name(model)
        head += [f"{name}: confidence", f"{name}: right", f"{name}: too sure by", f"{name}: ECE"]
    return Block(
        f"Calibration by {by}",
        "\n".join(_calibration_readings(shown, names, few)),
        before=model_key(grouped.models),
        charts=(
            Chart(
                dots_chart(
                    names,
                    shown,
                    colours,
                    quiet=few,
                    line=0.0,
                    signed=True,
                    axis="confidence minus share right",
                ),
                wide=True,
            ),
        ),
        tables=(Table("Confidence and share right by group; too sure by, in points", head, lines, few),),
        note="Right of 0 a model is too sure of itself. ECE of a small group is large by chance alone: "
        "compare it only between groups of like size.",
        width=900,
    )


def _calibration_readings(
    shown: dict[str, tuple[list[Interval], list[int]]], names: list[str], few: frozenset[str]
) -> Iterator[str]:
    for model, (intervals, _) in shown.items():
        known = [(item, name) for item, name in zip(intervals, names, strict=True) if name not in few]
        if not known:
            continue
        item, name = max(known, key=lambda pair: abs(pair[0].value))
        side = "too sure" if item.value > 0 else "not sure enough"
        yield (
            f"{model_name(model)} is furthest from its promise for {name}: {side} by "
            f"{abs(item.value) * 100:.1f} points (95 %: {points(item.low)} to {points(item.high)})."
        )


def _mean_interval(value_N: np.ndarray, units_N: np.ndarray | None) -> Interval:
    """A mean with its 95 % normal interval; by unit, where rows are not independent."""
    mean, n = float(value_N.mean()), len(value_N)
    residual_N = value_N - mean
    if units_N is not None:
        _, unit_N = np.unique(units_N, return_inverse=True)
        residual_N = np.bincount(unit_N, weights=residual_N).astype(np.float64)
    half = 1.96 * math.sqrt(float((residual_N**2).sum())) / n
    return Interval(mean, mean - half, mean + half)


def _plain(name: str) -> str:
    return name.replace("_", " ")
