"""What Fairness tells besides the measure: equal opportunity, equalised odds, and calibration by group."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dashboard.blocks import Block, Chart, Table
from dashboard.charts import percent
from dashboard.charts_groups import dots_chart
from dashboard.readings import odds_reading
from dashboard.shelf import View
from dashboard.tables import model_key
from dashboard.theme import Palette
from dashboard.wording import model_name, points
from fusion_model.bootstrap import Interval
from fusion_model.curves import reliability
from fusion_model.group_figures import (
    LEAST_ROWS,
    GroupReport,
    OddsGap,
    group_report,
    odds_gaps,
)
from fusion_model.measures import Measure
from fusion_model.resampled import GroupCounts, Groups


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


def odds(grouped: GroupView, by: str, colours: Palette) -> Block:
    """How unlike the groups are treated, expression by expression."""
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
            ("hits", "Equal opportunity: gap of recall", f"furthest apart by {by}"),
            ("alarms", "Gap of false alarms", f"furthest apart by {by}"),
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


def calibration(grouped: GroupView, by: str, colours: Palette) -> Block:
    """Whether confidence means the same for every group."""
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
