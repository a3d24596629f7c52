"""The queue, and what is answered at once: with stand-ins for pool and clock, moved by hand."""

import io
import zipfile
from concurrent.futures import Future

import pytest

from dashboard import album_queue
from dashboard.asking import Asking
from dashboard.inference import BusyError
from dashboard.state import PageState
from fusion_model.errors import ExpressionLensError


class Pool:
    """Answers when it is told to."""

    def __init__(self, make_answer, make_face) -> None:
        self.single: list[Future] = []
        self.aside: list[tuple[bytes, Future]] = []
        self.busy = False
        self._answer = make_answer(make_face())

    def submit(self, data, models=()):
        if self.busy:
            raise BusyError
        self.single.append(Future())
        return self.single[-1]

    def submit_aside(self, read, models=()):
        if self.busy:
            raise BusyError
        try:
            data = read()
        except ExpressionLensError as error:
            data = error
        self.aside.append((data, Future()))
        return self.aside[-1][1]

    def finish(self, future: Future, error: Exception | None = None) -> None:
        assert future.set_running_or_notify_cancel()
        if error:
            future.set_exception(error)
        else:
            future.set_result(self._answer)

    def finish_aside(self) -> None:
        data, future = self.aside[-1]
        self.finish(future, data if isinstance(data, Exception) else None)


@pytest.fixture
def pool(make_answer, make_face):
    return Pool(make_answer, make_face)


class Session:
    """A session's state, its asking, and a clock that stands until it is moved."""

    def __init__(self, pool: Pool) -> None:
        self.now, self.timers = 0.0, []
        self.state = PageState()
        later = lambda seconds, action: self.timers.append((seconds, action))  # noqa: E731
        self.asking = Asking(self.state, pool, later, lambda action: action, lambda: self.now)
        self.look, self.album = self.state.look, self.state.album

    def drop(self, *names: str) -> None:
        self.now += 10
        for name in names:
            self.asking.receive(name, name.encode())


@pytest.fixture
def session(pool):
    return Session(pool)


def packed(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, name)
    return out.getvalue()


def test_one_file_is_answered_at_once_and_joins_the_album(session, pool):
    session.drop("a.jpg")
    assert session.look.stage == "busy" and session.album.asked == 0 and pool.aside == []
    pool.finish(pool.single[0])
    assert session.look.stage == "ready"
    assert [picture.name for picture in session.album.pictures] == ["a.jpg"] and session.album.open == 1


def test_of_several_files_the_first_is_shown_and_the_others_follow_one_at_a_time(session, pool):
    session.drop("a.jpg", "b.jpg", "c.jpg")
    assert (len(pool.single), len(pool.aside), session.album.asked) == (1, 0, 2)
    pool.finish(pool.single[0])
    assert [data for data, _ in pool.aside] == [b"b.jpg"]
    pool.finish_aside()
    assert (session.album.done, session.album.asked) == (1, 2) and len(pool.aside) == 2
    pool.finish_aside()
    assert [picture.name for picture in session.album.pictures] == ["a.jpg", "b.jpg", "c.jpg"]
    assert session.album.asked == 0 and session.album.open == 1 and session.look.stage == "ready"


def test_a_refusal_waits_and_tries_again(session, pool):
    session.drop("a.jpg", "b.jpg")
    pool.busy = True
    pool.finish(pool.single[0])
    assert pool.aside == [] and session.album.troubles == ()
    pool.busy = False
    ((_, again),) = session.timers
    again()
    pool.finish_aside()
    assert len(session.album.pictures) == 2


def test_errors_are_listed_by_file_and_stop_nothing(session, pool):
    session.drop("a.jpg", "b.jpg", "c.jpg")
    pool.finish(pool.single[0])
    pool.finish(pool.aside[0][1], ExpressionLensError("It is cut."))
    pool.finish_aside()
    assert [(item.name, item.sentence) for item in session.album.troubles] == [("b.jpg", "It is cut.")]
    assert [picture.name for picture in session.album.pictures] == ["a.jpg", "c.jpg"]


def test_when_the_first_fails_the_next_good_one_is_shown(session, pool):
    session.drop("a.jpg", "b.jpg", "c.jpg")
    pool.finish(pool.single[0], ExpressionLensError("It is cut."))
    assert session.look.stage == "failed"
    pool.finish_aside()
    assert session.look.stage == "ready" and session.album.picture(session.album.open).name == "b.jpg"
    pool.finish_aside()
    assert session.album.picture(session.album.open).name == "b.jpg"


