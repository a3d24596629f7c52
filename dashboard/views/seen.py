"""What the models saw of the chosen face, on demand: a button, and below it what comes."""

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from dashboard.inference import BusyError, InferencePool, outcome
from dashboard.state import PageState
from dashboard.views.parts import column, html, row
from dashboard.views.session import in_document

if TYPE_CHECKING:
    from fusion_model.answers import Explanation

HEADING = (
    "<h2>What the models saw</h2>"
    '<p class="quiet">Which pixels and which parts of the face mesh the answers depend on.</p>'
)
BUSY = '<p role="status">Asking the models what their answers depend on…</p>'
SHOW, HIDE = "Show what the models saw", "Hide what the models saw"


class SeenPanel(pn.viewable.Viewer):
    """Asks the pool what the answers for ``LookState.face`` depend on, and shows it.

    Parameters
    ----------
    state : PageState
        Of this session.
    pool : InferencePool
        Of the server.
    """

    def __init__(self, state: PageState, pool: InferencePool) -> None:
        super().__init__()
        self._state, self._look, self._seen, self._pool = state, state.look, state.look.seen, pool
        self._waiting: Future[Mapping[str, Explanation]] | None = None
        self._button = pmui.Button(
            label=SHOW, icon="visibility", variant="outlined", margin=0, on_click=self._pressed
        )
        self._place = column(gap=24)
        self._panel = column(html(HEADING), row(self._button), self._place, gap=12)
        self._seen.param.watch(self._show, "stage")
        state.look.param.watch(self._other_face, "selected")
        state.param.watch(self._show, "dark")
        state.at_end(self._drop_waiting)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _pressed(self, *_: Any) -> None:
        if self._seen.stage == "closed":
            self._ask()
        else:
            self._drop_waiting()
            self._seen.close()

    def _other_face(self, *_: Any) -> None:
        if self._seen.stage != "closed" and self._look.face is not None:
            self._ask()

    def _ask(self) -> None:
        face, index = self._look.face, self._look.selected
        self._drop_waiting()
        if face is None:
            return
        if self._seen.recall(index):
            self._show()  # from one known face to another the stage stays the same
            return
        ticket = self._seen.begin()
        try:
            future = self._waiting = self._pool.explain(face)
        except BusyError as error:
            self._seen.fail(ticket, str(error))
            return
        future.add_done_callback(in_document(partial(self._explained, ticket, index)))

    def _explained(self, ticket: int, index: int, future: "Future[Mapping[str, Explanation]]") -> None:
        if future.cancelled():
            return
        found = outcome(future)
        if isinstance(found, str):
            self._seen.fail(ticket, found)
        else:
            self._seen.finish(ticket, index, found)

    def _drop_waiting(self) -> None:
        """A question that nobody waits for any more gives its place in the queue to another."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _show(self, *_: Any) -> None:
        stage = self._seen.stage
        self._button.label = SHOW if stage == "closed" else HIDE
        self._button.icon = "visibility" if stage == "closed" else "visibility_off"
        self._place[:] = {"busy": self._busy, "failed": self._failed, "ready": self._ready}.get(stage, list)()

    def _busy(self) -> list[Any]:
        return [html(BUSY), pmui.LinearProgress(sizing_mode="stretch_width", margin=0)]

    def _failed(self) -> list[Any]:
        return [
            pmui.Alert(object=self._seen.message, severity="error", sizing_mode="stretch_width", margin=0)
        ]

    def _ready(self) -> list[Any]:
        face = self._look.face
        if face is None:
            return []
        # Here: it brings the landmarks' tables and scipy, which the page need not wait for.
        from dashboard.views.seen_parts import seen_parts

        return seen_parts(face, self._seen.shown, dark=self._state.dark)
