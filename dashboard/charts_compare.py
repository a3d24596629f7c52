"""Charts of models on the same pictures: which is right, both by class, and accuracy against time."""

import math
from collections.abc import Mapping

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard.charts import BAR_FONT, fill_alpha, percent, print_values, quiet_figure
from dashboard.charts_figures import MARKS, Measure, number
from dashboard.theme import CHART_FONT, Palette, blend, expression_colour, ink_on
from dashboard.wording import model_name, points
from fusion_model.bootstrap import Interval
from fusion_model.costs import ModelCost
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
    print_values(plot, source, right, colours)
    return plot


def cost_chart(found: Mapping[str, tuple[Interval, ModelCost]], colours: Palette) -> figure:
    """Accuracy with its interval against the time for a face, named marks; outlined for the CNN.

    Parameters
    ----------
    found : dict of str to (accuracy, ModelCost)
        By model; each with a time.
    colours : Palette
    """
    models = list(found)
    times = [found[model][1].latency_ms.value for model in models]
    accuracies = [found[model][0] for model in models]
    source = ColumnDataSource(
        data={
            "name": [model_name(model) for model in models],
            "x": times,
            "y": [item.value for item in accuracies],
            "low": [item.low for item in accuracies],
            "high": [item.high for item in accuracies],
            "alpha": [fill_alpha(model) for model in models],
        }
    )
    low, high = min(item.low for item in accuracies), max(item.high for item in accuracies)
    plot = quiet_figure(
        colours,
        hover=[
            ("", "@name"),
            ("accuracy", "@y{0.0 %} (@low{0.0 %} to @high{0.0 %})"),
            ("a face", "@x{0.0} ms"),
        ],
        x_range=Range1d(start=0, end=max(times) * 1.3),
        y_range=Range1d(start=low - 0.01, end=high + 0.01),
        height=280,
        x_axis_label="CPU time for a face, ms",
        y_axis_label="accuracy",
    )
    plot.axis.axis_label_text_font_style = "normal"
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.ygrid.grid_line_color = colours.faint
    plot.segment(x0="x", x1="x", y0="low", y1="high", source=source, line_color=colours.text, line_width=1.4)
    plot.scatter(
        x="x",
        y="y",
        size=12,
        source=source,
        line_color=colours.accent,
        line_width=2,
        fill_color=colours.surface,
    )
    marks = plot.scatter(
        x="x",
        y="y",
        size=12,
        source=source,
        name=MARKS,
        line_color=colours.accent,
        line_width=2,
        fill_color=colours.accent,
        fill_alpha="alpha",
    )
    plot.text(
        x="x",
        y="y",
        text="name",
        source=source,
        x_offset=12,
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
    for tool in plot.hover:
        tool.renderers = [marks]
    return plot
