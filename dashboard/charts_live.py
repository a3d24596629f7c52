"""Charts of the live camera: boxes over the video, and the last minute of a face."""

import base64
from collections.abc import Iterable
from html import escape

from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from dashboard.charts import percent, quiet_figure
from dashboard.live import MINUTE, LiveFace, LiveFrame
from dashboard.theme import Palette, expression_colour
from dashboard.wording import leading_model, looks

#: Paul Tol's "bright" scheme, without grey: a face keeps its colour as long as it keeps its number.
FACE_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")
TIMELINE_HEIGHT = 210  # px
#: Rows of the timeline that the browser keeps: a minute at the highest rate.
TIMELINE_ROWS = 2000


def face_colour(identity: int) -> str:
    """The colour of a face by its number, from 1, as ``#RRGGBB``."""
    return FACE_COLOURS[(identity - 1) % len(FACE_COLOURS)]


def overlay_svg(frame: LiveFrame, chosen: int, still: bytes | None = None) -> str:
    """Boxes and words over the video, which is shown as in a mirror; scales with it.

    Parameters
    ----------
    frame : LiveFrame
        Its boxes are in px of the camera's picture, which is not mirrored.
    chosen : int
        Number of the face whose box is drawn thick.
    still : bytes, optional
        The frame itself as JPEG, to cover a video that has moved on since.
    """
    unit = frame.height / 100
    parts = [
        f'<svg viewBox="0 0 {frame.width} {frame.height}" preserveAspectRatio="xMidYMid meet" width="100%" '
        'height="100%" aria-hidden="true" font-family="Roboto, Helvetica, Arial, sans-serif">'
    ]
    if still is not None:
        picture = base64.b64encode(still).decode()
        parts.append(
            f'<image href="data:image/jpeg;base64,{picture}" width="{frame.width}" height="{frame.height}" '
            f'transform="translate({frame.width} 0) scale(-1 1)"/>'
        )
    for face in frame.faces:
        x, y, width, height = face.box
        left = frame.width - x - width
        colour, thick = face_colour(face.identity), unit * (0.9 if face.identity == chosen else 0.45)
        model = leading_model(face)
        label = face.models[model].label
        share = percent(face.models[model].probabilities[label])
        words = f"{face.identity} · {escape(looks(label))} {share}"
        tag = unit * 6
        # Above the box where there is room, else inside it.
        top = y - tag if y > tag else y
        wide = len(words) * tag * 0.31 + tag * 1.1
        parts += [
            f'<rect x="{left}" y="{y}" width="{width}" height="{height}" rx="{unit:.1f}" fill="none" '
            f'stroke="#000" stroke-opacity=".5" stroke-width="{thick * 2:.1f}"/>',
            f'<rect x="{left}" y="{y}" width="{width}" height="{height}" rx="{unit:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="{thick:.1f}"/>',
            f'<rect x="{left}" y="{top:.0f}" width="{wide:.0f}" height="{tag:.0f}" rx="{unit:.1f}" '
            'fill="#1D1B24" fill-opacity=".88"/>',
            f'<circle cx="{left + tag * 0.45:.0f}" cy="{top + tag * 0.5:.0f}" r="{tag * 0.2:.1f}" '
            f'fill="{expression_colour(label)}"/>',
            f'<text x="{left + tag * 0.85:.0f}" y="{top + tag * 0.7:.0f}" font-size="{tag * 0.62:.1f}" '
            f'fill="#fff">{words}</text>',
        ]
    return "".join([*parts, "</svg>"])


def timeline_data(seconds: Iterable[tuple[float, LiveFace]], labels: Iterable[str]) -> dict[str, list]:
    """Columns of the timeline: ``time`` and a column a class, of the leading model."""
    rows = list(seconds)
    data: dict[str, list] = {"time": [time for time, _ in rows]}
    for label in labels:
        data[label] = [face.models[leading_model(face)].probabilities.get(label, 0.0) for _, face in rows]
    return data


def timeline_chart(source: ColumnDataSource, labels: Iterable[str], colours: Palette) -> figure:
    """A line a class over the last minute; move its ``x_range`` on as time goes by.

    Parameters
    ----------
    source : ColumnDataSource
        With the columns of :func:`timeline_data`; rows can be streamed to it.
    labels : iterable of str
        The classes.
    colours : Palette
        Of the page.
    """
    plot = quiet_figure(
        colours,
        height=TIMELINE_HEIGHT,
        x_range=Range1d(start=-MINUTE, end=0),
        y_range=Range1d(start=0, end=1.02),
        y_axis_label="probability",
        x_axis_label="seconds since live began",
        min_border_right=12,
    )
    plot.ygrid.grid_line_color = colours.faint
    plot.yaxis.ticker = [0, 0.5, 1]
    for label in labels:
        plot.line(
            x="time",
            y=label,
            source=source,
            line_color=expression_colour(label),
            line_width=2.2,
            name=label,
        )
    return plot


def expression_key(labels: Iterable[str]) -> str:
    """Which line is whose, as HTML."""
    return '<div class="key">' + "".join(
        f'<span><i class="part" style="background:{expression_colour(label)};border-radius:50%"></i>'
        f"{escape(label)}</span>"
        for label in labels
    ) + "</div>"  # fmt: skip
