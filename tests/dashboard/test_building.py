"""Pages are built beside the event loop, a fault in one is a sentence, and an ended one leaves nothing."""

import asyncio
import gc
import threading
import weakref

import panel as pn
import pytest
from bokeh.application.handlers.document_lifecycle import DocumentLifecycleHandler
from bokeh.server.contexts import ApplicationContext
from panel.util import edit_readonly
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.ioloop import IOLoop

from dashboard.app import create_app
from dashboard.building import FAULT, pages

ASKED = HTTPServerRequest(
    start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders({"Host": "localhost:1"})
)


async def context_of(make):
    """As a server makes it."""
    application = pages({"/": make}, {"/": "title"})["/"]
    application.add(DocumentLifecycleHandler())
    return ApplicationContext(application, io_loop=IOLoop.current(), url="/")


async def opened(context, number=0):
    return await context.create_session_if_needed(f"session {number}", ASKED)


async def end_all(context):
    for session in tuple(context.sessions):
        session.request_expiration()
    await context._cleanup_sessions(0)


def test_the_event_loop_goes_on_while_a_page_is_built():
    gone_on = threading.Event()

    def make():
        assert gone_on.wait(10)  # only the loop sets it
        return pn.Column("words")

    async def visit():
        context = await context_of(make)
        asyncio.get_running_loop().call_later(0.05, gone_on.set)
        document = (await opened(context)).document
        assert document.title == "title" and document.roots
        await end_all(context)

    asyncio.run(visit())


def test_a_fault_is_a_sentence_on_the_page_and_more_in_the_log(caplog):
    def make():
        raise ValueError("the inside")

    async def visit():
        context = await context_of(make)
        document = (await opened(context)).document
        assert [FAULT in root.text and "inside" not in root.text for root in document.roots] == [True]
        await end_all(context)

    asyncio.run(visit())
    assert "the inside" in caplog.text


@pytest.mark.filterwarnings("ignore:.*EMPTY_LAYOUT")
def test_sessions_that_ended_leave_no_view_behind(fake_predictor, table_files):
    app = create_app(predictor_factory=fake_predictor, table=table_files[0], unmirrored=table_files[1])
    views, before = [], len(pn.state._views)

    def make():
        page = app.page()
        views.append(weakref.ref(page))
        views.extend(weakref.ref(part) for part in page.select(pn.pane.HTML))
        return page

    async def visit():
        context = await context_of(make)
        for number in range(5):
            views.append(weakref.ref((await opened(context, number)).document))
        assert len(pn.state._views) > before
        await end_all(context)
        assert not context.sessions

    asyncio.run(visit())
    app.close()
    gc.collect()
    assert len(pn.state._views) == before
    assert [view() for view in views if view() is not None] == []


def test_no_page_is_told_of_another_that_is_busy(fake_predictor, table_files):
    app = create_app(predictor_factory=fake_predictor, table=table_files[0], unmirrored=table_files[1])
    page = app.page()
    told = []
    page.param.watch(told.append, "busy")
    with edit_readonly(pn.state):
        pn.state.busy = True
        pn.state.busy = False
    assert told == []
    app.close()
