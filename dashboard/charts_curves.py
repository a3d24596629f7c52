"""Charts of probabilities: reliability, risk against coverage, ROC and precision-recall, prediction sets."""

import math
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard.charts import add_whiskers, percent, print_values, quiet_figure
from dashboard.charts_figures import MARKS
from dashboard.theme import Palette, expression_colour
from fusion_model.conformal import ConformalFigures
from fusion_model.curves import ClassCurve, Reliability, RiskCoverage


def square_figure(colours: Palette, x: str, y: str, **options: Any) -> figure:
    """A quiet figure of two shares from 0 to 1, with faint lines at the quarters."""
    plot = quiet_figure(
        colours,
        x_range=Range1d(start=-0.02, end=1.02),
        y_range=Range1d(start=-0.02, end=1.02),
        height=340,
        x_axis_label=x,
        y_axis_label=y,
        **options,
    )
    plot.axis.ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
    plot.axis.formatter = NumeralTickFormatter(format="0 %")
    plot.axis.axis_label_text_font_style = "normal"
    plot.grid.grid_line_color = colours.faint
    return plot


def reliability_data(found: Reliability) -> dict[str, list]:
    """Columns of the bins that have rows."""
    some = np.flatnonzero(found.count_B)
    edges = found.edges_B1
    return {
        "x": found.confidence_B[some].tolist(),
        "y": found.right_B[some].tolist(),
        "low": found.low_B[some].tolist(),
        "high": found.high_B[some].tolist(),
        "count": found.count_B[some].tolist(),
        "range": [f"{edges[b] * 100:.0f} to {edges[b + 1] * 100:.0f} %" for b in some],
        "size": (5 + 17 * np.sqrt(found.count_B[some] / found.count_B.max())).tolist(),
        "bin": some.tolist(),
    }


def reliability_chart(found: Reliability, colours: Palette) -> figure:
    """Confidence against share right, one mark a bin, its area by its pictures; the line is perfection."""
    source = ColumnDataSource(data=reliability_data(found))
    plot = square_figure(
        colours,
        "confidence of the answer",
        "share of answers right",
        hover=[
            ("confidence", "@range"),
            ("right", "@y{0.0 %} (@low{0.0 %} to @high{0.0 %})"),
            ("pictures", "@count"),
        ],
    )
    plot.line([0, 1], [0, 1], line_color=colours.muted, line_dash=[4, 4])
    plot.segment(
        x0="x", x1="x", y0="low", y1="high", source=source, line_color=colours.accent, line_width=1.4
    )
    marks = plot.scatter(
        x="x",
        y="y",
        size="size",
        source=source,
        name=MARKS,
        fill_color=colours.accent,
        fill_alpha=0.75,
        line_color=colours.surface,
    )
    for tool in plot.hover:
        tool.renderers = [marks]
    return plot


def risk_chart(found: dict[str, RiskCoverage], outlined: set[str], colours: Palette) -> figure:
    """Error among the surest answers against their share; dashed for outlined models."""
    worst = max(float(item.risk_P.max()) for item in found.values())
    plot = square_figure(
        colours,
        "share of pictures answered, the surest first",
        "share of them wrong",
        hover=[("answered", "$x{0 %}"), ("wrong", "$y{0.0 %}")],
    )
    plot.y_range = Range1d(start=0, end=min(1.0, max(worst * 1.08, 0.05)))
    plot.yaxis.ticker = plot.ygrid[0].ticker = FixedTicker(
        ticks=[step / 20 for step in range(21)] if worst < 0.45 else [0, 0.25, 0.5, 0.75, 1]
    )
    for model, item in found.items():
        plot.line(
            item.coverage_P,
            item.risk_P,
            line_color=colours.accent,
            line_width=2.2,
            line_dash=[6, 4] if model in outlined else "solid",
        )
    return plot


def roc_chart(curves: tuple[ClassCurve, ...], colours: Palette) -> figure:
    """One ROC curve a class; the dashed line is chance."""
    plot = square_figure(
        colours,
        "false alarms: others answered so",
        "hits: shown and answered so",
        hover=[("", "@label"), ("hits", "$y{0.0 %}"), ("false alarms", "$x{0.0 %}")],
    )
    plot.line([0, 1], [0, 1], line_color=colours.muted, line_dash=[4, 4])
    _lines(plot, [(item.label, item.false_alarms_P, item.hits_P) for item in curves])
    return plot


def precision_recall_chart(curves: tuple[ClassCurve, ...], colours: Palette) -> figure:
    """One precision-recall curve a class."""
    plot = square_figure(
        colours,
        "recall: shown and answered so",
        "precision: answered so and right",
        hover=[("", "@label"), ("precision", "$y{0.0 %}"), ("recall", "$x{0.0 %}")],
    )
    _lines(plot, [(item.label, item.recall_P, item.precision_P) for item in curves])
    return plot


def _lines(plot: figure, lines: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    drawn = []
    for label, x, y in lines:
        if not len(x):
            continue
        source = ColumnDataSource(data={"x": x, "y": y, "label": [label] * len(x)})
        colour = expression_colour(label)
        drawn.append(plot.line(x="x", y="y", source=source, line_color=colour, line_width=2.2))
    for tool in plot.hover:
        tool.renderers = drawn


def coverage_chart(found: ConformalFigures, colours: Palette) -> figure:
    """How often the sets of each class hold the label, with the level asked for as a line."""
    labels = [item.label for item in found.classes]
    known = [None if math.isnan(item.coverage.value) else item.coverage for item in found.classes]
    source = ColumnDataSource(
        data={
            "y": labels,
            "value": [item.value if item else None for item in known],
            "low": [item.low if item else None for item in known],
            "high": [item.high if item else None for item in known],
            "printed": [
                "–" if math.isnan(item.mean_size) else f"{percent(item.coverage.value)}, {item.mean_size:.1f}"
                for item in found.classes
            ],
            "size": [None if math.isnan(item.mean_size) else item.mean_size for item in found.classes],
            "support": [item.support for item in found.classes],
            "colour": [expression_colour(label) for label in labels],
        }
    )
    lowest = min((item.low for item in known if item), default=0.0)
    start = max(0.0, math.floor(lowest * 10) / 10 - 0.02)
    plot = quiet_figure(
        colours,
        hover=[
            ("expression", "@y"),
            ("held by the set", "@value{0.0 %} (@low{0.0 %} to @high{0.0 %})"),
            ("expressions in a set", "@size{0.00}"),
            ("pictures", "@support"),
        ],
        y_range=FactorRange(factors=list(reversed(labels))),
        x_range=Range1d(start=start, end=1 + 0.3 * (1 - start)),
        height=32 * len(labels) + 60,
        x_axis_label="sets that hold the label",
    )
    plot.xaxis.axis_label_text_font_style = "normal"
    plot.xaxis.ticker = FixedTicker(ticks=[t / 10 for t in range(11) if t / 10 >= start])
    plot.xaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.segment(
        x0=found.level,
        x1=found.level,
        y0=-0.0,
        y1=float(len(labels)),
        line_color=colours.muted,
        line_dash=[4, 4],
    )
    dots = plot.scatter(x="value", y="y", size=11, source=source, color="colour", name=MARKS)
    for tool in plot.hover:
        tool.renderers = [dots]
    add_whiskers(plot, source, colours)
    print_values(plot, source, 1 + 0.3 * (1 - start), colours)
    return plot
