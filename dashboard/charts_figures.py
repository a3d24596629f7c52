"""Charts of Evaluate and Compare: measures by class, the confusion matrix, two models by class."""

import math
from typing import Literal

import holoviews as hv
import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, Range1d, Rect
from bokeh.plotting import figure

from dashboard.charts import BAR_FONT, add_whiskers, fill_alpha, percent, quiet_figure, quieten
from dashboard.theme import CHART_FONT, Palette, blend, expression_colour, ink_on
from fusion_model.evaluation import Interval, ModelFigures

hv.extension("bokeh", logo=False)

Cells = Literal["row", "column", "count"]
Measure = Literal["precision", "recall", "f1"]
MARKS = "marks"  # the name of the renderer that is clicked
LOSS = "#D55E00"
CELL_COLUMNS = ("truth", "answer", "printed", "count", "total", "share", "weight", "ink")
MEASURE_NAMES: dict[Measure, str] = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def class_chart(figures: ModelFigures, measure: Measure, colours: Palette) -> figure:
    """One measure for each class as bars with intervals, values printed inside the axis."""
    intervals: list[Interval] = [getattr(item, measure) for item in figures.classes]
    labels = [item.label for item in figures.classes]
    source = ColumnDataSource(
        data={
            "y": labels,
            "value": [number(interval.value) for interval in intervals],
            "low": [number(interval.low) for interval in intervals],
            "high": [number(interval.high) for interval in intervals],
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
        name=MARKS,
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


def confusion_data(
    figures: ModelFigures, *, cells: Cells = "row", colours: Palette, minus: ModelFigures | None = None
) -> dict[str, list]:
    """Columns of the cells: truth, answer, what to print, and weights, -1 to 1, that shade them.

    Parameters
    ----------
    figures : ModelFigures
    cells : what is printed and shaded: shares of the row or of the column, or counts shaded by row
    colours : Palette
    minus : another model's figures on the same rows, to subtract
    """
    counts_KK = figures.confusion_KK
    totals_K, share_KK = counts_KK.sum(axis=1), _cell_shares(figures, cells)
    weight_KK = share_KK**0.7  # the root lifts small shares off the ground: confusions of 10 % are the news
    printed = np.vectorize("{:,}".format if cells == "count" else "{:.0f}".format, otypes=[object])
    texts_KK = printed(counts_KK if cells == "count" else share_KK * 100)
    if minus is not None:
        change_KK = (
            counts_KK - minus.confusion_KK if cells == "count" else share_KK - _cell_shares(minus, cells)
        )
        largest = max(float(np.abs(change_KK).max()), 1e-9)
        weight_KK = np.sign(change_KK) * 0.85 * (np.abs(change_KK) / largest) ** 0.8
        shown_KK = np.rint(change_KK * (1 if cells == "count" else 100)).astype(int)
        texts_KK = np.vectorize(lambda n: f"{n:+,}".replace("-", "−") if n else "0", otypes=[object])(
            shown_KK
        )
    labels = [item.label for item in figures.classes]
    data: dict[str, list] = {key: [] for key in CELL_COLUMNS}
    for row, truth in enumerate(labels):
        for column, answer in enumerate(labels):
            weight = float(weight_KK[row, column])
            values = (
                truth,
                answer,
                texts_KK[row, column],
                int(counts_KK[row, column]),
                int(totals_K[row]),
                percent(float(counts_KK[row, column] / max(totals_K[row], 1)), 1),
                weight,
                ink_on(shade(colours, weight), colours),
            )
            for values_of_column, value in zip(data.values(), values, strict=True):
                values_of_column.append(value)
    return data


def _signed(count: int) -> str:
    return f"{count:+,}".replace("-", "−") if count else "0"


def _cell_shares(figures: ModelFigures, cells: Cells) -> np.ndarray:
    """Counts as shares of their row or column, (K, K) in 0..1; 0 where there are none."""
    totals = figures.confusion_KK.sum(axis=0 if cells == "column" else 1, keepdims=True)
    return figures.confusion_KK / np.maximum(totals, 1)


def confusion_chart(
    figures: ModelFigures, *, cells: Cells = "row", colours: Palette, minus: ModelFigures | None = None
) -> figure:
    """Rows are the labels, columns the answers; shaded by share, or by the change from another model."""
    data = confusion_data(figures, cells=cells, colours=colours, minus=minus)
    lowest = -1 if minus is not None else 0
    heat = hv.HeatMap(data, ["answer", "truth"], ["weight", "count", "total", "share"]).opts(
        cmap=[shade(colours, weight) for weight in np.linspace(lowest, 1, 256)],
        clim=(lowest, 1),
        line_color=colours.surface,
        line_width=3,
        tools=["hover", "tap"],
        default_tools=["save"],
        nonselection_alpha=1,
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
    plot = hv.render(heat * printed, backend="bokeh")
    quieten(plot, colours)
    plot.min_border_right = 0
    plot.toolbar_location = "below"
    cell = next(item for item in plot.renderers if isinstance(item.glyph, Rect))
    cell.name = MARKS
    return plot


def cell_keys(plot: figure) -> list[str]:
    """Keys of the cells of a confusion chart, in the order of its source."""
    data = next(item for item in plot.renderers if item.name == MARKS).data_source.data
    return [f"cell:{truth}:{answer}" for truth, answer in zip(data["truth"], data["answer"], strict=True)]


def shade(colours: Palette, weight: float) -> str:
    """Colour of a cell with that weight: 0 to 1, or below 0 for a loss."""
    return blend(colours.surface, colours.accent if weight >= 0 else LOSS, 0.03 + 0.92 * abs(weight))


def number(value: float) -> float | None:
    """None for nan: JSON has no nan, and Bokeh leaves out what is None."""
    return None if math.isnan(value) else float(value)
