"""Files that wait to be answered: one at a time of a session, in order, in the room that others leave.

A queue holds no picture that was answered: those go to the album. Without Panel, so that its moves are tested
with a stand-in for the pool and for the clock.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from dashboard.album import FULL, MOST_WAITING, AlbumState, shown_name
from dashboard.archive import ArchiveError, is_archive, members
from dashboard.inference import BusyError, outcome
from dashboard.state import Answer

PAUSE_S = 0.5  # after a refusal, until the next try
CROWDED = (
    f"More than {MOST_WAITING // 1_000_000} MB are waiting already; "
    "drop this file again when they are answered."
)


@dataclass(frozen=True, eq=False)
class Source:
    """A file that was dropped, held as long as anything of it waits."""

    data: bytes


@dataclass(frozen=True, eq=False)
class Waiting:
    """One picture that waits.

    Attributes
    ----------
    name : its file's; in an archive, the archive's and its own.
    read : gives its bytes; called by a worker.
    source : what it is read from.
    """

    name: str
    read: Callable[[], bytes]
    source: Source


class Submit(Protocol):
    """How a picture is handed to a worker: `InferencePool.submit_aside`, for models chosen."""

    def __call__(self, read: Callable[[], bytes], /) -> "Future[Answer]":
        """Queue it; `BusyError` when there is no place."""
        ...


class AlbumQueue:
    """Fills an album. All methods are called on the event loop.

    Parameters
    ----------
    album : AlbumState
        Gets what comes of each file, and the progress.
    submit : callable
        Queues a picture for analysis.
    held : callable
        Whether a picture of this session is under way outside the queue: then the queue waits for it.
    later : callable
        Calls an action after so many seconds.
    tied : callable
        Makes an action callable from any thread, to run on the event loop.
    """

    def __init__(
        self,
        album: AlbumState,
        submit: Submit,
        held: Callable[[], bool],
        later: Callable[[float, Callable[[], None]], None],
        tied: Callable[[Callable[..., None]], Callable[..., None]],
    ) -> None:
        self._album, self._submit, self._held = album, submit, held
        self._later, self._tied = later, tied
        self._waiting: deque[Waiting] = deque()
        self._future: Future[Answer] | None = None
        self._run = 0  # counts stops: what belongs to an earlier run is dropped

    @property
    def running(self) -> bool:
        """Whether anything waits or is under way."""
        return bool(self._waiting) or self._future is not None

    @property
    def free(self) -> int:
        """How many more bytes may wait."""
        return MOST_WAITING - sum(len(source.data) for source in {item.source for item in self._waiting})

    def add(self, name: str, data: bytes, show: Callable[[Waiting], None] | None = None) -> None:
        """Take a file: a picture, or an archive of pictures. What cannot be taken is said in the album.

        Parameters
        ----------
        name : str
            The file's name, from the browser.
        data : bytes
            All of it.
        show : callable, optional
            Takes the first picture of it, to be answered outside the queue.
        """
        items = self._unpacked(name, data) if is_archive(data[:4]) else [_plain(name, data)]
        if items and len(data) > self.free:
            self._album.fail(name, CROWDED)
            return
        room = max(0, self._album.room - len(self._waiting) - (self._future is not None))
        if len(items) > room:
            left_out = len(items) - room
            self._album.fail(name, FULL if left_out == 1 else f"{left_out} pictures were left out. {FULL}")
        taken = deque(items[:room])
        first = taken.popleft() if taken and show is not None else None
        self._waiting.extend(taken)
        self._album.asked += len(taken)
        if first is not None and show is not None:
            show(first)
        self.go()

    def go(self) -> None:
        """Submit the next picture, if nothing of this session is under way."""
        if self._future is not None or not self._waiting or self._held():
            return
        item, run = self._waiting[0], self._run
        try:
            self._future = self._submit(item.read)
        except BusyError:
            self._later(PAUSE_S, partial(self._again, run))
            return
        self._waiting.popleft()
        self._future.add_done_callback(self._tied(partial(self._answered, run, item.name)))

    def stop(self) -> None:
        """Drop what waits and what is under way; what was answered stays in the album."""
        self._run += 1
        self._waiting.clear()
        if self._future is not None:
            self._future.cancel()
            self._future = None
        self._finish()

    def _again(self, run: int) -> None:
        if run == self._run:
            self.go()

    def _answered(self, run: int, name: str, future: "Future[Answer]") -> None:
        if run != self._run:
            return
        self._future = None
        answer = outcome(future)
        if isinstance(answer, str):
            self._album.fail(name, answer)
        else:
            self._album.add(name, answer)
        self._album.done += 1
        self._finish()
        self.go()

    def _finish(self) -> None:
        if not self.running:
            self._album.param.update(asked=0, done=0)

    def _unpacked(self, name: str, data: bytes) -> list[Waiting]:
        try:
            found = members(data)
        except ArchiveError as error:
            self._album.fail(name, str(error))
            return []
        source = Source(data)
        return [Waiting(f"{shown_name(name)}/{member.name}", member.read, source) for member in found]


def _plain(name: str, data: bytes) -> Waiting:
    return Waiting(name, lambda: data, Source(data))
