"""What Bokeh would write to the log."""

import asyncio
import logging
from typing import ClassVar

from bokeh.server.protocol_handler import ProtocolHandler

from dashboard.server import BOKEH_LOGS, but_for_busy, without_contents


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
