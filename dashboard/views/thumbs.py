"""Small pictures that are buttons: an image and its words as HTML, and a real button laid over them.

The button can be reached by keyboard and has a name that is read out; the picture leaves the browser with it.
"""

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn

from dashboard.charts import percent
from dashboard.theme import expression_colour
from dashboard.views.parts import NO_SCROLL_BUTTON, html

COVER_CSS = """
:host { margin: 0; }
.bk-btn-group, .bk-btn { width: 100%; height: 100%; }
.bk-btn { background: transparent !important; border: 0 !important; box-shadow: none !important;
    border-radius: 8px; cursor: pointer; color: transparent !important; font-size: 0 !important; padding: 0; }
.bk-btn:hover { background: color-mix(in srgb, var(--mui-palette-primary-main) 12%, transparent) !important; }
.bk-btn:focus-visible { outline: 3px solid var(--mui-palette-primary-main) !important; outline-offset: 3px; }
"""


class Thumb(pn.viewable.Viewer):
    """An image with words below, all of it one button.

    Parameters
    ----------
    body : callable
        Whether it is the chosen one -> its HTML, such as `thumb_html` makes.
    label : str
        What the button is called.
    pressed : callable
        Called without arguments.
    """

    def __init__(self, body: Callable[[bool], str], label: str, pressed: Callable[[], None]) -> None:
        super().__init__()
        self._body = body
        self._chosen = False
        self._pane = html(body(False))
        cover = pn.widgets.Button(
            label=label,
            margin=0,
            stylesheets=[COVER_CSS],
            styles={"position": "absolute", "inset": "0", "width": "100%", "height": "100%"},
        )
        cover.on_click(lambda _: pressed())
        self._layout = pn.Column(
            self._pane, cover, sizing_mode="stretch_width", margin=0, styles={"position": "relative"}
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def mark(self, chosen: bool) -> None:
        """Show whether it is the chosen one."""
        if chosen != self._chosen:
            self._chosen = chosen
            self._pane.object = self._body(chosen)


def thumb_html(jpeg: bytes, lines: list[str], *, chosen: bool, kind: str = "") -> str:
    """Image and lines (HTML); the image is told by the button over it and needs no words of its own."""
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    marks = " ".join(filter(None, ["thumb", kind, "chosen" if chosen else ""]))
    told = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div class="{marks}"><img src="{source}" alt="">{told}</div>'


def looks_line(label: str, confidence: float) -> str:
    """``● happy 93 %`` as HTML."""
    dot = f'<span class="dot" style="background:{expression_colour(label)}"></span>'
    return f'{dot}<span class="num">{escape(label)} {percent(confidence)}</span>'.replace(" %", "&nbsp;%")


def thumb_grid(width: int, *parts: Any) -> pn.Column:
    """A grid whose cells are at least so many px wide, as many beside each other as there is room for."""
    columns = f"repeat(auto-fill, minmax(min({width}px, 44%), 1fr))"
    return pn.Column(
        *parts,
        sizing_mode="stretch_width",
        margin=0,
        stylesheets=[NO_SCROLL_BUTTON],
        styles={"display": "grid", "grid-template-columns": columns, "gap": "14px"},
    )
