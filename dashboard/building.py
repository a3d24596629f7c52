"""Pages built beside the event loop: a new visitor's page takes tenths of a second, in which others go on.

Panel builds a document on the loop, in one go. Here a thread builds it in the hook that Bokeh awaits before;
what is left for the loop is to tie it to its session. One thread for all: pages share Panel's registries, and
more threads would not make Python any faster. Nobody has a page yet while it is built, so that it sends
nothing and hears of nothing.
"""

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MethodType, SimpleNamespace
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.events import ClientReconnected
from bokeh.models import Div
from bokeh.models.ui.notifications import Notifications
from panel.io.application import Application, _eval_panel
from panel.io.handlers import FunctionHandler
from panel.io.state import set_curdoc

logger = logging.getLogger(__name__)
Make = Callable[[], pn.viewable.Viewable]

#: So long, at most, the thread keeps the interpreter when the loop wants it, s: a request needs it several
#: times. Python's own is five times as long.
TURN_S = 0.001
#: So long no other page is built after one, s: to send it the loop looks at many files, and would wait for
#: the interpreter after each.
BREATH_S = 0.12
FAULT = "The page could not be built because of a fault in the program. Its log says more."


class AsidePage(Application):
    """A page of which every session's document is built in a thread.

    Parameters
    ----------
    make : callable
        Makes a session's page; called in the thread.
    title : str
        Of its documents.
    thread : ThreadPoolExecutor
        With one worker.
    turn : asyncio.Lock
        Held while a page is built, and for a moment after.
    """

    def __init__(self, make: Make, title: str, thread: ThreadPoolExecutor, turn: asyncio.Lock) -> None:
        super().__init__(FunctionHandler(self._tie))
        self._make, self._title, self._thread, self._turn = make, title, thread, turn

    async def on_session_created(self, session_context: Any) -> None:
        """Build the document; Bokeh awaits this before it asks for it."""
        await super().on_session_created(session_context)
        context = contextvars.copy_context()  # of this visitor's request
        loop = asyncio.get_running_loop()
        await self._turn.acquire()
        try:
            await loop.run_in_executor(self._thread, context.run, self.build, session_context._document)
        finally:
            loop.call_later(BREATH_S, self._turn.release)

    def initialize_document(self, document: Document) -> None:
        """What is left for the event loop; and a page that lost its connection tries again and says so."""
        super().initialize_document(document)
        # A page that comes back after its session had ended gets a new one, and is not loaded again.
        document.on_event(ClientReconnected, partial(pn.state._schedule_on_load, document))
        document.to_json = MethodType(_copy_given, document)
        # Panel switches all of it off.
        document.config.update(
            reconnect_session=True, notify_connection_status=True, notifications=Notifications()
        )

    def build(self, document: Document) -> None:
        """Build the page into a document. A fault becomes a sentence on the page, and is told in the log."""
        pn.state._thread_id_[document] = threading.get_ident()  # as Panel does where it builds
        self._set_session_prefix(document)
        with set_curdoc(document):
            try:
                self._make().server_doc(document, self._title)
            except Exception:
                logger.exception("A page could not be built")
                document.clear()
                document.add_root(Div(text=f'<p role="alert">{FAULT}</p>'))

    def warm(self) -> None:
        """Build a page for nobody, so that the first visitor need not wait for what is made only once."""
        self._thread.submit(self._rehearse)

    def _rehearse(self) -> None:
        document = Document()
        self.build(document)
        ended = SimpleNamespace(_document=document, id="")
        for callback in tuple(document.session_destroyed_callbacks):
            callback(ended)

    def _tie(self, document: Document) -> None:
        """What Panel does with a document beside building it."""
        _eval_panel(_nothing, None, self._title, location=True, admin=False, doc=document)


def pages(routes: Mapping[str, Make], titles: Mapping[str, str]) -> dict[str, AsidePage]:
    """Applications for a server, by path.

    Parameters
    ----------
    routes : mapping of str to callable
        What makes a session's page, by path.
    titles : mapping of str to str
        Their titles.
    """
    sys.setswitchinterval(TURN_S)
    thread = ThreadPoolExecutor(1, thread_name_prefix="pages")
    turn = asyncio.Lock()
    return {path: AsidePage(make, titles[path], thread, turn) for path, make in routes.items()}


def _copy_given(document: Document, **options: Any) -> Any:
    """A document as it is given to a browser; all that changes from here on is sent after it.

    Panel drops what changes until the browser says that the page is drawn, as the document is sent in full;
    but that was before, on a slow machine by seconds, and what changed in between was lost for good.
    """
    given = Document.to_json(document, **options)
    pn.state._connected[document] = True
    return given


def _nothing() -> None:
    """The page is there already."""
