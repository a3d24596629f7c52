"""Frames from the camera to answers: one at a time, the newest only, at the pace of the machine.

The next frame is asked for while the last one is analysed, and so late that it comes just when the analysis
ends: a frame never waits in a queue, and neither the camera nor the models wait for each other. Whatever
slows down, the camera, the connection or the models, slows the asking.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dashboard.inference import BusyError, outcome
from dashboard.worker import LiveReply

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import PicturePrediction
    from fusion_model.tracking import Tracks

#: More frames a second show nothing more, and leave nothing of the machine to others.
MOST_RATE = 24.0
#: After a refusal, and after a frame that did not come: seconds until the next is asked for.
PAUSE_S = 0.5
PATIENCE_S = 3.0
#: Weight of the newest measurement in the expected durations.
NEWEST = 0.2


class Submit(Protocol):
    """How a frame is handed to a worker: `dashboard.inference.InferencePool.follow`, for models chosen."""

    def __call__(self, data: bytes, tracks: "Tracks | None", now: float, /) -> "Future[LiveReply]":
        """Queue it; `BusyError` when there is no place."""
        ...


class LiveLoop:
    """Runs while the page is live. All methods are called on the event loop.

    Parameters
    ----------
    snap : callable
        Asks the camera for a frame; False where there is no camera.
    submit : callable
        Queues a frame for analysis.
    show : callable
        Takes an answer: prediction, identities, when its frame was asked for and now, s since the start.
    fail : callable
        Takes the sentence for a frame that could not be answered, or did not come.
    later : callable
        Calls an action after so many seconds.
    tied : callable
        Makes an action callable from any thread, to run on the event loop.
    """

    def __init__(
        self,
        snap: Callable[[], bool],
        submit: Submit,
        show: "Callable[[PicturePrediction, tuple[int, ...], float, float], None]",
        fail: Callable[[str], None],
        later: Callable[[float, Callable[[], None]], None],
        tied: Callable[[Callable[..., None]], Callable[..., None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snap, self._submit, self._show, self._fail = snap, submit, show, fail
        self._later, self._tied, self._clock = later, tied, clock
        self.running = False
        self._run = 0  # counts starts: what belongs to an earlier run is dropped
        self._begun = 0.0
        self._tracks: Tracks | None = None
        self._asked: float | None = None  # when the frame was asked for that has not come yet
        self._newest: tuple[bytes, float] | None = None
        self._analysing = False
        self._capture = self._analysis = 0.05  # s, expected

    def start(self) -> None:
        """Begin a stream."""
        self._begun = self._clock()
        self._tracks = None
        self.go_on()

    def go_on(self) -> None:
        """Begin, or go on after `pause` with the faces known."""
        self.running = True
        self._run += 1
        self._asked = self._newest = None
        self._analysing = False
        self._ask()

    def pause(self) -> None:
        """Ask for no more frames, drop what is under way."""
        self.running = False
        self._run += 1
        self._newest = None

    def frame(self, data: bytes) -> None:
        """The frame that was asked for."""
        if not self.running or self._asked is None:
            return
        now = self._clock()
        self._capture += NEWEST * (now - self._asked - self._capture)
        self._newest, self._asked = (data, self._asked), None
        self._analyse()

    def _ask(self) -> None:
        if not self.running or self._asked is not None:
            return
        self._asked = self._clock()
        if not self._snap():
            self._asked = None
            self._fail("")
            return
        self._after(PATIENCE_S, partial(self._miss, self._asked))

    def _miss(self, asked: float) -> None:
        """A frame that did not come in time is not waited for."""
        if self._asked == asked:
            self._asked = None
            self._fail("")
            self._after(PAUSE_S, self._ask)

    def _analyse(self) -> None:
        if self._analysing or self._newest is None:
            return
        (data, asked), self._newest = self._newest, None
        began = self._clock()
        try:
            future = self._submit(data, self._tracks, asked - self._begun)
        except BusyError as error:
            self._fail(str(error))
            self._after(PAUSE_S, self._ask)
            return
        self._analysing = True
        run = self._run
        future.add_done_callback(self._tied(lambda done: self._answered(run, asked, began, done)))
        # So that it comes when this one is done, and not more often than is of use.
        wait = max(self._analysis - self._capture, asked + 1 / MOST_RATE - began, 0.0)
        self._after(wait, self._ask)

    def _answered(self, run: int, asked: float, began: float, future: "Future[LiveReply]") -> None:
        if run != self._run:
            return
        self._analysing = False
        now = self._clock()
        self._analysis += NEWEST * (now - began - self._analysis)
        reply = outcome(future)
        if isinstance(reply, str):
            self._fail(reply)
        else:
            self._tracks = reply.tracks
            self._show(reply.prediction, reply.identities, asked - self._begun, now - self._begun)
        self._analyse()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        run = self._run

        def act() -> None:
            if run == self._run:
                action()

        if seconds > 0.002:
            self._later(seconds, act)
        else:
            act()
