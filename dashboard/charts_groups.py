"""Charts by group: a measure of one or two models with intervals, and gaps of each expression."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard.charts import fill_alpha, print_values, quiet_figure
from dashboard.charts_figures import MARKS
from dashboard.theme import Palette, blend
from dashboard.wording import model_name
from fusion_model.bootstrap import Interval

OFFSET = 0.19


def dots_data(
    names: Sequence[str], intervals: Sequence[Interval], counts: Sequence[int], shift: float
) -> dict[str, Any]:
    """Columns of the dots of one model: the place, figure, interval, and what is printed."""
    return {
        "name": list(names),
        "y": [(name, shift) for name in names],
        # Arrays: their nan are left out, where None in a list is drawn at 0.
        "value": np.array([item.value for item in intervals]),
        "low": np.array([item.low for item in intervals]),
        "high": np.array([item.high for item in intervals]),
        "printed": ["–" if math.isnan(item.value) else f"{item.value * 100:.1f}" for item in intervals],
        "count": list(counts),
    }


def dots_chart(
    names: Sequence[str],
    by_model: Mapping[str, tuple[Sequence[Interval], Sequence[int]]],
    colours: Palette,
    *,
    quiet: frozenset[str] = frozenset(),
    line: float = math.nan,
    axis: str = "",
    signed: bool = False,
) -> figure:
    """Dots with whiskers: a row a name, a dot a model (outlined or solid), values printed at the right.

    Parameters
    ----------
    names : sequence of str
        Rows, from the top.
    by_model : dict of str to (intervals, counts)
        As many of each as names.
    colours : Palette
    quiet : frozenset of str
        Rows to hold back: too few pictures.
    line : float
        Where to draw a dashed line, such as the figure of all rows; nan for none.
    axis : str
        What the numbers are.
    signed : bool
        Differences, printed as points with a sign.
    """
    ends = [
        end
        for intervals, _ in by_model.values()
        for item in intervals
        for end in (item.low, item.high, item.value)
        if not math.isnan(end)
    ] or [0.0, 1.0]
    low, high = _range([*ends, *([] if math.isnan(line) else [line])])
    if not signed:
        low, high = (max(low, -0.02) if min(ends) >= 0 else low), min(high, 1.02)
    room = (0.24 if len(by_model) > 1 else 0.15) * (high - low)
    plot = quiet_figure(
        colours,
        hover=[
            ("", "@name"),
            ("", "@model"),
            ("", "@value{0.0 %} (@low{0.0 %} to @high{0.0 %})"),
            ("pictures", "@count"),
        ],
        y_range=FactorRange(factors=list(reversed(list(names)))),
        x_range=Range1d(start=low, end=high + room),
        height=max(40 * len(names), 60) + 56,
        x_axis_label=axis,
    )
    plot.xaxis.axis_label_text_font_style = "normal"
    plot.xaxis.formatter = NumeralTickFormatter(format="0 %" if not signed else "+0 %")
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if (high - low) / s <= 6)
    ticks = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    plot.xaxis.ticker = plot.xgrid[0].ticker = FixedTicker(ticks=ticks)
    plot.xgrid.grid_line_color = colours.faint
    plot.xgrid.bounds = (low, high)
    if not math.isnan(line):
        plot.segment(x0=line, x1=line, y0=0, y1=float(len(names)), line_color=colours.muted, line_dash=[4, 4])
    many = len(by_model)
    dots = []
    for place, (model, (intervals, counts)) in enumerate(by_model.items()):
        shift = 0.0 if many == 1 else OFFSET * (1 if place == 0 else -1)
        data = dots_data(names, intervals, counts, shift)
        data["model"] = [model_name(model)] * len(names)
        data["colour"] = [
            blend(colours.surface, colours.muted, 0.55) if name in quiet else colours.accent for name in names
        ]
        data["ink"] = [colours.muted if name in quiet else colours.text for name in names]
        if signed:
            data["printed"] = [
                "–" if math.isnan(value) else f"{value * 100:+.1f}".replace("-", "−")
                for value in data["value"].tolist()
            ]
        source = ColumnDataSource(data=data)
        plot.segment(x0="low", x1="high", y0="y", y1="y", source=source, line_color="colour", line_width=1.6)
        dots.append(
            plot.scatter(
                x="value",
                y="y",
                size=11,
                source=source,
                line_color="colour",
                line_width=2,
                fill_color="colour" if fill_alpha(model) or many == 1 else colours.surface,
                name=MARKS if place == many - 1 else f"{MARKS}-{place}",
            )
        )
        print_values(plot, source, high + room, colours, ink="ink")
    for tool in plot.hover:
        tool.renderers = dots
    return plot


def _range(ends: Sequence[float]) -> tuple[float, float]:
    """Round ends of an axis that hold all values with some room."""
    low, high = min(ends), max(ends)
    air = max(0.04 * (high - low), 0.01)
    return low - air, high + air
