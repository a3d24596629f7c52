"""The chosen face: what it looks like, to the models that were asked."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import tables, wording
from dashboard.state import PageState
from dashboard.views.bars import FaceBars
from dashboard.views.parts import column, html, row


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
        self._answers = FaceBars(state)
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
            self._answers.show(None)
            self._words.object = self._crop.object = self._which.object = ""
            return
        count = len(self._look.faces)
        self._which.object = f'<span class="quiet num">Face {self._look.selected + 1} of {count}</span>'
        self._steps.visible = count > 1
        self._words.object = (
            f'<div role="status">{tables.headline(face)}<p>{wording.face_reading(face)}</p></div>'
        )
        self._answers.show(face)
        self._crop.object = tables.crop_picture(face)
