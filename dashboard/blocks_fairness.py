"""What Fairness tells: any measure by group, for two models, with gaps and what chance alone would do."""

import math
from dataclasses import replace

from dashboard.blocks import Block, Chart, Pick, Table
from dashboard.blocks_estimated import labelled, notice, what_errors_do
from dashboard.blocks_groups import GroupView, calibration, odds
from dashboard.charts_groups import dots_chart
from dashboard.figure_state import FilterState
from dashboard.readings import group_reading, narrowing_reading, span
from dashboard.shelf import View
from dashboard.tables import cards, model_key
from dashboard.theme import Palette
from dashboard.wording import model_name, p_text, points
from fusion_model.group_figures import (
    LEAST_ROWS,
    GroupReport,
    narrowing,
)
from fusion_model.grouping import groups_of
from fusion_model.measures import Measure, measures
from fusion_model.resampled import group_counts, random_groups

FIRST_GROUPS = ("gender", "ethnicity", "yaw")
SOURCES = {
    "london": "Gender, age and ethnicity are what the photographed people said of themselves (Face Research "
    "Lab London Set). Each is there twice, neutral and smiling, so people are resampled, not pictures.",
    "fer2013": "FER-2013 does not say who is in a picture. These groups are measured in the picture: the "
    "head's pose, light, sharpness, size, and how far its taggers agree. They say nothing about persons.",
    "own": "Groups are the columns of your own table. With a column named person, people are resampled, not "
    "rows.",
}


def group_columns(view: View) -> list[str]:
    """Columns that groups can be made of, in the order offered."""
    names = [column.name for column in view.columns] + list(view.flags)
    first = [name for name in FIRST_GROUPS if name in names]
    return [*view.estimated, *first, *(name for name in names if name not in first), "label"]


def column_title(view: View, name: str) -> str:
    """What the page calls a column: an estimated one always by its full title."""
    return view.estimated[name].title if name in view.estimated else name.replace("_", " ")


def chosen_groups(view: View, state: FilterState) -> tuple[str, str]:
    """The one or two columns in force."""
    known = group_columns(view)
    first = next(name for name in known if name not in view.estimated)
    group = state.group if state.group in known else first
    return group, state.cross if state.cross in known and state.cross != group else ""


def chosen_measure(view: View, state: FilterState) -> Measure:
    """The measure in force."""
    known = measures(view.rows.labels)
    return next((item for item in known if item.key == state.measure), known[0])


def fairness(view: View, state: FilterState, colours: Palette) -> list[Block]:
    """Cards, the measure by group, equal opportunity and equalised odds, calibration."""
    group, cross = chosen_groups(view, state)
    estimated = [view.estimated[name] for name in (group, cross) if name in view.estimated]
    whole = len(view.rows)
    for grouping in estimated:
        view = replace(view, rows=view.rows.keep(view.rows.column(grouping.column).notna().to_numpy()))
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
    by = " and ".join(column_title(view, name) for name in (group, cross) if name)
    cards_block = Block("", before=_cards(grouped, estimated=bool(estimated)))
    by_group = _by_group(grouped, by, colours, estimated=bool(estimated))
    others = [odds(grouped, by, colours), calibration(grouped, by, colours)]
    if not estimated:
        return [cards_block, by_group, *others]
    errors = [what_errors_do(grouped, estimated[0], colours)] if not cross else []
    by_group, *others = (labelled(block, by) for block in (by_group, *others))
    return [notice(estimated, whole - len(view.rows)), cards_block, by_group, *errors, *others]


def _cards(grouped: GroupView, *, estimated: bool) -> str:
    items = []
    of = " of estimated groups" if estimated else ""
    for model, report in grouped.reports.items():
        name, gap = model_name(model), report.gap
        items.append(
            (
                f"{name}: gap{of}, in points",
                f"{gap.value * 100:.1f}" if report.lowest else "–",
                f"95 %: {points(gap.low)} to {points(gap.high)}"
                if report.lowest
                else "fewer than two groups",
            )
        )
        if report.lowest:
            items.append(
                (f"{name}: ratio{of}", f"{report.ratio.value:.2f}", f"{report.lowest} over {report.highest}")
            )
    items.append(
        (
            "Estimated groups" if estimated else "Groups",
            f"{len(grouped.groups.names)}",
            f"ranked with {LEAST_ROWS} pictures or more",
        )
    )
    return cards(items)


def _by_group(grouped: GroupView, by: str, colours: Palette, *, estimated: bool) -> Block:
    reports, names = grouped.reports, list(grouped.groups.names)
    lead = reports[grouped.models[0]]
    few = frozenset(item.name for item in lead.groups if not item.ranked)
    truth_N, codes_N = grouped.view.rows.truth_N, grouped.groups.codes_N
    wrong_N = grouped.view.rows.answers[grouped.models[0]] != truth_N
    picks = {
        f"group:{name}": Pick(f"{name}, answered otherwise than labelled", (codes_N == code) & wrong_N)
        for code, name in enumerate(names)
        if not estimated  # estimates say something of many pictures, nothing of one
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
                    axis=f"{grouped.measure.name} of estimated groups; dashed: all"
                    if estimated
                    else f"{grouped.measure.name}; dashed: all pictures, {model_name(lead.model)}",
                ),
                keys=list(picks),
                wide=True,
            ),
        ),
        tables=(_group_table(reports, few),),
        note=f"Intervals: 95 %, {'Wilson' if wilson else 'bootstrap'}. Groups of fewer than {LEAST_ROWS} "
        "pictures are "
        "grey and never ranked. p: the group against all others, corrected for being several (Holm). "
        + ("" if estimated else SOURCES.get(grouped.view.data, SOURCES["own"])),
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
