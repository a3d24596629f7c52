"""Charts of the Look page: the photo with its faces, and the probabilities that the models give."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bokeh.models import ColumnDataSource, FactorRange, Range1d
from bokeh.plotting import figure

from dashboard.answered import Answered
from dashboard.charts import BAR_FONT, percent, quiet_figure
from dashboard.marks import marks
from dashboard.theme import CHART_FONT, Palette, expression_colour
from dashboard.wording import leading_model, model_name

if TYPE_CHECKING:
    from fusion_model.answers import PicturePrediction

PHOTO_HEIGHT = 560  # px, the most a photo takes of the page's height
ROW_HEIGHT = 46  # px, of a row with one bar or two
BAR_THICKNESS = 0.36  # of such a row
BAR_STEP = 0.4  # from bar to bar in such a row
# With more bars in a row each is thinner, but its number can still be read: px.
THIN_BAR, THIN_STEP, ROW_GAP = 12, 15, 12
PHOTO_COLUMNS = ("url", "w", "h")
BOX_COLUMNS = (
    "x",
    "y",
    "w",
    "h",
    "left",
    "top",
    "number",
    "looks",
    "colour",
    "tag",
    "line_width",
    "shadow_width",
)


def photo_chart(source: ColumnDataSource, picture: ColumnDataSource, colours: Palette) -> figure:
    """A photo with its faces boxed and numbered; `turn_to` brings the photo.

    Parameters
    ----------
    source : ColumnDataSource
        From :func:`box_data`; change its data to mark another face without sending the picture again.
    picture : ColumnDataSource
        Gets the photo.
    colours : Palette
        Of the page.
    """
    for empty, columns in ((source, BOX_COLUMNS), (picture, PHOTO_COLUMNS)):
        empty.data = {column: [] for column in columns}
    plot = quiet_figure(
        colours,
        tools="pan,wheel_zoom,reset,save",
        hover=[("face", "@number"), ("looks", "@looks")],
        x_range=Range1d(start=0, end=1),
        # Rows of a picture count downwards.
        y_range=Range1d(start=1, end=0),
        sizing_mode="scale_width",
        min_border=0,
    )
    plot.axis.visible = False
    plot.image_url(url="url", x=0, y=0, w="w", h="h", anchor="top_left", source=picture)
    # A dark line under the coloured one: visible on snow and on night alike.
    shadow = plot.rect(
        x="x",
        y="y",
        width="w",
        height="h",
        source=source,
        fill_color=None,
        line_color="#000000",
        line_alpha=0.55,
        line_width="shadow_width",
    )
    boxes = plot.rect(
        x="x",
        y="y",
        width="w",
        height="h",
        source=source,
        fill_color="colour",
        fill_alpha=0,
        line_color="colour",
        line_width="line_width",
    )
    plot.text(
        x="left",
        y="top",
        text="number",
        source=source,
        text_color="#FFFFFF",
        text_font=CHART_FONT,
        text_font_size="14px",
        text_font_style="bold",
        text_baseline="bottom",
        background_fill_color="tag",
        background_fill_alpha=0.92,
        border_radius=3,
        padding=4,
    )
    for tool in plot.hover:
        tool.renderers = [boxes]
    shadow.level = boxes.level = "glyph"
    return plot


def turn_to(
    plot: figure, picture: ColumnDataSource, jpeg: bytes, prediction: "PicturePrediction | None"
) -> None:
    """Let a chart of :func:`photo_chart` show this photo, or none: then it leaves the browser.

    Parameters
    ----------
    plot, picture : figure, ColumnDataSource
        The chart, and what it was given for its photo.
    jpeg : bytes
        The picture, any size.
    prediction : PicturePrediction or None
        Its faces; boxes in pixels of the full picture.
    """
    if prediction is None:
        picture.data = {column: [] for column in PHOTO_COLUMNS}
        return
    width, height = prediction.width, prediction.height
    plot.x_range.update(start=0, end=width, reset_start=0, reset_end=width)
    plot.y_range.update(start=height, end=0, reset_start=height, reset_end=0)
    # Bokeh scales a figure by the ratio of width and height.
    plot.update(width=width, height=height, max_width=round(PHOTO_HEIGHT * width / height))
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    picture.data = {"url": [url], "w": [width], "h": [height]}


def box_data(prediction: "PicturePrediction | None", selected: int) -> dict[str, list]:
    """Columns of the face boxes; the selected one is drawn thicker, in its expression's colour."""
    rows: dict[str, list] = {key: [] for key in BOX_COLUMNS}
    if prediction is None:
        return rows
    for index, face in enumerate(prediction.faces):
        x, y, w, h = face.box
        label = face.models[leading_model(face)].label
        chosen = index == selected
        values = (
            x + w / 2,
            y + h / 2,
            w,
            h,
            # A tag of a face at the very top goes inside the picture.
            max(x, 2),
            max(y, 28 * prediction.height / PHOTO_HEIGHT),
            str(index + 1),
            f"{label} ({percent(face.models[leading_model(face)].probabilities[label])})",
            expression_colour(label) if chosen else "#FFFFFF",
            "#1D1B24",
            4 if chosen else 1.5,
            6 if chosen else 3,
        )
        for column, value in zip(rows.values(), values, strict=True):
            column.append(value)
    return rows


