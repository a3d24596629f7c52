"""Small pieces that every page uses."""

from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.plotting import figure

from dashboard.theme import HTML_CSS

NOTICE_SX = {"alignItems": "center", "& p": {"margin": 0}}
# Panel's columns hold a hidden button to scroll by: it would get a gap, or a grid's first cell, of its own.
NO_SCROLL_BUTTON = ".scroll-button { display: none; }"
PAGE_WIDTH = 1180  # px, the widest that lines and charts stay easy to read


def html(text: str = "", **options: Any) -> pn.pane.HTML:
    """An HTML pane in the page's type, as wide as its place."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    return pn.pane.HTML(text, stylesheets=[HTML_CSS], **options)


def chart(plot: figure | None = None, **options: Any) -> pn.pane.Bokeh:
    """A pane for a Bokeh figure."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    return pn.pane.Bokeh(plot, **options)


def column(*parts: Any, gap: int = 16, **options: Any) -> pn.Column:
    """A column with even gaps."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    styles = {"gap": f"{gap}px", **options.pop("styles", {})}
    return pn.Column(*parts, styles=styles, stylesheets=[NO_SCROLL_BUTTON], **options)


def row(*parts: Any, gap: int = 12, **options: Any) -> pn.FlexBox:
    """A row that wraps on narrow screens."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    options.setdefault("align_items", "center")
    return pn.FlexBox(*parts, gap=f"{gap}px", **options)


def folded(summary: str, body: str) -> str:
    """HTML behind a line that opens it; works by keyboard and without any script."""
    return f"<details><summary>{summary}</summary>{body}</details>"


def notice(severity: str, sentence: str, **options: Any) -> pmui.Alert:
    """A sentence that stands out: "info", "warning" or "error"."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    return pmui.Alert(object=sentence, severity=severity, sx=NOTICE_SX, **options)
