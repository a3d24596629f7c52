"""Getting back into a session's document from a worker thread, a timer, or another session."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

import panel as pn
from panel.io import hold
from panel.io.resources import LOCAL_DIST
from panel.io.state import set_curdoc
from panel.layout.base import ListLike
from tornado.ioloop import IOLoop

#: For figures that take longer to work out than the event loop should stand still.
_ASIDE = ThreadPoolExecutor(1, thread_name_prefix="figures")
ROUNDS = 2  # of the event loop, until a change that was asked for is made
BREATH_S = 0.003  # between two changes: a request takes several rounds
AT_ONCE = 6  # parts of a page that are put there in one go: each takes the loop some milliseconds


class Turns:
    """Lets pages change one after the other, some rounds of the event loop between them.

    All that is ready runs in one round: were it the changes of ten pages, whoever asks the server for
    anything would wait for ten. May be called from any thread.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._runs = False

    def put(self, loop: IOLoop, change: Callable[[], None]) -> None:
        """Make a change when those before it are made."""
        with self._lock:
            self._waiting.append(change)
            begins, self._runs = not self._runs, True
        if begins:
            loop.add_callback(self._next, loop)

    def _next(self, loop: IOLoop) -> None:
        with self._lock:
            change = self._waiting.popleft() if self._waiting else None
            self._runs = change is not None
        if change is not None:
            try:
                change()
            finally:  # a change that fails is the loop's to log; those of other pages still have their turns
                self._breathe(loop, ROUNDS)

    def _breathe(self, loop: IOLoop, rounds: int) -> None:
        """Wait until the change is made, and then a moment, in which requests go their way."""
        if rounds:
            loop.add_callback(self._breathe, loop, rounds - 1)
        else:
            loop.call_later(BREATH_S, self._next, loop)


_TURNS = Turns()


def in_document(action: Callable[..., None]) -> Callable[..., None]:
    """Tie an action to the document that is current now.

    Whoever calls the result, from whatever thread, the action runs on the event loop with that document's
    lock held, so that all it changes reaches the browser in order; actions of several pages take turns.
    Without a document (in tests) it is simply called.
    """
    document = pn.state.curdoc
    if document is None:
        return action

    def act(*values: Any) -> None:
        # One message for all that the action changes: the browser draws once.
        with hold():
            action(*values)

    def change(*values: Any) -> None:
        # Bokeh's curdoc would do, but Panel keeps one of its own, which a caller's context may have set
        # to the caller's document.
        with set_curdoc(document):
            pn.state.execute(partial(act, *values), schedule=True)

    def run(*values: Any) -> None:
        context = document.session_context
        if context is None or context.server_context is None:
            change(*values)
        else:
            _TURNS.put(context.server_context.application_context.io_loop, partial(change, *values))

    return run


def together(change: Callable[..., None]) -> Callable[..., None]:
    """Let all that a method changes travel as one message, in its order.

    Changes of Panel's objects and of a chart's own models leave by two ways, each of which may overtake the
    other: without this the browser can hear of a chart's data before it has the chart, or after it lost it.
    """

    @wraps(change)
    def changed(*values: Any) -> None:
        with hold():
            change(*values)

    return changed


def later(seconds: float, action: Callable[[], None]) -> None:
    """Run an action in the current document after a while; never, if the session ends before."""
    document = pn.state.curdoc
    if document is not None:
        document.add_timeout_callback(in_document(action), round(seconds * 1000))


def soon(action: Callable[[], None]) -> None:
    """Run an action in the current document once the browser has been sent what changed so far.

    Without a document (in tests) it runs now.
    """
    document = pn.state.curdoc
    if document is None:
        action()
    else:
        document.add_next_tick_callback(in_document(action))


def aside(work: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Do work in a thread, then an action with its result in the current document.

    The work touches nothing that is on a page, and raises nothing. Without a document (in tests) it is done
    now.
    """
    if pn.state.curdoc is None:
        then(work())
        return
    done = in_document(then)
    _ASIDE.submit(work).add_done_callback(lambda future: done(future.result()))


class Piecemeal:
    """Fills a layout little by little, so that the event loop is free between: a page has other visitors.

    Parameters
    ----------
    place : layout
        On a page, or about to be.
    parts : list
        Its new content, on no page yet.
    """

    def __init__(self, place: Any, parts: list[Any]) -> None:
        self._steps = deque(_fillings(place, parts))

    def begin(self) -> None:
        """Take step after step; all of them now where there is no document (in tests)."""
        if self._steps:
            self._steps.popleft()()
            soon(self.begin)

    def finish(self) -> None:
        """Take all steps that are left."""
        while self._steps:
            self._steps.popleft()()


def _fillings(place: Any, parts: list[Any]) -> list[Callable[[], None]]:
    """Steps that put parts into a place; a large column comes empty, and its own parts after it."""
    steps: list[Callable[[], None]] = []
    for part in parts:
        steps += [partial(place.append, part), *_emptied(part)]
    return steps


def _emptied(part: Any) -> list[Callable[[], None]]:
    """Steps that fill the large columns of a part again, which are empty then."""
    if isinstance(part, pn.Column):
        if len(part.select()) <= AT_ONCE:
            return []
        within = list(part)
        part[:] = []
        return _fillings(part, within)
    if isinstance(part, ListLike):  # Material UI draws nothing of what comes into its layouts in this way
        return [step for child in part for step in _emptied(child)]
    return []


def only_own_files() -> None:
    """Let the current document load its style sheets from this server; call it before anything is built.

    Panel says so to a document when it sends the page. A document that is made later, because the browser
    came back after its session had ended, would ask another host for them.
    """
    document = pn.state.curdoc
    if document is not None:
        document._template_variables.setdefault("dist_url", LOCAL_DIST)
