"""The chosen face: what it looks like, to the models that were asked."""

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from dashboard import sure, tables, wording
from dashboard.state import PageState
from dashboard.views.bars import FaceBars
from dashboard.views.parts import column, html, row
from dashboard.views.sure import SureFacts

if TYPE_CHECKING:
    from dashboard.record import Record


class FacePanel(pn.viewable.Viewer):
    """Words, warnings, reading, chart, table, how sure it is, and crop of ``LookState.face``.

    Parameters
    ----------
    state : PageState
        Of this session.
    record : Record, optional
        The program's tables; without them the words are the leading model's answer.
    """

    def __init__(self, state: PageState, record: "Record | None" = None) -> None:
        super().__init__()
        self._state, self._look, self._record = state, state.look, record
        self._facts = SureFacts(state.look, record)
        self._which = html(sizing_mode=None)
        previous = pmui.IconButton(icon="chevron_left", margin=0, on_click=lambda _: self._look.step(-1))
        following = pmui.IconButton(icon="chevron_right", margin=0, on_click=lambda _: self._look.step(1))
        previous.description = "Previous face"
        following.description = "Next face"
        self._steps = row(previous, following, gap=0, sizing_mode=None, visible=False)
        self._words = html()
        self._answers = FaceBars(state)
        self._crop = html()
        self._panel = column(
            row(self._which, self._steps, justify_content="space-between"),
            self._words,
            self._facts.doubts,
            self._answers,
            self._facts,
            self._crop,
            gap=10,
        )
        state.look.param.watch(self._show, ["answer", "selected"])
        state.look.param.watch(self._tell, "level")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _show(self, *_: Any) -> None:
        face = self._look.face
        if face is None:
            self._answers.show(None)
            self._facts.clear()
            self._words.object = self._crop.object = self._which.object = ""
            return
        count = len(self._look.faces)
        self._which.object = f'<span class="quiet num">Face {self._look.selected + 1} of {count}</span>'
        self._steps.visible = count > 1
        self._tell()
        self._answers.show(face)
        self._crop.object = tables.crop_picture(face)

    def _tell(self, *_: Any) -> None:
        """The words, by the level chosen."""
        face = self._look.face
        if face is None:
            return
        words = sure.words_of(face, self._record, self._look.level)
        self._words.object = (
            f'<div role="status">{sure.headline(words)}{sure.unsure_reading(words)}'
            f"<p>{wording.face_reading(face)}</p></div>"
        )
        self._facts.show(face, words)