def probability_data(face: Answered, models: Sequence[str] = ()) -> dict[str, dict[str, list]]:
    """Columns of the bars, one dictionary a model; ``y`` places the models' bars side by side in a row.

    `models`, of the same classes, default to all of the face; the last in order is drawn on top.
    """
    data: dict[str, dict[str, list]] = {}
    for model, offset in bar_offsets(models or list(face.models)).items():
        answer = face.models[model]
        labels = list(answer.probabilities)
        data[model] = {
            "y": [(label, -offset) for label in labels],
            "label": labels,
            "model": [model_name(model)] * len(labels),
            "share": list(answer.probabilities.values()),
            "printed": [percent(value) for value in answer.probabilities.values()],
            "exact": [percent(value, 1) for value in answer.probabilities.values()],
            "colour": [expression_colour(label) for label in labels],
        }
    return data


def probability_chart(face: Answered, colours: Palette, models: Sequence[str] = ()) -> figure:
    """A row a class, all models in each, told by how their bars are filled, numbers printed.

    `models`, of the same classes, default to all of the face.
    """
    asked = list(models or face.models)
    data = probability_data(face, asked)
    return bar_chart(data, asked, colours, ("probability", "@exact"), end=1.16)


def bar_offsets(models: Sequence[str]) -> dict[str, float]:
    """Where the bar of each model lies in a row, as a share of the row; the last in order comes first."""
    drawn = list(reversed(models))
    step = _row(len(drawn))[2]
    return {model: (place - (len(drawn) - 1) / 2) * step for place, model in enumerate(drawn)}


def bar_chart(
    data: dict[str, dict[str, list]],
    asked: Sequence[str],
    colours: Palette,
    told: tuple[str, str],
    *,
    end: float,
) -> figure:
    """A row a class with a bar of each model, told by how it is filled.

    Parameters
    ----------
    data : dict of str to dict
        By model the columns ``y``, ``label``, ``model``, ``share`` (the length), ``printed``, ``colour``.
    asked : sequence of str
        The models in their order.
    colours : Palette
        Of the page.
    told : (str, str)
        The last row of the tooltip.
    end : float
        Of the axis, with room for what is printed.
    """
    labels = list(next(iter(data.values()))["label"])
    height, thickness, _ = _row(len(asked))
    plot = quiet_figure(
        colours,
        hover=[("expression", "@label"), ("model", "@model"), told],
        y_range=FactorRange(factors=list(reversed(labels))),
        x_range=Range1d(start=0, end=end),
        height=height * len(labels) + 10,
        min_border_right=0,
    )
    plot.xaxis.visible = False
    for model, mark in marks(asked).items():
        source = ColumnDataSource(data=data[model])
        ink = "text" if mark.alpha == 1 else "muted"
        plot.hbar(
            y="y",
            left=0,
            right="share",
            height=thickness,
            source=source,
            fill_color="colour",
            fill_alpha=mark.alpha,
            line_color="colour",
            line_width=1.8 if len(asked) < 3 else 1.3,
            hatch_pattern=mark.hatch,
            hatch_color="colour",
            hatch_scale=6,
            name=model,
        )
        printed = plot.text(
            x="share",
            y="y",
            text="printed",
            source=source,
            x_offset=7,
            text_baseline="middle",
            text_font=CHART_FONT,
            text_font_size=BAR_FONT if len(asked) < 3 else "11px",
            text_color=getattr(colours, ink),
        )
        printed.tags = [ink]
    return plot


def _row(bars: int) -> tuple[int, float, float]:
    """Height of a row, px; thickness of a bar and the step to the next one, as shares of the row."""
    if bars < 3:
        return ROW_HEIGHT, BAR_THICKNESS, BAR_STEP
    height = bars * THIN_STEP + ROW_GAP
    return height, THIN_BAR / height, THIN_STEP / height
