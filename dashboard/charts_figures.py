"""Charts of Evaluate and Compare: measures by class, the confusion matrix, two models by class."""

import math
from typing import Literal

import holoviews as hv
import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, Range1d
from bokeh.plotting import figure

from dashboard.charts import BAR_FONT, add_whiskers, fill_alpha, percent, quiet_figure, quieten
from dashboard.theme import CHART_FONT, Palette, blend, expression_colour, ink_on
from dashboard.wording import model_name, points
from fusion_model.evaluation import Interval, ModelFigures, PairedComparison

hv.extension("bokeh", logo=False)

Measure = Literal["precision", "recall", "f1"]
CELL_COLUMNS = ("truth", "answer", "printed", "count", "total", "share", "weight", "ink")
MEASURE_NAMES: dict[Measure, str] = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def class_chart(figures: ModelFigures, measure: Measure, colours: Palette) -> figure:
    """One measure for each class as bars with intervals, values printed inside the axis."""
    intervals: list[Interval] = [getattr(item, measure) for item in figures.classes]
    labels = [item.label for item in figures.classes]
    source = ColumnDataSource(
        data={
            "y": labels,
            "value": [_number(interval.value) for interval in intervals],
            "low": [_number(interval.low) for interval in intervals],
            "high": [_number(interval.high) for interval in intervals],
            "printed": [
                f"{interval.value:.2f}" if not math.isnan(interval.value) else "–" for interval in intervals
            ],
            "support": [item.support for item in figures.classes],
            "colour": [expression_colour(label) for label in labels],
        }
    )
    plot = quiet_figure(
        colours,
        hover=[
            ("expression", "@y"),
            (MEASURE_NAMES[measure], "@value{0.000} (@low{0.000} to @high{0.000})"),
            ("pictures", "@support"),
        ],
        y_range=FactorRange(factors=list(reversed(labels))),
        x_range=Range1d(start=0, end=1.22),
        height=32 * len(labels) + 20,
        min_border_right=0,
    )
    plot.xaxis.visible = False
    bars = plot.hbar(
        y="y",
        left=0,
        right="value",
        height=0.56,
        source=source,
        fill_color="colour",
        fill_alpha=fill_alpha(figures.model),
        line_color="colour",
        line_width=1.8,
    )
    for tool in plot.hover:
        tool.renderers = [bars]
    add_whiskers(plot, source, colours)
    plot.text(
        x=1.22,
        y="y",
        text="printed",
        source=source,
        x_offset=-2,
        text_align="right",
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
    return plot


def confusion_data(figures: ModelFigures, *, shares: bool, colours: Palette) -> dict[str, list]:
    """Columns of the cells: truth, answer, what to print, and weights by the share of the row."""
    counts_KK = figures.confusion_KK
    totals_K = counts_KK.sum(axis=1)
    share_KK = np.divide(
        counts_KK, totals_K[:, None], out=np.zeros(counts_KK.shape), where=totals_K[:, None] > 0
    )
    labels = [item.label for item in figures.classes]
    data: dict[str, list] = {key: [] for key in CELL_COLUMNS}
    for row, truth in enumerate(labels):
        for column, answer in enumerate(labels):
            share = float(share_KK[row, column])
            # The root lifts small shares off the ground: confusions of 10 % are the news here.
            weight = share**0.7
            values = (
                truth,
                answer,
                f"{share * 100:.0f}" if shares else f"{counts_KK[row, column]:,}",
                int(counts_KK[row, column]),
                int(totals_K[row]),
                percent(share, 1),
                weight,
                ink_on(shade(colours, weight), colours),
            )
            for values_of_column, value in zip(data.values(), values, strict=True):
                values_of_column.append(value)
    return data


def confusion_chart(figures: ModelFigures, *, shares: bool, colours: Palette) -> figure:
    """Rows are the labels, columns the answers; shaded by the share of the row."""
    data = confusion_data(figures, shares=shares, colours=colours)
    cells = hv.HeatMap(data, ["answer", "truth"], ["weight", "count", "total", "share"]).opts(
        cmap=[shade(colours, weight) for weight in np.linspace(0, 1, 256)],
        clim=(0, 1),
        line_color=colours.surface,
        line_width=3,
        tools=["hover"],
        default_tools=["save"],
        hover_tooltips=[
            ("labelled", "@truth"),
            ("answered", "@answer"),
            ("pictures", "@count of @total (@share)"),
        ],
        invert_yaxis=True,
        xaxis="top",
        xrotation=50,
        xlabel="answered",
        ylabel="labelled",
        responsive=True,
        height=44 * len(figures.classes) + 80,
    )
    printed = hv.Labels(data, ["answer", "truth"], ["printed", "ink"]).opts(
        text_color="ink", text_font=CHART_FONT, text_font_size="13px"
    )
    plot = hv.render(cells * printed, backend="bokeh")
    quieten(plot, colours)
    plot.min_border_right = 0
    plot.toolbar_location = "below"
    return plot


def shade(colours: Palette, weight: float) -> str:
    """Colour of a cell with that weight, 0 to 1."""
    return blend(colours.surface, colours.accent, 0.03 + 0.92 * weight)


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
        "first": [_number(value) for value in left],
        "second": [_number(value) for value in right],
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


def _number(value: float) -> float | None:
    """None for nan: JSON has no nan, and Bokeh leaves out what is None."""
    return None if math.isnan(value) else float(value)
