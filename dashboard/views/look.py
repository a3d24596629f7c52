"""The Look page: a picture in, faces and the models' answers out."""

from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import wording
from dashboard.camera import CameraDesk
from dashboard.inference import BusyError, InferencePool, outcome
from dashboard.state import MOST_MODELS, Answer, PageState
from dashboard.views.camera import CameraPanel
from dashboard.views.face import FacePanel
from dashboard.views.live import LivePanel
from dashboard.views.parts import column, html, row
from dashboard.views.photo import PhotoPanel
from dashboard.views.seen import SeenPanel
from dashboard.views.session import in_document
from dashboard.views.upload import drop_zone

FACE_SVG = (
    '<svg width="72" height="72" viewBox="0 0 72 72" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linecap="round" aria-hidden="true"><path d="M6 20V10a4 4 0 0 1 4-4h10M52 6h10a4 4 0 0 1 4 4v10'
    'M66 52v10a4 4 0 0 1-4 4H52M20 66H10a4 4 0 0 1-4-4V52"/><circle cx="36" cy="36" r="18"/>'
    '<path d="M30 32v1M42 32v1M29 42c4 4 10 4 14 0"/></svg>'
)
EMPTY = (
    f'<div class="empty">{FACE_SVG}<p><b>No picture yet.</b></p>'
    "<p>Drop a photo above, switch the camera on, or try the example.<br>Every face in it is answered by "
    "{models}.</p></div>"
)
BUSY = '<p role="status">Looking for faces and asking {models}…</p>'
NOTICE_SX = {"alignItems": "center", "& p": {"margin": 0}}
PURPOSE = (
    f'<div class="purpose"><p>{wording.PURPOSE}</p><p class="quiet small">{wording.LIMITS} '
    f"{wording.PRIVACY}</p></div>"
)
# Once a picture was answered, the page is the picture's; the words stay, the rest is on the About page.
PURPOSE_SHORT = f'<div class="purpose"><p class="small">{wording.PURPOSE} {wording.SHORT_LIMITS}</p></div>'


