"""Charts of face detectors: precision against recall, and the program's own by its threshold."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard.charts import BAR_FONT, quiet_figure
from dashboard.charts_curves import square_figure
from dashboard.charts_figures import MARKS
from dashboard.theme import CHART_FONT, Palette
from fusion_model.detector_figures import DetectorFigures


def detectors_chart(found: Sequence[DetectorFigures], strong: dict[str, str], colours: Palette) -> figure:
    """Precision against recall, a line a detector, a mark where its chosen threshold is.

    Parameters
    ----------
    found : sequence of DetectorFigures
    strong : detectors to draw in the accent colour, by how: "solid" or "dashed"
    colours : Palette
    """
    plot = square_figure(
        colours,
        "recall: faces that are found",
        "precision: what is found and is a face",
        hover=[
            ("", "@name"),
            ("threshold", "@threshold{0.00}"),
            ("precision", "@y{0.0 %}"),
            ("recall", "@x{0.0 %}"),
        ],
    )
    for item in sorted(found, key=lambda item: item.detector in strong):
        ink = colours.accent if item.detector in strong else colours.muted
        shown = ~np.isnan(item.precision_T)
        plot.line(
            item.recall_T[shown],
            item.precision_T[shown],
            line_color=ink,
            line_width=2.4 if item.detector in strong else 1.2,
            line_dash=[6, 4] if strong.get(item.detector) == "dashed" else "solid",
            line_alpha=1 if item.detector in strong else 0.7,
        )
    marks = _marks(plot, found, strong, colours)
    for tool in plot.hover:
        tool.renderers = [marks]
    return plot


def threshold_chart(found: DetectorFigures, colours: Palette) -> figure:
    """Precision, recall and F1 of one detector by its threshold; the line is the chosen one."""
    plot = quiet_figure(
        colours,
        x_range=Range1d(start=float(found.threshold_T[0]), end=float(found.threshold_T[-1]) + 0.1),
        y_range=Range1d(start=0, end=1.02),
        height=340,
        x_axis_label="threshold of the score",
    )
    plot.axis.axis_label_text_font_style = "normal"
    plot.yaxis.ticker = plot.ygrid[0].ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.ygrid.grid_line_color = colours.faint
    at = float(found.threshold_T[found.chosen])
    plot.segment(x0=at, x1=at, y0=0, y1=1, line_color=colours.muted, line_dash=[4, 4])
    for name, values_T, dash in (
        ("precision", found.precision_T, [6, 4]),
        ("recall", found.recall_T, [2, 3]),
        ("F1", found.f1_T, []),
    ):
        known = np.flatnonzero(~np.isnan(values_T))
        plot.line(
            found.threshold_T[known],
            values_T[known],
            line_color=colours.accent,
            line_width=2.2,
            line_dash=dash or "solid",
        )
        if len(known):
            _label(plot, found.threshold_T[known[-1]], values_T[known[-1]], name, colours)
    return plot


def _marks(
    plot: figure, found: Sequence[DetectorFigures], strong: dict[str, str], colours: Palette
) -> object:
    source = ColumnDataSource(
        data={
            "name": [item.detector for item in found],
            "threshold": [float(item.threshold_T[item.chosen]) for item in found],
            "x": [float(item.recall_T[item.chosen]) for item in found],
            "y": [float(item.precision_T[item.chosen]) for item in found],
            "colour": [colours.accent if item.detector in strong else colours.muted for item in found],
        }
    )
    for index, item in enumerate(found):
        _label(plot, source.data["x"][index], source.data["y"][index], item.detector, colours)
    return plot.scatter(
        x="x", y="y", size=9, source=source, color="colour", line_color=colours.surface, name=MARKS
    )


def _label(plot: figure, x: float, y: float, text: str, colours: Palette) -> None:
    # Beyond the middle a text runs to the left, so that it stays inside.
    left = plot.x_range.start is not None and x > 0.62 and plot.x_range.end < 1.05
    plot.text(
        x=[x],
        y=[y],
        text=[text],
        x_offset=-8 if left else 8,
        y_offset=-8 if left else 0,
        text_align="right" if left else "left",
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
