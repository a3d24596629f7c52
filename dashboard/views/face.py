"""The chosen face: what it looks like, to the models that were asked."""

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from dashboard import tables, wording
from dashboard.charts_look import probability_chart
from dashboard.marks import mark_key
from dashboard.state import PageState
from dashboard.theme import palette
from dashboard.views.parts import chart, column, folded, html, row

if TYPE_CHECKING:
    from fusion_model.predictor import FacePrediction


class FacePanel(pn.viewable.Viewer):
    """Headline, reading, chart, table and crop of ``LookState.face``."""

    def __init__(self, state: PageState) -> None:
        super().__init__()
        self._state, self._look = state, state.look
        self._which = html(sizing_mode=None)
        previous = pmui.IconButton(icon="chevron_left", margin=0, on_click=lambda _: self._look.step(-1))
        following = pmui.IconButton(icon="chevron_right", margin=0, on_click=lambda _: self._look.step(1))
        previous.description = "Previous face"
        following.description = "Next face"
        self._steps = row(previous, following, gap=0, sizing_mode=None)
        self._words = html()
        self._answers = column(gap=10)
        self._crop = html()
        self._panel = column(
            row(self._which, self._steps, justify_content="space-between"),
            self._words,
            self._answers,
            self._crop,
            gap=10,
        )
        state.look.param.watch(self._show, ["answer", "selected"])
        state.param.watch(self._show, "dark")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _show(self, *_: Any) -> None:
        face = self._look.face
        if face is None:
            self._answers[:] = []
            self._words.object = self._crop.object = self._which.object = ""
            return
        count = len(self._look.faces)
        self._which.object = f'<span class="quiet num">Face {self._look.selected + 1} of {count}</span>'
        self._steps.visible = count > 1
        self._words.object = (
            f'<div role="status">{tables.headline(face)}<p>{wording.face_reading(face)}</p></div>'
        )
        # Models with other classes have a chart of their own.
        self._answers[:] = [part for group in wording.groups(face) for part in self._parts(face, group)]
        self._crop.object = tables.crop_picture(face)

    def _parts(self, face: "FacePrediction", models: list[str]) -> list[Any]:
        return [
            html(mark_key(models)),
            chart(probability_chart(face, palette(self._state.dark), models)),
            html(folded("The numbers as a table", tables.probability_table(face, models))),
        ]
