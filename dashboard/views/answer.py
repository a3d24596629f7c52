"""The answer for a picture: the photo beside what its faces look like, and what can be done with both.

All parts are made once, before the first picture comes, and shown when there is an answer: making them takes
the server and the browser longer than the models take for an answer.
"""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import wording
from dashboard.inference import InferencePool
from dashboard.record import Record
from dashboard.state import PageState
from dashboard.views.face import FacePanel
from dashboard.views.faces import FaceSheet
from dashboard.views.parts import column, html, notice, row
from dashboard.views.photo import PhotoPanel
from dashboard.views.saving import PictureSavers
from dashboard.views.seen import SeenPanel


class AnswerPanel(pn.viewable.Viewer):
    """Shows ``LookState.answer``; unseen without one.

    Parameters
    ----------
    state : PageState
        Of this session.
    pool : InferencePool
        Of the server.
    name : callable
        Gives the name of the picture at hand.
    forget : callable
        Forgets that picture.
    record : Record, optional
        The program's tables, for how sure an answer is.
    """

    def __init__(
        self,
        state: PageState,
        pool: InferencePool,
        name: Callable[[], str],
        forget: Callable[[], None],
        record: Record | None = None,
    ) -> None:
        super().__init__()
        self._look, self._name = state.look, name
        self._foot, self._savers = html(), PictureSavers()
        self._face, self._seen = column(FacePanel(state, record)), column(SeenPanel(state, pool))
        self._no_face = notice("info", wording.NO_FACE, visible=False)
        photo = column(
            PhotoPanel(state),
            self._foot,
            row(forget_button(forget), self._savers),
            FaceSheet(state.look),
            gap=12,
        )
        grid = pmui.Grid(
            pmui.Grid(photo, size={"xs": 12, "md": 7}),
            pmui.Grid(column(self._face, self._no_face, gap=0), size={"xs": 12, "md": 5}),
            container=True,
            spacing=4,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._layout = column(grid, self._seen, visible=False)
        state.look.param.watch(self._show, "stage")
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _show(self, *_: Any) -> None:
        answer = self._look.answer
        self._savers.show(self._name(), answer)
        self._layout.visible = answer is not None
        if answer is None:
            self._foot.object = ""
            return
        found = bool(answer.prediction.faces)
        self._face.visible = self._seen.visible = found
        self._no_face.visible = not found
        latency = wording.latency_reading(answer.milliseconds_decode, answer.prediction.milliseconds)
        self._foot.object = (
            f'<p role="status">{wording.found_reading(answer.prediction)}</p>'
            f'<p class="quiet small num">{latency}</p>'
        )


def forget_button(forget: Callable[[], None]) -> pmui.Button:
    """A button that forgets the picture at hand."""
    return pmui.Button(
        label="Forget this picture",
        icon="delete_outline",
        variant="outlined",
        size="small",
        margin=0,
        on_click=lambda _: forget(),
    )
