"""What Bokeh would write to the log."""

import asyncio
import logging
from typing import ClassVar

from bokeh.application import Application
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from dashboard.server import BOKEH_LOGS, but_for_busy, lose_once, without_contents

PATIENCE_S = 10


class Message:
    """Of a page, that cannot be handled."""

    msgtype = "PATCH-DOC"
    header: ClassVar = {"msgid": "1"}

    def __repr__(self):
        return "the bytes of a picture"

    __str__ = __repr__


def test_no_message_of_a_page_is_quoted_in_the_log(caplog):
    loggers = [logging.getLogger(name) for name in BOKEH_LOGS]
    for one in loggers:
        one.addFilter(without_contents)
    try:
        with caplog.at_level(logging.ERROR):
            handler = ProtocolHandler()

            async def fault(*_):
                raise ValueError("the bytes of a picture")

            handler._handlers["PATCH-DOC"] = fault

            class Connection:
                def error(self, *_):
                    return None

            asyncio.run(handler.handle(Message(), Connection()))
            loggers[1].error("Unhandled exception: %r: %r", ValueError(), b"the bytes of a picture")
    finally:
        for one in loggers:
            one.removeFilter(without_contents)
    assert "the bytes" not in caplog.text and caplog.text.count("could not be handled") == 2


def test_busy_is_no_line_of_the_log_but_other_faults_are():
    def line(status):
        return logging.LogRecord("tornado.access", 40, "", 0, "%d %s", (status, "POST /api/v1/predict"), None)

    assert [but_for_busy(line(status)) for status in (503, 500, 413)] == [False, True, True]


def test_a_page_that_is_pinged_while_it_closes_is_lost_once_and_without_a_fault(caplog):
    async def visit():
        server = Server({"/": Application()}, port=0)
        lose_once(server._tornado)
        server.start()
        protocols = {"Sec-WebSocket-Protocol": f"bokeh, {generate_jwt_token(generate_session_id())}"}
        page = await websocket_connect(HTTPRequest(f"ws://localhost:{server.port}/ws", headers=protocols))
        await page.read_message()
        (connection,) = server._tornado._clients
        socket, context, session = connection._socket, connection.application_context, connection.session
        socket.close()  # the page has not answered yet: it is not closed, and can be sent nothing
        server._tornado._keep_alive()
        page.close()
        while server._tornado._clients or session.connection_count:
            await asyncio.sleep(0.01)
        # A connection made for a page that ended in the meantime: no end is to come, the ping finds it.
        server._tornado.new_connection(connection.protocol, socket, context, session)
        assert session.connection_count == 1
        server._tornado._keep_alive()
        assert not server._tornado._clients and session.connection_count == 0
        server.stop()

    asyncio.run(asyncio.wait_for(visit(), PATIENCE_S))
    assert "Traceback" not in caplog.text and "AssertionError" not in caplog.text
