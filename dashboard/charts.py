"""What all charts share: a quiet figure, whiskers, and how a model's marks are filled.

Charts are pure functions of data and palette that return Bokeh figures. Where the marks are a standard kind
(the confusion matrix), HoloViews makes the figure; bars with printed values, outlined and solid, are Bokeh's
own glyphs, which take 10 ms a figure instead of 60.
"""

import math
from typing import Any

from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool, PlainText, Whisker
from bokeh.plotting import figure

from dashboard.theme import CHART_FONT, FONT, Palette

OUTLINED_MODELS = {"cnn"}  # every other model's marks are solid
BAR_FONT = "12px"


def quiet_figure(colours: Palette, *, hover: list[tuple[str, str]] | None = None, **options: Any) -> figure:
    """A figure without frame, grid or logo, whose toolbar appears on hover.

    Parameters
    ----------
    colours : Palette
        Of the page.
    hover : list of (str, str), optional
        Rows of the tooltip, as Bokeh takes them.
    **options
        Passed on to :func:`bokeh.plotting.figure`.
    """
    plot = figure(
        tools=options.pop("tools", "save"),
        toolbar_location="above",
        toolbar_inner=True,
        active_drag=None,
        active_scroll=None,
        sizing_mode=options.pop("sizing_mode", "stretch_width"),
        **options,
    )
    for axis in plot.axis:
        if isinstance(axis.axis_label, str):  # a class called $$x$$ is no formula, and needs no MathJax
            axis.axis_label = plain(axis.axis_label)
    quieten(plot, colours)
    if hover:
        plot.add_tools(HoverTool(tooltips=hover, renderers="auto"))
    return plot


def plain(text: str) -> str | PlainText:
    """The text as what Bokeh shows letter by letter, where it would read a formula in it."""
    return PlainText(text=text) if any(sign in text for sign in ("$$", r"\(", r"\[")) else text


def quieten(plot: figure, colours: Palette) -> None:
    """Take frame, grid, ticks and logo from a figure, and give its labels the page's type and colour."""
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    plot.toolbar.autohide = True
    plot.toolbar.logo = None
    plot.grid.grid_line_color = None
    plot.axis.axis_line_color = None
    plot.axis.major_tick_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.axis.axis_label_text_color = plot.axis.major_label_text_color = colours.text
    plot.axis.axis_label_text_font = plot.axis.major_label_text_font = FONT
    plot.axis.axis_label_text_font_size = plot.axis.major_label_text_font_size = "13px"


def recolour(plot: figure, colours: Palette) -> None:
    """Give the words in a chart, whose renderers are tagged with the name of a colour, those of another page.

    Axes, grid and frame need no such thing: on the page Material UI paints them in the browser.
    """
    for renderer in plot.select({"type": GlyphRenderer}):
        for tag in renderer.tags:
            renderer.glyph.text_color = getattr(colours, tag)


def fill_alpha(model: str) -> float:
    """1 for a solid mark, 0 for an outlined one."""
    return 0.0 if model in OUTLINED_MODELS else 1.0


def add_whiskers(plot: figure, source: ColumnDataSource, colours: Palette, *, base: str = "y") -> None:
    """Intervals along x from the columns ``low`` and ``high``."""
    whisker = Whisker(
        source=source,
        base=base,
        lower="low",
        upper="high",
        dimension="width",
        line_color=colours.text,
        line_width=1.2,
        level="annotation",
    )
    for head in (whisker.upper_head, whisker.lower_head):
        if head is not None:
            head.size = 7
            head.line_color = colours.text
    plot.add_layout(whisker)


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage for people: ``93 %``; a dash for what is undefined."""
    return "–" if math.isnan(share) else f"{share * 100:.{digits}f} %"


def print_values(
    plot: figure, source: ColumnDataSource, x: float, colours: Palette, *, ink: str | None = None
) -> None:
    """The column ``printed`` of every row ``y``, ending at `x`; `ink` is a colour or a column of colours."""
    plot.text(
        x=x,
        y="y",
        text="printed",
        source=source,
        text_align="right",
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=ink or colours.text,
    )