def test_cancel_drops_what_waits_and_keeps_what_was_answered(session, pool):
    session.drop("a.jpg", "b.jpg", "c.jpg")
    pool.finish(pool.single[0])
    under_way = pool.aside[0][1]
    session.asking.queue.stop()
    assert under_way.cancelled() and session.album.asked == 0 and not session.asking.queue.running
    assert len(session.album.pictures) == 1 and session.album.troubles == ()


@pytest.mark.parametrize("end", ["forget_all", "end"])
def test_forgetting_everything_empties_it_though_answers_are_under_way(session, pool, end):
    session.drop("a.jpg", "b.jpg", "c.jpg")
    pool.finish(pool.single[0])
    running = pool.aside[0][1]
    assert running.set_running_or_notify_cancel()  # too late to be cancelled
    session.asking.answer(b"d")
    single = pool.single[1]
    assert single.set_running_or_notify_cancel()
    session.asking.forget_all() if end == "forget_all" else session.state.end()
    running.set_result(pool._answer)
    single.set_result(pool._answer)
    assert session.album.pictures == () and session.look.answer is None and session.look.stage == "empty"
    assert session.asking.queue.free == album_queue.MOST_WAITING and session.asking._data == b""


def test_a_picture_that_a_newer_one_replaces_joins_the_album_still(session, pool):
    session.drop("a.jpg")
    session.drop("b.jpg")
    assert pool.single[0].cancelled() and session.asking.queue.running  # a waits again
    assert pool.single[1].set_running_or_notify_cancel()
    session.asking.answer(b"c", "c.jpg")  # b cannot be cancelled any more
    pool.single[1].set_result(pool._answer)
    pool.finish(pool.single[2])
    pool.finish_aside()
    assert sorted(picture.name for picture in session.album.pictures) == ["a.jpg", "b.jpg", "c.jpg"]
    assert session.album.picture(session.album.open).name == "c.jpg"


def test_a_picture_of_the_album_is_opened_without_asking_anew(session, pool):
    session.drop("a.jpg", "b.jpg")
    pool.finish(pool.single[0])
    pool.finish_aside()
    session.asking.open(session.album.pictures[1])
    assert session.album.open == 2 and session.look.stage == "ready" and len(pool.single) == 1
    session.asking.ask_again()
    pool.finish(pool.single[1])
    assert session.album.open == 2 and len(session.album.pictures) == 2
    session.asking.forget_picture()
    assert [picture.number for picture in session.album.pictures] == [1] and session.look.stage == "empty"


def test_an_archive_becomes_its_pictures(session, pool):
    session.asking.receive("many.zip", packed("a.jpg", "b.jpg", "inner.zip"))
    pool.finish(pool.single[0])
    pool.finish_aside()
    pool.finish_aside()
    assert [picture.name for picture in session.album.pictures] == ["many.zip/a.jpg", "many.zip/b.jpg"]
    ((name, sentence),) = [(item.name, item.sentence) for item in session.album.troubles]
    assert name == "many.zip/inner.zip" and "within" in sentence


def test_a_damaged_archive_is_one_trouble(session, pool):
    session.asking.receive("many.zip", packed("a.jpg")[:30])
    assert pool.single == [] and "damaged" in session.album.troubles[0].sentence


def test_more_than_fit_are_left_out_with_a_sentence(session, pool, monkeypatch):
    monkeypatch.setattr("dashboard.album.MOST_PICTURES", 2)
    session.asking.receive("many.zip", packed("a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    assert "2 pictures were left out" in session.album.troubles[0].sentence and session.album.asked == 1


def test_bytes_that_wait_are_bounded_and_an_archive_counts_once(session, pool, monkeypatch):
    data = packed("a.jpg", "b.jpg", "c.jpg")
    monkeypatch.setattr(album_queue, "MOST_WAITING", len(data) + 5)
    session.asking.receive("many.zip", data)
    assert session.asking.queue.free == 5
    session.asking.receive("six.jpg", b"123456")
    assert (
        session.album.troubles[0].name == "six.jpg"
        and "waiting already" in session.album.troubles[0].sentence
    )
    session.asking.receive("five.jpg", b"12345")
    assert len(session.album.troubles) == 1
