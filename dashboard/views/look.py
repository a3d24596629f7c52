"""The Look page: a picture in, faces and the models' answers out."""

from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import examples, wording
from dashboard.asking import Asking
from dashboard.camera import CameraDesk
from dashboard.inference import InferencePool
from dashboard.record import Record
from dashboard.state import MOST_MODELS, PageState
from dashboard.views.album import AlbumPanel
from dashboard.views.answer import AnswerPanel, forget_button
from dashboard.views.camera import CameraPanel
from dashboard.views.live import LivePanel
from dashboard.views.parts import column, html, notice, row
from dashboard.views.session import Piecemeal, in_document, later
from dashboard.views.upload import DropZone

FACE_SVG = (
    '<svg width="72" height="72" viewBox="0 0 72 72" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linecap="round" aria-hidden="true"><path d="M6 20V10a4 4 0 0 1 4-4h10M52 6h10a4 4 0 0 1 4 4v10'
    'M66 52v10a4 4 0 0 1-4 4H52M20 66H10a4 4 0 0 1-4-4V52"/><circle cx="36" cy="36" r="18"/>'
    '<path d="M30 32v1M42 32v1M29 42c4 4 10 4 14 0"/></svg>'
)
EMPTY = (
    f'<div class="empty">{FACE_SVG}<p><b>No picture yet.</b></p>'
    "<p>Drop photos above, switch the camera on, or try the example.<br>Every face in it is answered by "
    "{models}.</p></div>"
)
BUSY = (
    '<p role="status">Looking for faces and asking {models}…</p><progress aria-label="Looking for faces">'
    "</progress>"
)
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
    record : Record, optional
        The program's tables, which tell how sure an answer is.
    """

    def __init__(
        self,
        state: PageState,
        pool: InferencePool,
        desk: CameraDesk,
        example: Path,
        record: Record | None = None,
    ) -> None:
        super().__init__()
        self._state, self._look, self._pool, self._example = state, state.look, pool, example
        self._asking = Asking(state, pool, later, in_document)
        self._camera = CameraPanel(state, desk, LivePanel(state, pool, record), self.answer)
        # By turns: many visitors may drop theirs at once.
        self._drop = DropZone(in_document(self._asking.receive), state.album.fail)
        self._album = AlbumPanel(state, self._asking.queue, self._asking.open, self._forget_everything)
        # What stands in the place of an answer are words of one pane: whatever is shown or hidden makes the
        # browser lay out the page anew, once for each, and that takes longer than the server with an answer.
        self._words, self._failed = html(), column(gap=12, visible=False)
        answer = AnswerPanel(state, pool, lambda: self._asking.name, self._forget_picture, record)
        self._result = column(self._words, gap=0)
        self._rest = Piecemeal(self._result, [self._failed, answer.__panel__()])
        self._purpose = html(PURPOSE)
        self._layout = column(
            self._purpose, self._sources(), self._camera, *self._choice(), self._result, self._album, gap=24
        )
        state.look.param.watch(self._show, "stage")
        state.look.param.watch(self._chosen, "models")
        state.param.watch(self._left, "page")
        state.at_end(self._camera.hang_up)
        self._show()
        pn.state.onload(self._loaded)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def answer(self, data: bytes, name: str = "") -> None:
        """Have a picture file answered by a worker, and show what came of it when it comes."""
        self._asking.answer(data, name)

    def _chosen(self, *_: Any) -> None:
        self._asking.ask_again()
        if self._look.stage == "empty":
            self._show()

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
        more = row(
            *(
                pmui.Button(label=label, variant="text", size="small", margin=0, on_click=act)
                for label, act in (
                    ("A group of 30", self._try_group),
                    ("One face, seven ways", self._try_seven),
                )
            ),
            gap=4,
        )
        example_text = '<p class="quiet small">NASA’s portrait of Eileen Collins, in the public domain.</p>'
        return pmui.Grid(
            pmui.Grid(self._drop, size={"xs": 12, "md": 6}),
            pmui.Grid(column(camera, html(camera_text), gap=8), size={"xs": 6, "md": 3}),
            pmui.Grid(column(example, more, html(example_text), gap=8), size={"xs": 6, "md": 3}),
            container=True,
            spacing=3,
            sizing_mode="stretch_width",
            margin=0,
        )

    def _try_example(self, *_: Any) -> None:
        if data := self._portrait():
            self.answer(data, self._example.name)

    def _try_group(self, *_: Any) -> None:
        if data := self._portrait():
            self.answer(examples.group(data), "group of 30.jpg")

    def _try_seven(self, *_: Any) -> None:
        if data := self._portrait():
            for name, picture in examples.seven_ways(data):
                self._asking.receive(name, picture)

    def _portrait(self) -> bytes:
        try:
            return self._example.read_bytes()
        except OSError:
            self._look.fail(self._look.begin(), "The example picture is not installed; please use a photo.")
            return b""

    def _forget_picture(self, *_: Any) -> None:
        self._camera.switch_off()
        self._asking.forget_picture()

    def _forget_everything(self) -> None:
        self._camera.switch_off()
        self._asking.forget_all()
        self._drop.renew()

    def _left(self, *_: Any) -> None:
        """A camera that nobody looks at is switched off."""
        if self._state.page != "look" and self._look.camera != "off":
            self._camera.switch_off()

    def _after_failure(self) -> list[pmui.Button]:
        """What can be done where the same picture may be answered in a moment."""
        again = pmui.Button(
            label="Try again", icon="refresh", margin=0, on_click=lambda _: self._asking.ask_again()
        )
        return [again, forget_button(self._forget_picture)]

    def _loaded(self) -> None:
        """The page can be used: now what a picture needs is put there, so that it delays neither."""
        if self._state.page == "look":
            self._rest.begin()

    def _show(self, *_: Any) -> None:
        look = self._look
        self._purpose.object = PURPOSE_SHORT if look.seen_one else PURPOSE
        if look.stage != "empty":
            self._rest.finish()
        self._words.object = self._instead()
        if look.stage == "failed":
            again = [row(*self._after_failure())] if look.again else []
            self._failed[:] = [notice("warning" if again else "error", look.message), *again]
        self._failed.visible = look.stage == "failed"

    def _instead(self) -> str:
        """What stands in the place of an answer, as HTML."""
        asked = len(self._look.models)
        if self._look.stage == "empty":
            beside = "" if asked == 1 else ", side by side"
            return EMPTY.format(models=wording.asked_models(asked) + beside)
        if self._look.stage == "busy":
            return BUSY.format(models="both models" if asked in (0, 2) else wording.asked_models(asked))
        return ""
