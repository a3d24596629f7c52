"""Getting back into a session's document from a worker thread, a timer, or another session."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import panel as pn
from panel.io import hold
from panel.io.resources import LOCAL_DIST
from panel.io.state import set_curdoc


def in_document(action: Callable[..., None]) -> Callable[..., None]:
    """Tie an action to the document that is current now.

    Whoever calls the result, from whatever thread, the action runs on the event loop with that document's
    lock held, so that all it changes reaches the browser in order. Without a document (in tests) it is
    simply called.
    """
    document = pn.state.curdoc
    if document is None:
        return action

    def act(*values: Any) -> None:
        # One message for all that the action changes: the browser draws once.
        with hold():
            action(*values)

    def run(*values: Any) -> None:
        # Bokeh's curdoc would do, but Panel keeps one of its own, which a caller's context may have set
        # to the caller's document.
        with set_curdoc(document):
            pn.state.execute(partial(act, *values), schedule=True)

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


def only_own_files() -> None:
    """Let the current document load its style sheets from this server; call it before anything is built.

    Panel says so to a document when it sends the page. A document that is made later, because the browser
    came back after its session had ended, would ask another host for them.
    """
    document = pn.state.curdoc
    if document is not None:
        document._template_variables.setdefault("dist_url", LOCAL_DIST)
