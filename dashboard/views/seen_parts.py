"""The parts of "What the models saw" for one face: maps, shares, regions, and the mesh to turn."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource

from dashboard import seen
from dashboard.blocks import Table
from dashboard.charts_seen import (
    MOST_PITCH,
    MOST_YAW,
    mesh_chart,
    mesh_data,
    region_chart,
    region_colours,
    share_chart,
)
from dashboard.theme import Palette, palette
from dashboard.views.parts import chart, column, folded, html
from dashboard.views.session import together
from dashboard.wording import model_name

if TYPE_CHECKING:
    from fusion_model.answers import Explanation, FacePrediction


def seen_parts(
    face: "FacePrediction", explained: Mapping[str, "Explanation"], *, dark: bool = False
) -> list[Any]:
    """All that is shown of a face's explanations.

    Parameters
    ----------
    face : FacePrediction
    explained : by model
    dark : whether the page is dark
    """
    colours = palette(dark)
    mapped = {model: found for model, found in explained.items() if found.map_HW is not None}
    parts: list[Any] = [_maps(face, mapped)] if mapped else []
    if face.landmarks_LD is None:
        return [
            *parts,
            pmui.Alert(object=seen.NO_MESH, severity="info", sizing_mode="stretch_width", margin=0),
        ]
    shared = {model: found for model, found in explained.items() if found.shares is not None}
    parts += [_shares(model, found, colours) for model, found in shared.items()]
    regional = {model: found for model, found in explained.items() if found.regions is not None}
    beside = [part for model, found in regional.items() for part in _regions(model, found, colours)]
    strongest = next(reversed(regional.values())).regions if regional else None
    grid = pmui.Grid(
        pmui.Grid(_mesh(face, strongest, colours), size={"xs": 12, "md": 6}),
        pmui.Grid(column(*beside, gap=10), size={"xs": 12, "md": 6}),
        container=True,
        spacing=4,
        sizing_mode="stretch_width",
        margin=0,
    )
    return [*parts, grid]


def _maps(face: "FacePrediction", mapped: Mapping[str, "Explanation"]) -> pn.pane.HTML:
    figures = [seen.crop_figure(face.crop_HW)]
    figures += [seen.map_figure(face.crop_HW, model, found) for model, found in mapped.items()]
    return html(
        f"<h3>Which pixels</h3>{seen.reading(seen.map_reading(mapped, face))}{seen.figures_row(figures)}"
        f'<p class="quiet small caution">{seen.CAUTION}</p>{_folded(seen.map_table(mapped, face))}'
    )


def _shares(model: str, found: "Explanation", colours: Palette) -> pn.Column:
    assert found.shares is not None
    title = f"<h3>Pixels or landmarks: {model_name(model)}</h3>"
    return column(
        html(title + seen.reading(seen.share_reading(model, found))),
        chart(share_chart(found.shares, colours), max_width=720),
        html(f'<p class="quiet small">{seen.SHARE_NOTE}</p>{_folded(seen.share_table(model, found))}'),
        gap=6,
    )


def _regions(model: str, found: "Explanation", colours: Palette) -> list[Any]:
    assert found.regions is not None
    title = f"<h3>Which parts of the mesh: {model_name(model)}</h3>"
    return [
        html(title + seen.reading(seen.region_reading(model, found))),
        chart(region_chart(found.regions, colours)),
        html(f'<p class="quiet small">{seen.REGION_NOTE}</p>{_folded(seen.region_table(model, found))}'),
    ]


def _mesh(face: "FacePrediction", regions: Mapping[str, float] | None, colours: Palette) -> pn.Column:
    """The mesh with two sliders; it is turned here, not in the browser."""
    painted, landmarks_LD = region_colours(regions), face.landmarks_LD
    assert landmarks_LD is not None
    sources = {name: ColumnDataSource(data) for name, data in mesh_data(landmarks_LD, painted).items()}
    yaw = _slider("Turn left or right", MOST_YAW)
    pitch = _slider("Turn down or up", MOST_PITCH)

    @together
    def turned(*_: Any) -> None:
        for name, data in mesh_data(landmarks_LD, painted, yaw.value, pitch.value).items():
            sources[name].data = data

    for slider in (yaw, pitch):
        slider.param.watch(turned, "value")
    said = seen.MESH_PAINTED if regions else seen.MESH_PLAIN
    return column(
        html(f"<h3>The mesh, to turn</h3>{seen.reading(said)}"),
        chart(mesh_chart(sources["surface"], sources["lines"], colours), sizing_mode="scale_width"),
        yaw,
        pitch,
        gap=6,
    )


def _slider(label: str, most: int) -> pmui.IntSlider:
    return pmui.IntSlider(
        label=label, start=-most, end=most, step=5, value=0, sizing_mode="stretch_width", margin=(0, 12)
    )


def _folded(table: Table) -> str:
    return folded("The numbers as a table", table.html())
