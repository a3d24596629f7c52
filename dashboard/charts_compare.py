"""Charts of two models on the same pictures: who is right, and both by class."""

import math

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, Range1d
from bokeh.plotting import figure

from dashboard.charts import BAR_FONT, fill_alpha, percent, quiet_figure
from dashboard.charts_figures import MARKS, Measure, number
from dashboard.theme import CHART_FONT, Palette, blend, expression_colour, ink_on
from dashboard.wording import model_name, points
from fusion_model.evaluation import ModelFigures, PairedComparison


def agreement_parts(pair: PairedComparison, colours: Palette) -> list[tuple[str, int, str]]:
    """The four outcomes for two models: (name, pictures, colour)."""
    second, first = model_name(pair.second), model_name(pair.first)
    return [
        ("both right", pair.both_right, blend(colours.surface, colours.accent, 0.85)),
        (f"only {second} right", pair.only_second, blend(colours.surface, colours.accent, 0.5)),
        (f"only {first} right", pair.only_first, blend(colours.surface, colours.accent, 0.25)),
        ("both wrong", pair.both_wrong, blend(colours.surface, colours.muted, 0.25)),
    ]


def agreement_chart(pair: PairedComparison, colours: Palette) -> figure:
    """One bar of all pictures, cut by which of the two models is right."""
    parts = agreement_parts(pair, colours)
    counts = np.array([count for _, count, _ in parts])
    ends = np.cumsum(counts) / max(pair.n, 1)
    starts = np.concatenate([[0.0], ends[:-1]])
    shares = counts / max(pair.n, 1)
    source = ColumnDataSource(
        data={
            "part": [name for name, *_ in parts],
            "count": counts.tolist(),
            "share": [percent(share, 1) for share in shares],
            # A sliver has no room for its number; the key below the bar has it.
            "printed": [percent(share) if share >= 0.06 else "" for share in shares],
            "start": starts.tolist(),
            "end": ends.tolist(),
            "middle": ((starts + ends) / 2).tolist(),
            "fill": [colour for *_, colour in parts],
            "ink": [ink_on(colour, colours) for *_, colour in parts],
        }
    )
    plot = quiet_figure(
        colours,
        hover=[("", "@part"), ("pictures", "@count (@share)")],
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        height=56,
        min_border=0,
    )
    plot.toolbar_location = None
    plot.axis.visible = False
    plot.quad(
        left="start",
        right="end",
        top=1,
        bottom=0,
        source=source,
        fill_color="fill",
        line_color=colours.surface,
        line_width=2,
        name=MARKS,
    )
    plot.text(
        x="middle",
        y=0.5,
        text="printed",
        source=source,
        text_align="center",
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size="13px",
        text_color="ink",
    )
    return plot


def difference_data(first: ModelFigures, second: ModelFigures, measure: Measure) -> dict[str, list]:
    """Columns of the classes: both values, their difference, in label order."""
    labels = [item.label for item in first.classes]
    left = [float(getattr(item, measure).value) for item in first.classes]
    right = [float(getattr(item, measure).value) for item in second.classes]
    return {
        "y": labels,
        "first": [number(value) for value in left],
        "second": [number(value) for value in right],
        "printed": [points(b - a) for a, b in zip(left, right, strict=True)],
        "colour": [expression_colour(label) for label in labels],
    }


def difference_chart(first: ModelFigures, second: ModelFigures, measure: Measure, colours: Palette) -> figure:
    """For each class a line from the first model (outlined) to the second (solid), the change printed."""
    data = difference_data(first, second, measure)
    known = [value for value in (*data["first"], *data["second"]) if value is not None] or [0.0, 1.0]
    low, high = math.floor(min(known) * 10) / 10, math.ceil(max(known) * 10) / 10
    right = high + 0.2 * (high - low)
    source = ColumnDataSource(data=data)
    plot = quiet_figure(
        colours,
        hover=[
            ("expression", "@y"),
            (model_name(first.model), "@first{0.000}"),
            (model_name(second.model), "@second{0.000}"),
            ("change", "@printed points"),
        ],
        y_range=FactorRange(factors=list(reversed(data["y"]))),
        x_range=Range1d(start=low - 0.03 * (high - low), end=right),
        height=36 * len(data["y"]) + 40,
    )
    plot.xaxis.major_label_text_font_size = "12px"
    ticks = np.arange(round(low * 10), round(high * 10) + 1, 1 if high - low < 0.5 else 2) / 10
    plot.xaxis.ticker = plot.xgrid[0].ticker = FixedTicker(ticks=ticks.tolist())
    plot.xgrid.grid_line_color = colours.faint
    lines = plot.segment(
        x0="first",
        x1="second",
        y0="y",
        y1="y",
        source=source,
        line_color="colour",
        line_width=3,
        line_alpha=0.5,
    )
    dots = [
        plot.scatter(
            x=column,
            y="y",
            size=13,
            source=source,
            line_color="colour",
            line_width=2,
            fill_color="colour" if fill_alpha(model) else colours.surface,
        )
        for column, model in (("first", first.model), ("second", second.model))
    ]
    for tool in plot.hover:
        tool.renderers = [lines, *dots]
    plot.text(
        x=right,
        y="y",
        text="printed",
        source=source,
        text_align="right",
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
    return plot
