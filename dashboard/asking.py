"""From a file to the page's answer and to the album: what is answered at once, what waits, what is forgotten.

One picture at a time is the page's; it is answered at once. What is dropped together with it waits in the
queue, and so does a picture that a newer one replaces before its turn. Every answer joins the album.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import param

from dashboard.album import Picture
from dashboard.album_queue import AlbumQueue, Waiting
from dashboard.archive import ArchiveError
from dashboard.inference import BusyError, InferencePool, may_try_again, outcome
from dashboard.state import Answer, PageState

TOGETHER_S = 1.5  # files that come so soon after each other were dropped together


class Asking:
    """Pictures of one session. All methods are called on the event loop.

    Parameters
    ----------
    state : PageState
        Its ``look`` and ``album`` are filled.
    pool : InferencePool
        Of the server.
    later : callable
        Calls an action after so many seconds.
    tied : callable
        Makes an action callable from any thread, to run on the event loop.
    """

    def __init__(
        self,
        state: PageState,
        pool: InferencePool,
        later: Callable[[float, Callable[[], None]], None],
        tied: Callable[[Callable[..., None]], Callable[..., None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._album, self._pool = state.look, state.album, pool
        self._tied, self._clock = tied, clock
        self.queue = AlbumQueue(
            state.album,
            lambda read: pool.submit_aside(read, state.look.models),
            lambda: state.look.stage == "busy",
            later,
            tied,
        )
        self.name = ""  # of the picture that is the page's
        # Its file, to be asked again when other models are chosen; gone when the picture is.
        self._data = b""
        self._ticket = 0
        self._waiting: Future[Answer] | None = None
        self._late: set[int] = set()  # tickets that were replaced while a worker had them: for the album only
        self._received = -TOGETHER_S
        self._snapshots = 0
        state.look.param.watch(self._staged, "stage")
        state.album.param.watch(self._joined, "pictures")
        state.at_end(self.stop)

    def receive(self, name: str, data: bytes) -> None:
        """A file came: answer it at once, or let it wait where it came together with others."""
        now = self._clock()
        together = now - self._received < TOGETHER_S and self._look.stage not in ("empty", "failed")
        self._received = now
        self.queue.add(name, data, None if together or self.queue.running else self._show)

    def answer(self, data: bytes, name: str = "") -> None:
        """Have a picture file answered at once, and show it; without a name it is the camera's."""
        if not name:
            self._snapshots += 1
            name = f"camera {self._snapshots}.jpg"
        self._ask(self._leave(), data, name, 0)

    def ask_again(self) -> None:
        """The picture at hand once more: other models were chosen, or there was no place for it before."""
        if self._data:
            number, selected = self._album.open, self._look.selected
            ticket = self._leave(keep=False)
            self._album.open = number
            self._ask(ticket, self._data, self.name, selected)

    def open(self, picture: Picture) -> None:
        """Show a picture of the album with the answer that it has."""
        ticket = self._leave()
        # As it was kept for the page: its file is not kept.
        self._data, self.name = picture.answer.jpeg, picture.name
        self._album.open = picture.number
        self._look.finish(ticket, picture.answer)

    def forget_picture(self) -> None:
        """Forget the page's picture, in the album too; what waits goes on."""
        number = self._album.open
        self._cancel()
        self._look.forget()
        self._album.remove(number)

    def forget_all(self) -> None:
        """Empty answer, album and queue; answers still under way are dropped when they come."""
        self.stop()
        self._look.forget()
        self._album.forget()

    def stop(self) -> None:
        """Drop all that waits or is under way, and the file at hand."""
        self._late.clear()
        self._cancel()
        self.queue.stop()
        self._data, self.name = b"", ""

    def _show(self, item: Waiting) -> None:
        try:
            data = item.read()
        except ArchiveError as error:
            self._look.fail(self._leave(), str(error))
            self._album.fail(item.name, str(error))
            return
        self.answer(data, item.name)

    def _ask(self, ticket: int, data: bytes, name: str, selected: int) -> None:
        self._ticket, self._data, self.name = ticket, data, name
        try:
            future = self._waiting = self._pool.submit(data, self._look.models)
        except BusyError as error:
            self._waiting = None
            if queued := self.queue.running:
                self.queue.add(name, data)
            self._look.fail(ticket, str(error), again=not queued)
            return
        future.add_done_callback(self._tied(partial(self._answered, ticket, name, selected)))

    def _answered(self, ticket: int, name: str, selected: int, future: "Future[Answer]") -> None:
        answer = outcome(future)
        if isinstance(answer, str):
            again = may_try_again(future)
            if self._look.fail(ticket, answer, again=again) and not again:
                self._album.fail(name, answer)
        elif self._look.finish(ticket, answer, selected):
            if self._album.open:
                self._album.renew(self._album.open, answer)
            else:
                self._album.open = self._album.add(name, answer)
        elif ticket in self._late:
            self._late.discard(ticket)
            self._album.add(name, answer)

    def _staged(self, event: param.parameterized.Event) -> None:
        if event.new == "empty" or (event.new == "failed" and not self._look.again):
            self._data = b""
        self.queue.go()

    def _leave(self, *, keep: bool = True) -> int:
        """Turn to another picture: the ticket for it. One that is still under way is kept for the album."""
        busy = self._look.stage == "busy" and keep and not self._album.open
        old, name, data, waiting = self._ticket, self.name, self._data, self._waiting
        self._album.open = 0
        ticket = self._look.begin()
        cancelled = self._cancel()
        if busy and cancelled:
            self.queue.add(name, data)
        elif busy and waiting is not None:
            self._late.add(old)
        return ticket

    def _cancel(self) -> bool:
        """A picture that nobody waits for any more gives its place in the pool to another."""
        waiting, self._waiting = self._waiting, None
        return waiting is not None and waiting.cancel()

    def _joined(self, event: param.parameterized.Event) -> None:
        """The album grew: show its newest picture where none is shown."""
        if len(event.new) > len(event.old) and self._look.stage in ("empty", "failed"):
            self.open(event.new[-1])
