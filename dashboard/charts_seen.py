"""Charts of what the models saw: landmarks over the photo, a mesh to turn, bars of regions, shares as steps.

Shape suffixes: L landmark (478), D coordinate (x, y, z), T triangle.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, Range1d, Span
from bokeh.plotting import figure
from scipy.spatial.transform import Rotation

from dashboard.charts import BAR_FONT, percent, quiet_figure
from dashboard.theme import CHART_FONT, Palette, blend
from fusion_model.regions import NAMES, REGION_L, outlines, triangles

if TYPE_CHECKING:
    from fusion_model.answers import Shares

# Purple and green: told apart by colour-blind eyes (Harrower and Brewer 2003), and no expression's purple.
FOR, AGAINST = "#8E3FC2", "#1E9E5A"
NOTHING = "#C9C7D1"
MESH_SIDE = 400  # px
REGION_ROW, SHARE_ROW = 34, 40  # px
#: Of light that falls on a surface seen from its edge.
SHADE = 0.45
MOST_YAW, MOST_PITCH = 60, 40  # degrees


def landmark_data(landmarks_LD: np.ndarray | None) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the landmarks' dots and of the face's lines over the photo; empty without a mesh."""
    points_LD = np.zeros((0, 3)) if landmarks_LD is None else landmarks_LD
    ends = outlines() if landmarks_LD is not None else np.zeros((0, 2), int)
    start, end = points_LD[ends[:, 0]], points_LD[ends[:, 1]]
    return {
        "dots": {"x": points_LD[:, 0], "y": points_LD[:, 1]},
        "lines": {"x0": start[:, 0], "y0": start[:, 1], "x1": end[:, 0], "y1": end[:, 1]},
    }


def add_landmarks(plot: figure, dots: ColumnDataSource, lines: ColumnDataSource) -> None:
    """Draw landmarks over a photo: white, with the lines of brows, eyes, nose, mouth and outline."""
    plot.segment(x0="x0", y0="y0", x1="x1", y1="y1", source=lines, line_color="#FFFFFF", line_alpha=0.75)
    plot.scatter(x="x", y="y", source=dots, size=2.2, fill_color="#FFFFFF", line_color=None)


def region_colours(regions: Mapping[str, float] | None) -> list[str]:
    """A colour for each of the `NAMES`: purple for the answer, green against it, the stronger the fuller."""
    if regions is None:
        return [NOTHING] * len(NAMES)
    largest = max(map(abs, regions.values())) or 1.0
    return [
        blend(NOTHING, FOR if regions[name] > 0 else AGAINST, abs(regions[name]) / largest) for name in NAMES
    ]


def mesh_data(
    landmarks_LD: np.ndarray, colours: list[str], yaw: float = 0.0, pitch: float = 0.0
) -> dict[str, dict[str, list]]:
    """Columns of the mesh's triangles, turned, the farthest first, and of the lines in front.

    Parameters
    ----------
    landmarks_LD : (478, 3), px of any picture
    colours : of the regions, see :func:`region_colours`
    yaw, pitch : degrees by which the head is turned to the right of the picture, and upwards
    """
    centred_LD = landmarks_LD - (landmarks_LD.min(axis=0) + landmarks_LD.max(axis=0)) / 2
    # y runs down and z away from the viewer, so positive turns about x and y are down and to the left.
    turned_LD = Rotation.from_euler("yx", [-yaw, -pitch], degrees=True).apply(centred_LD)
    turned_LD /= np.linalg.norm(centred_LD, axis=1).max()
    corners_T = triangles()
    points_TD = turned_LD[corners_T]
    normals_TD = np.cross(points_TD[:, 1] - points_TD[:, 0], points_TD[:, 2] - points_TD[:, 0])
    facing_T = -normals_TD[:, 2] / np.maximum(np.linalg.norm(normals_TD, axis=1), 1e-12)
    order_T = np.argsort(-points_TD[:, :, 2].mean(axis=1))
    # Borders of regions run softly, and the inside of the surface is dark.
    paint_TC = np.array([rgb(colour) for colour in colours])[REGION_L[corners_T]].mean(axis=1)
    light_T = np.where(facing_T > 0, SHADE + (1 - SHADE) * facing_T, SHADE / 2)
    lit_TC = np.round(paint_TC * light_T[:, None]).astype(int)
    return {
        "surface": {
            "xs": points_TD[order_T, :, 0].round(4).tolist(),
            "ys": points_TD[order_T, :, 1].round(4).tolist(),
            "colour": [f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in lit_TC[order_T].tolist()],
            "region": [NAMES[region] for region in REGION_L[corners_T[order_T, 0]]],
        },
        "lines": _lines(turned_LD, corners_T, facing_T),
    }


