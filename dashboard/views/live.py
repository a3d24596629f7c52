"""Live: the chosen face's chart beside the camera's picture, its last minute below, and how to stop."""

import time
from concurrent.futures import Future
from io import BytesIO
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from dashboard import sure, tables, wording
from dashboard.camera import CameraLink
from dashboard.charts import recolour
from dashboard.charts_live import (
    TIMELINE_ROWS,
    expression_key,
    overlay_svg,
    timeline_chart,
    timeline_data,
)
from dashboard.charts_look import probability_chart, probability_data
from dashboard.inference import InferencePool
from dashboard.live import HALF_LIVES, MINUTE, LiveFace, LiveFrame
from dashboard.live_loop import LiveLoop
from dashboard.marks import mark_key
from dashboard.record import Record
from dashboard.state import PageState
from dashboard.theme import palette
from dashboard.views.parts import chart, column, folded, html, row
from dashboard.views.session import in_document, later, together
from dashboard.worker import LiveReply
from fusion_model.trust import known_trust

if TYPE_CHECKING:
    from fusion_model.answers import PicturePrediction
    from fusion_model.tracking import Tracks

#: Words and timeline change less often than bars: s.
WORDS_EVERY, TIMELINE_EVERY = 1.0, 0.25


class LivePanel(pn.viewable.Viewer):
    """What the page shows of ``PageState.live``, and the loop that fills it.

    Parameters
    ----------
    state : PageState
        Of this session.
    pool : InferencePool
        Of the server.
    record : Record, optional
        The program's tables; without them the words are the leading model's answer.
    """

    def __init__(self, state: PageState, pool: InferencePool, record: Record | None = None) -> None:
        super().__init__()
        self._state, self._live, self._pool, self._record = state, state.live, pool, record
        self._link: CameraLink | None = None
        self._loop: LiveLoop | None = None
        self.still: bytes | None = None  # the frame that is shown, as JPEG
        self._analysed: bytes | None = None
        self._bars: dict[str, ColumnDataSource] = {}
        self._plot: figure | None = None
        self._drawn: tuple[Any, ...] = ()
        self._line = ColumnDataSource()
        self._timeline: figure | None = None
        self._followed, self._title = 0, html()
        self._sent = self._told = 0.0
        self._words, self._trouble, self._pace = html(), html(), html()
        self._answers, self._minute = column(gap=8), column(gap=8)
        self._faces = pmui.RadioButtonGroup(
            label="Face", options={}, size="small", margin=0, visible=False, sizing_mode=None
        )
        self._smooth = pmui.Select(
            label="Smoothing (half-life)",
            options=HALF_LIVES,
            value=self._live.half_life,
            size="small",
            width=190,
            margin=0,
        )
        self._smooth.link(self._live, value="half_life")
        save = pmui.FileDownload(
            callback=self._csv,
            filename="expression-lens-live.csv",
            label="The last minute as CSV",
            size="small",
            margin=0,
            auto=True,
        )
        self.side = column(self._trouble, self._words, self._faces, self._answers, gap=10, visible=False)
        self.below = column(self._minute, row(self._smooth, save, self._pace, gap=16), gap=12, visible=False)
        self._faces.param.watch(self._chosen, "value")
        self._live.param.watch(self._show_stage, "stage")
        self._live.param.watch(self._show_frame, "frame")
        state.param.watch(self._recolour, "dark")
        state.at_end(self.stop)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.side

    def start(self, link: CameraLink) -> None:
        """Analyse what this camera sees, from now on."""
        self._link = link
        self._live.begin()
        self._loop = LiveLoop(
            link.snap,
            self._submit,
            self._received,
            self._failed,
            later,
            in_document,
            time.monotonic,
        )
        self._loop.start()

    def frame(self, data: bytes) -> None:
        """A frame that the loop asked for."""
        if self._loop is not None:
            self._loop.frame(data)

    def freeze(self) -> None:
        """Stop at what is shown."""
        if self._loop is not None and self._link is not None:
            self._loop.pause()
            self._live.freeze()
            self._link.hold(True)
            if self._live.frame is not None:
                self._link.draw(overlay_svg(self._live.frame, self._live.identity, self.still))

    def go_on(self) -> None:
        """After a freeze."""
        if self._loop is not None and self._link is not None:
            self._link.hold(False)
            self._live.go_on()
            self._loop.go_on()

    def stop(self) -> None:
        """The camera goes off: forget everything."""
        if self._loop is not None:
            self._loop.pause()
        self._loop = self._link = self.still = self._analysed = None
        if self._live.stage != "off":
            self._live.forget()

    def _submit(self, data: bytes, tracks: "Tracks | None", now: float) -> "Future[LiveReply]":
        future = self._pool.follow(data, tracks, now, self._state.look.models)
        self._analysed = data
        return future

    def _received(
        self, prediction: "PicturePrediction", identities: tuple[int, ...], asked: float, now: float
    ) -> None:
        self.still = self._analysed  # one frame is analysed at a time
        if self._live.receive(prediction, identities, asked, now) and self._trouble.object:
            self._trouble.object = ""

    def _failed(self, sentence: str) -> None:
        self._trouble.object = f'<p role="alert">{sentence or wording.CAMERA_GONE}</p>'

    def _chosen(self, event: Any) -> None:
        if event.new:
            self._live.choose(event.new)

    def _show_stage(self, *_: Any) -> None:
        off = self._live.stage == "off"
        self.side.visible = self.below.visible = not off
        if self._live.stage == "frozen":
            self._tell(0.0)
        if off:
            self._forget_charts()
            self._trouble.object = self._words.object = self._pace.object = ""
            self._faces.param.update(options={}, visible=False)

    @together
    def _recolour(self, *_: Any) -> None:
        if self._plot is not None:
            recolour(self._plot, palette(self._state.dark))

    def _forget_charts(self) -> None:
        self._timeline = self._plot = None
        self._line = ColumnDataSource()
        self._drawn, self._bars = (), {}
        self._answers[:] = self._minute[:] = []

    def _show_frame(self, *_: Any) -> None:
        frame = self._live.frame
        if self._link is not None:
            self._link.draw("" if frame is None else overlay_svg(frame, self._live.identity))
        if frame is None:
            return
        face = frame.face(self._live.identity)
        self._offer(frame)
        if face is not None:
            self._draw(face)
            self._draw_minute(frame, face)
        self._tell(frame.time)

    def _offer(self, frame: LiveFrame) -> None:
        """Buttons to choose a face by, where there are several."""
        options = {f"Face {face.identity}": face.identity for face in frame.faces}
        if self._faces.options != options and len(options) > 1:
            value = self._live.identity if self._live.identity in options.values() else None
            self._faces.param.update(options=options, value=value)
        self._faces.visible = len(options) > 1

    def _draw(self, face: LiveFace) -> None:
        """Bars of the chosen face; only the numbers travel when the models are the same."""
        models = wording.groups(face)[0]
        if self._drawn != tuple(models):
            self._drawn = tuple(models)
            plot = probability_chart(face, palette(self._state.dark), models)
            # Found once: a walk through all models of a chart takes longer than the rest of a frame.
            self._bars = {model: plot.select_one({"name": model}).data_source for model in models}
            self._plot = plot
            self._answers[:] = [html(mark_key(models)), chart(plot)]
            return
        for model, data in probability_data(face, models).items():
            self._bars[model].data = data

    def _draw_minute(self, frame: LiveFrame, face: LiveFace) -> None:
        labels = list(face.models[wording.leading_model(face)].probabilities)
        if self._timeline is None or self._timeline.tags != labels:
            self._timeline = timeline_chart(self._line, labels, palette(self._state.dark))
            self._timeline.tags = labels
            self._minute[:] = [self._title, chart(self._timeline)]
            self._followed = 0
        if self._followed != face.identity:
            # The chart stays: a new one would keep the bars of a face that has just appeared waiting.
            self._followed = face.identity
            self._title.object = f"<h3>The last minute of face {face.identity}</h3>{expression_key(labels)}"
            self._line.data = timeline_data(self._live.seconds(face.identity), labels)
            self._sent = frame.time
        elif frame.time - self._sent >= TIMELINE_EVERY:
            new = [row for row in self._live.seconds(face.identity) if row[0] > self._sent]
            self._line.stream(timeline_data(new, labels), TIMELINE_ROWS)
            self._sent = frame.time
        else:
            return
        self._timeline.x_range.update(start=frame.time - MINUTE, end=frame.time)

    def _tell(self, now: float) -> None:
        """The words; not with every frame, for they are read out."""
        frame = self._live.frame
        if frame is None or 0 < now - self._told < WORDS_EVERY:
            return
        self._told = now
        face = frame.face(self._live.identity)
        if face is None:
            self._words.object = f'<p role="status">{wording.NO_LIVE_FACE}</p>'
        else:
            found = sure.words_of(face, self._record, self._state.look.level)
            words = f'<div role="status">{sure.headline(found)}</div><p>{wording.face_reading(face)}</p>'
            if marks := sure.marks_of(sure.doubts_of(face, known_trust())):
                words += f'<p class="fact doubt small">Lowers trust: {marks}</p>'
            if self._live.stage == "frozen":
                words += folded("The numbers as a table", tables.probability_table(face))
            self._words.object = words
        self._pace.object = f'<p class="quiet small num">{wording.pace_reading(frame)}</p>'

    def _csv(self) -> BytesIO:
        return BytesIO(self._live.as_csv().encode())