class LookView(pn.viewable.Viewer):
    """Sources above, the answer below.

    Parameters
    ----------
    state : PageState
        Of this session.
    pool : InferencePool
        Of the server.
    desk : CameraDesk
        Of the server.
    example : Path
        A picture for those who have none.
    """

    def __init__(self, state: PageState, pool: InferencePool, desk: CameraDesk, example: Path) -> None:
        super().__init__()
        self._state, self._look, self._pool, self._example = state, state.look, pool, example
        self._camera = CameraPanel(state, desk, LivePanel(state, pool), self.answer)
        self._photo = PhotoPanel(state)
        self._face = FacePanel(state)
        self._seen = SeenPanel(state, pool)
        self._waiting: Future[Answer] | None = None
        # The picture's file, to be asked again when other models are chosen; gone when the picture is.
        self._data = b""
        self._result = column()
        self._purpose = html(PURPOSE)
        self._layout = column(
            self._purpose, self._sources(), self._camera, *self._choice(), self._result, gap=24
        )
        state.look.param.watch(self._show, "stage")
        state.look.param.watch(self._chosen, "models")
        state.param.watch(self._left, "page")
        state.at_end(self._camera.hang_up)
        state.at_end(self._drop_all)
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def answer(self, data: bytes) -> None:
        """Have a picture file answered by a worker, and show what came of it when it comes."""
        self._ask(data, selected=0)

    def _ask(self, data: bytes, selected: int) -> None:
        ticket = self._look.begin()
        self._drop_waiting()
        self._data = data
        try:
            future = self._waiting = self._pool.submit(data, self._look.models)
        except BusyError as error:
            self._look.fail(ticket, str(error))
            return
        future.add_done_callback(in_document(partial(self._answered, ticket, selected)))

    def _answered(self, ticket: int, selected: int, future: "Future[Answer]") -> None:
        answer = outcome(future)
        if isinstance(answer, str):
            self._look.fail(ticket, answer)
        else:
            self._look.finish(ticket, answer, selected)

    def _chosen(self, *_: Any) -> None:
        """Other models were chosen: they answer for the picture at hand, too."""
        if self._data:
            self._ask(self._data, self._look.selected)
        elif self._look.stage == "empty":
            self._show()

    def _drop_all(self) -> None:
        self._drop_waiting()
        self._data = b""

    def _drop_waiting(self) -> None:
        """A picture that nobody waits for any more gives its place in the queue to another."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _choice(self) -> list[Any]:
        """Which models to ask; nothing to choose where there are no more than the usual ones."""
        look = self._look
        if len(look.offered) <= len(look.models):
            return []
        choice = pmui.MultiChoice(
            label="Models to ask",
            options={wording.model_name(name): name for name in look.offered},
            value=list(look.models),
            max_items=MOST_MODELS,
            solid=False,
            margin=0,
            sizing_mode="stretch_width",
        )

        def chosen(event: Any) -> None:
            look.choose(event.new)
            choice.value = list(look.models)  # in their order; the last one stays

        choice.param.watch(chosen, "value")
        return [column(choice, max_width=720)]

    def _sources(self) -> pmui.Grid:
        camera = pmui.Button(
            label="Switch camera on",
            icon="videocam",
            variant="outlined",
            margin=0,
            sizing_mode="stretch_width",
            on_click=self._camera.switch_on,
        )
        example = pmui.Button(
            label="Try the example",
            icon="face",
            variant="outlined",
            margin=0,
            sizing_mode="stretch_width",
            on_click=self._try_example,
        )
        camera_text = (
            '<p class="quiet small">Your browser asks first. You see yourself here; nothing is analysed '
            "before you press “Take the picture” or “Go live”.</p>"
        )
        example_text = '<p class="quiet small">NASA’s portrait of Eileen Collins, in the public domain.</p>'
        return pmui.Grid(
            pmui.Grid(drop_zone(self.answer), size={"xs": 12, "md": 6}),
            pmui.Grid(column(camera, html(camera_text), gap=8), size={"xs": 6, "md": 3}),
            pmui.Grid(column(example, html(example_text), gap=8), size={"xs": 6, "md": 3}),
            container=True,
            spacing=3,
            sizing_mode="stretch_width",
            margin=0,
        )

    def _try_example(self, *_: Any) -> None:
        try:
            data = self._example.read_bytes()
        except OSError:
            self._look.fail(self._look.begin(), "The example picture is not installed; please use a photo.")
            return
        self.answer(data)

    def _forget_all(self, *_: Any) -> None:
        self._camera.switch_off()
        self._drop_waiting()
        self._look.forget()

    def _left(self, *_: Any) -> None:
        """A camera that nobody looks at is switched off."""
        if self._state.page != "look" and self._look.camera != "off":
            self._camera.switch_off()

    def _show(self, *_: Any) -> None:
        stage = self._look.stage
        if stage in ("empty", "failed"):
            self._data = b""
        self._purpose.object = PURPOSE_SHORT if self._look.seen_one else PURPOSE
        self._result[:] = {
            "empty": self._empty,
            "busy": self._busy,
            "failed": self._failed,
            "ready": self._ready,
        }[stage]()

    def _empty(self) -> list[Any]:
        asked = len(self._look.models)
        beside = "" if asked == 1 else ", side by side"
        return [html(EMPTY.format(models=wording.asked_models(asked) + beside))]

    def _busy(self) -> list[Any]:
        asked = len(self._look.models) or 2
        models = "both models" if asked == 2 else wording.asked_models(asked)
        return [html(BUSY.format(models=models)), pmui.LinearProgress(sizing_mode="stretch_width", margin=0)]

    def _failed(self) -> list[Any]:
        return [_notice("error", self._look.message)]

    def _ready(self) -> list[Any]:
        answer = self._look.answer
        assert answer is not None  # the stage says so
        latency = wording.latency_reading(answer.milliseconds_decode, answer.prediction.milliseconds)
        found = wording.found_reading(answer.prediction)
        foot = html(f'<p role="status">{found}</p><p class="quiet small num">{latency}</p>')
        forget = row(
            pmui.Button(
                label="Forget this picture",
                icon="delete_outline",
                variant="outlined",
                size="small",
                margin=0,
                on_click=self._forget_all,
            )
        )
        photo = column(self._photo, foot, forget, gap=12)
        side = self._face if self._look.faces else _notice("info", wording.NO_FACE)
        return [
            pmui.Grid(
                pmui.Grid(photo, size={"xs": 12, "md": 7}),
                pmui.Grid(side, size={"xs": 12, "md": 5}),
                container=True,
                spacing=4,
                sizing_mode="stretch_width",
                margin=0,
            ),
            *([self._seen] if self._look.faces else []),
        ]


def _notice(severity: str, sentence: str) -> pmui.Alert:
    return pmui.Alert(object=sentence, severity=severity, sizing_mode="stretch_width", margin=0, sx=NOTICE_SX)