def _lines(turned_LD: np.ndarray, corners_T: np.ndarray, facing_T: np.ndarray) -> dict[str, list]:
    """The face's lines without those behind it: their points' triangles look away."""
    facing_L = np.bincount(corners_T.ravel(), np.repeat(facing_T, 3), len(turned_LD))
    facing_L[np.setdiff1d(np.arange(len(turned_LD)), corners_T)] = 1.0  # irises have no triangles
    shown = outlines()[(facing_L[outlines()] > 0).all(axis=1)]
    start, end = turned_LD[shown[:, 0]].round(4), turned_LD[shown[:, 1]].round(4)
    columns = {"x0": start[:, 0], "y0": start[:, 1], "x1": end[:, 0], "y1": end[:, 1]}
    return {name: values.tolist() for name, values in columns.items()}


def mesh_chart(surface: ColumnDataSource, lines: ColumnDataSource, colours: Palette) -> figure:
    """The mesh as a surface, lit from the front; change the sources' data to turn it."""
    plot = quiet_figure(
        colours,
        hover=[("region", "@region")],
        x_range=Range1d(start=-1.02, end=1.02),
        y_range=Range1d(start=1.02, end=-1.02),  # rows of a picture count downwards
        width=MESH_SIDE,
        height=MESH_SIDE,
        max_width=MESH_SIDE,
        sizing_mode="scale_width",
        min_border=0,
    )
    plot.axis.visible = False
    skin = plot.patches(
        xs="xs", ys="ys", source=surface, fill_color="colour", line_color="colour", line_width=0.6
    )
    plot.segment(
        x0="x0", y0="y0", x1="x1", y1="y1", source=lines, line_color="#1D1B24", line_alpha=0.6, line_width=1.2
    )
    for tool in plot.hover:
        tool.renderers = [skin]
    return plot


def region_chart(regions: Mapping[str, float], colours: Palette) -> figure:
    """Bars of what each region adds, largest first; the factor of the odds printed."""
    names = sorted(regions, key=lambda name: -regions[name])
    values = [regions[name] for name in names]
    reach = max(map(abs, values)) or 1.0
    source = ColumnDataSource(
        {
            "y": names,
            "value": values,
            "colour": [FOR if value > 0 else AGAINST for value in values],
            "printed": [odds_factor(value) for value in values],
            "offset": [7 if value >= 0 else -7 for value in values],
            "align": ["left" if value >= 0 else "right" for value in values],
        }
    )
    plot = quiet_figure(
        colours,
        hover=[("region", "@y"), ("odds", "@printed")],
        y_range=FactorRange(factors=names[::-1]),
        x_range=Range1d(start=(-reach if min(values) < 0 else 0) * 1.5, end=reach * 1.5),
        height=REGION_ROW * len(names) + 10,
        min_border_right=0,
    )
    plot.xaxis.visible = False
    plot.hbar(y="y", right="value", height=0.62, source=source, fill_color="colour", line_color=None)
    plot.add_layout(Span(location=0, dimension="height", line_color=colours.muted, line_width=1))
    plot.text(
        x="value",
        y="y",
        text="printed",
        x_offset="offset",
        text_align="align",
        source=source,
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
    return plot


def odds_factor(value: float) -> str:
    """Log-odds added as a factor of the odds: ``× 2.2``."""
    return f"× {np.exp(value):.2f}" if abs(value) < np.log(10) else f"× {np.exp(value):.0f}"


def share_chart(shares: "Shares", colours: Palette) -> figure:
    """Steps from the probability without pixels and landmarks to that with both."""
    steps = {
        "shown neither": (0.0, shares.neither, colours.muted, percent(shares.neither)),
        "pixels": (
            shares.neither,
            shares.neither + shares.pixels,
            _sign(shares.pixels),
            signed(shares.pixels),
        ),
        "landmarks": (
            shares.neither + shares.pixels,
            shares.both,
            _sign(shares.landmarks),
            signed(shares.landmarks),
        ),
        "shown both": (0.0, shares.both, colours.accent, percent(shares.both)),
    }
    source = ColumnDataSource(
        {
            "y": list(steps),
            "left": [step[0] for step in steps.values()],
            "right": [step[1] for step in steps.values()],
            "colour": [step[2] for step in steps.values()],
            "printed": [step[3] for step in steps.values()],
            "end": [max(step[:2]) for step in steps.values()],
        }
    )
    plot = quiet_figure(
        colours,
        hover=[("", "@y"), ("", "@printed")],
        y_range=FactorRange(factors=list(steps)[::-1]),
        x_range=Range1d(start=0, end=1.3),
        height=SHARE_ROW * len(steps) + 10,
        min_border_right=0,
    )
    plot.xaxis.visible = False
    plot.hbar(
        y="y", left="left", right="right", height=0.6, source=source, fill_color="colour", line_color="colour"
    )
    plot.text(
        x="end",
        y="y",
        text="printed",
        x_offset=7,
        source=source,
        text_baseline="middle",
        text_font=CHART_FONT,
        text_font_size=BAR_FONT,
        text_color=colours.text,
    )
    return plot


def signed(share: float) -> str:
    """A change of probability in points: ``+12 points``."""
    return f"{share * 100:+.0f} points".replace("-", "−")


def rgb(colour: str) -> tuple[int, ...]:
    """``#RRGGBB`` as three numbers, 0 to 255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _sign(value: float) -> str:
    return FOR if value >= 0 else AGAINST
