"""The camera: a document of its own at ``/camera``, and the panel of the Look page that frames it."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui

from dashboard.camera import CameraDesk, CameraLink, camera_is_possible
from dashboard.state import PageState
from dashboard.views.live import LivePanel
from dashboard.views.parts import column, html, row
from dashboard.views.session import in_document, later
from dashboard.wording import CAMERA_GONE, INSECURE, NO_DEVICES, NO_FRAME, UNREACHED

CAMERA_ON = {
    "off": '<span class="live" role="status">Camera on. Nothing is analysed until you take the picture or go '
    "live.</span>",
    "running": '<span class="live" role="status">Camera on and live: every face in view is analysed, nothing '
    "is kept but the last minute’s numbers.</span>",
    "frozen": '<span class="live waiting" role="status">Camera on, frozen: nothing is analysed.</span>',
}
ROUTE = "camera"
PROBE_MS = 400  # between looks for the first frame
PATIENCE_S = 3.0  # without a frame, until the page says what may be wrong

VIDEO_CSS = """
:host { width: 100%; height: 100vh; overflow: hidden; background: #000; }
video { width: 100%; height: 100%; object-fit: contain !important; transform: scaleX(-1); }
"""
OVER_CSS = ":host { position: absolute; inset: 0; width: 100%; height: 100vh; pointer-events: none; } "
OVER_CSS += ":host > div { width: 100%; height: 100%; } svg { display: block; }"


class Video(pn.widgets.VideoStream):
    """The video of a camera, whose frames are handed on as they come.

    Panel gathers what a browser sends for 50 ms, which is half of what a frame takes on its way.
    """

    _debounce: ClassVar[int] = 1


def camera_document(desk: CameraDesk) -> pn.viewable.Viewable:
    """What the iframe shows: the camera, if the token is one that a page of this server gave out."""
    token = pn.state.session_args.get("token", [b""])[0].decode("ascii", "replace")
    link = desk.find(token)
    if link is None:
        return html("<p>The camera opens from the Look page.</p>")
    # JPEG: the default, PNG, is many times larger and slower to make.
    video = Video(
        format="jpeg", timeout=PROBE_MS, sizing_mode="stretch_both", margin=0, stylesheets=[VIDEO_CSS]
    )

    def arrived(event: Any) -> None:
        if not event.new or not link.receive(event.new):
            return  # an empty picture: the browser has none to give
        # The first frame is the proof that the camera works; from now on only what was asked for is sent.
        # The value is emptied because the browser sends nothing when a frame equals the last one.
        video.param.update(timeout=None, value="")

    over = pn.pane.HTML("", margin=0, sizing_mode="stretch_both", stylesheets=[OVER_CSS])

    def draw(svg: str) -> None:
        over.object = svg

    def hold(still: bool) -> None:
        video.paused = still

    video.param.watch(arrived, "value")
    link.connect(in_document(video.snapshot), in_document(draw), in_document(hold))
    return pn.Column(video, over, sizing_mode="stretch_both", margin=0, styles={"position": "relative"})


class CameraPanel(pn.viewable.Viewer):
    """Switch on, see yourself, take the picture, go live, switch off.

    Parameters
    ----------
    state : PageState
        Its ``look.camera`` says how the camera stands, its ``live.stage`` whether it is live.
    desk : CameraDesk
        Where links are opened.
    live : LivePanel
        What analyses frames while live.
    on_frame : callable
        Called with the JPEG bytes of a picture taken.
    """

    def __init__(
        self, state: PageState, desk: CameraDesk, live: LivePanel, on_frame: Callable[[bytes], None]
    ) -> None:
        super().__init__()
        self._look, self._live_state = state.look, state.live
        self._desk = desk
        self._live = live
        self._on_frame = on_frame
        self._link: CameraLink | None = None
        self._taking = False
        self._frame = html()
        self._status = html()
        self._snap = pmui.Button(
            label="Take the picture", icon="photo_camera", variant="contained", margin=0, on_click=self._take
        )
        self._go = pmui.Button(
            label="Go live", icon="play_arrow", variant="outlined", margin=0, on_click=self._go_live
        )
        off = pmui.Button(
            label="Camera off", icon="videocam_off", variant="outlined", margin=0, on_click=self.switch_off
        )
        grid = pmui.Grid(
            pmui.Grid(self._frame, size={"xs": 12, "md": 6}),
            pmui.Grid(
                column(self._status, row(self._snap, self._go, off), live.side), size={"xs": 12, "md": 6}
            ),
            container=True,
            spacing=3,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._panel = column(grid, live.below, visible=False)
        self._look.param.watch(self._show, "camera")
        self._live_state.param.watch(self._show, "stage")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def switch_on(self, *_: Any) -> None:
        """Build the frame, which makes the browser ask; then wait a little for a picture."""
        self.switch_off()
        if not self._possible():
            self._look.camera = "refused"
            return
        link = self._link = self._desk.open(in_document(self._ready), in_document(self._arrived))
        self._frame.object = (
            f'<iframe src="{ROUTE}?token={link.token}" allow="camera" title="Your camera"></iframe>'
        )
        self._look.camera = "starting"
        later(PATIENCE_S, partial(self._still_waiting, link))

    def switch_off(self, *_: Any) -> None:
        """Take the frame away: its document ends, and with it the hold on the device."""
        self._live.stop()
        self.hang_up()
        self._frame.object = ""
        self._look.camera = "off"

    def hang_up(self) -> None:
        """The session is over: forget the link; the frame ended with the page."""
        if self._link is not None:
            self._desk.close(self._link.token)
            self._link = None

    def _possible(self) -> bool:
        location = pn.state.location
        if location is None or not location.hostname:
            return True
        return camera_is_possible(location.protocol, location.hostname)

    def _ready(self) -> None:
        if self._link is not None:
            self._look.camera = "on"

    def _still_waiting(self, link: CameraLink) -> None:
        if self._link is not link or self._look.camera in ("on", "off"):
            return
        self._look.camera = link.silence
        if link.silence != "silent":  # it may be slow only, and more be known later
            later(PATIENCE_S, partial(self._still_waiting, link))

    def _take(self, *_: Any) -> None:
        frozen = self._live.still if self._live_state.stage == "frozen" else None
        if frozen is not None:
            self._on_frame(frozen)
            return
        self._taking = True
        # While live the next frame is on its way already.
        if self._live_state.stage != "running" and (self._link is None or not self._link.snap()):
            self._taking = False
            self._status.object = f'<p role="alert">{CAMERA_GONE}</p>'

    def _arrived(self, data: bytes) -> None:
        """A frame that was asked for, by the button, by the live loop, or by both."""
        if self._taking:
            self._taking = False
            self._on_frame(data)
        self._live.frame(data)

    def _go_live(self, *_: Any) -> None:
        stage = self._live_state.stage
        if stage == "running":
            self._live.freeze()
        elif stage == "frozen":
            self._live.go_on()
        elif self._link is not None:
            self._live.start(self._link)

    def _show(self, *_: Any) -> None:
        stage = self._look.camera
        self._panel.visible = stage != "off"
        self._snap.disabled = self._go.disabled = stage != "on"
        live = self._live_state.stage
        label, icon = {
            "off": ("Go live", "play_arrow"),
            "running": ("Freeze", "pause"),
            "frozen": ("Go on", "play_arrow"),
        }[live]
        self._go.param.update(label=label, icon=icon)
        self._frame.visible = stage != "refused"
        self._status.object = {
            "off": "",
            "starting": '<span class="live waiting" role="status">Waiting for the camera. '
            "The browser may ask for your permission.</span>",
            "on": CAMERA_ON[live],
            "unreached": f'<p role="alert">{UNREACHED}</p>',
            "barred": f'<p role="alert">{NO_DEVICES}</p>',
            "silent": f'<div role="alert">{NO_FRAME}</div>',
            "refused": f'<p role="alert">{INSECURE}</p>',
        }[stage]
