"""The loop of the live camera, in simulated time: never a queue, whatever is slow."""

import heapq
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from dashboard.inference import BusyError
from dashboard.live_loop import MOST_RATE, PATIENCE_S, LiveLoop
from dashboard.worker import LiveReply
from fusion_model.answers import PicturePrediction
from fusion_model.errors import ExpressionLensError


class World:
    """A clock with a camera and a worker, each of which takes its time; tells what waited for how long."""

    def __init__(self, capture=0.03, analysis=0.04):
        self.now, self._events, self._count = 0.0, [], 0
        self.capture, self.analysis = capture, analysis
        self.working = self.waiting = self.most_waiting = 0
        self.shown, self.failed = [], []
        self.dead = self.full = False
        self.trouble = None
        self.loop = LiveLoop(
            self.snap,
            self.submit,
            lambda _, identities, asked, now: self.shown.append((asked, now, identities)),
            self.failed.append,
            self.later,
            lambda action: action,
            lambda: self.now,
        )

    def later(self, seconds, action):
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, action))

    def run(self, seconds):
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = end

    def snap(self):
        if not self.dead:
            self.later(self.capture, lambda: self.loop.frame(b"jpeg"))
        return True

    def submit(self, data, tracks, now):
        if self.full:
            raise BusyError
        assert self.working == 0, "one frame at a time"
        self.working = 1
        future = Future()
        reply = LiveReply(PicturePrediction(640, 480, (), {}), (), SimpleNamespace(frame=now))

        def done():
            self.working = 0
            if self.trouble:
                future.set_exception(self.trouble)
            else:
                future.set_result(reply)

        self.later(self.analysis, done)
        return future


@pytest.mark.parametrize(
    ("capture", "analysis", "rate", "delay"),
    [
        (0.01, 0.01, MOST_RATE, 0.02),  # a fast machine: no more than is of use
        (0.02, 0.08, 12.5, 0.105),  # slow models: as fast as they are, frames hardly older than must be
        (0.10, 0.03, 10.0, 0.135),  # a slow camera: as fast as it is
        (0.05, 0.50, 2.0, 0.56),  # a machine in trouble
    ],
)
def test_the_pace_is_that_of_the_slowest_part_and_frames_do_not_age(capture, analysis, rate, delay):
    world = World(capture, analysis)
    world.loop.start()
    world.run(20)
    late = [(asked, now) for asked, now, _ in world.shown if now > 10]
    assert len(late) / 10 == pytest.approx(rate, rel=0.06)
    assert sum(now - asked for asked, now in late) / len(late) <= delay + 1e-6


def test_a_pause_drops_what_is_under_way_and_keeps_the_faces():
    world = World()
    world.loop.start()
    world.run(1)
    shown = len(world.shown)
    tracks = world.loop._tracks
    assert shown > 5 and tracks is not None
    world.loop.pause()
    world.run(1)
    assert len(world.shown) == shown
    world.loop.go_on()
    assert world.loop._tracks is tracks
    world.run(1)
    assert len(world.shown) > shown + 5


def test_a_camera_that_falls_silent_is_told_and_asked_again():
    world = World()
    world.loop.start()
    world.run(0.5)
    world.dead = True
    world.run(PATIENCE_S + 1)
    assert world.failed and set(world.failed) == {""}
    world.dead = False
    shown = len(world.shown)
    world.run(PATIENCE_S + 2)
    assert len(world.shown) > shown


def test_a_full_queue_and_a_bad_frame_are_sentences_and_it_goes_on():
    world = World()
    world.full = True
    world.loop.start()
    world.run(2)
    assert 2 <= len(world.failed) <= 5 and "waiting" in world.failed[0]
    world.full, world.trouble = False, ExpressionLensError("This frame is damaged.")
    world.run(1)
    assert "This frame is damaged." in world.failed
    world.trouble = None
    world.run(1)
    assert world.shown


def test_frames_that_nobody_asked_for_are_not_analysed():
    world = World()
    world.loop.frame(b"jpeg")
    assert world.working == 0
    world.loop.start()
    world.loop.pause()
    world.loop.frame(b"jpeg")
    assert world.working == 0
