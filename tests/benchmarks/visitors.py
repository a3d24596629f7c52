"""Visitors without a browser: they open the page, speak Bokeh's protocol over its websocket, and drop photos.

A browser for each of fifty visitors would cost more than the server that is measured. What a visitor sends is
what a browser sends; of what comes back it reads only whether its photo was answered.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from bokeh.util.serialization import make_globally_unique_id
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

BUSY = "Please try again"
ANSWERED = re.compile(r"Answered in \d+ ms")
TOKEN = re.compile(r'"token":"([^"]+)"')
PATIENCE_S = 120.0
APART_S = 1.6  # between two photos: a little more than `dashboard.asking.TOGETHER_S`


@dataclass(frozen=True)
class Outcome:
    """What came of one photo.

    Attributes
    ----------
    said : "answered", "busy" or "lost"
    seconds : from the first byte sent to the answer
    """

    said: str
    seconds: float


class Visitor:
    """One session.

    Parameters
    ----------
    url : str
        Of the server, without a slash at the end.
    headers : dict, optional
        Sent with every request: a cookie, an origin.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._url, self._headers = url, headers or {}
        self._socket: WebSocketClientConnection | None = None
        self._dropper = ""
        self._photos, self._last = 0, float("-inf")
        self.token = ""

    async def open(self) -> None:
        """Load the page and connect."""
        asked = HTTPRequest(f"{self._url}/", headers=self._headers, request_timeout=PATIENCE_S)
        page = (await AsyncHTTPClient().fetch(asked)).body.decode()
        self.token = TOKEN.findall(page)[0]
        await self.connect()

    async def connect(self) -> dict[str, Any]:
        """Connect with the token at hand, as a page does that lost its connection; returns the document."""
        request = HTTPRequest(
            f"{self._url.replace('http', 'ws', 1)}/ws", headers=self._headers, request_timeout=PATIENCE_S
        )
        self._socket = await websocket_connect(
            request, subprotocols=["bokeh", self.token], max_message_size=100_000_000
        )
        await self._until("ACK")
        await self._send("PULL-DOC-REQ", {})
        document = await self._until("PULL-DOC-REPLY")
        self._dropper = _find(document, "panel.models.file_dropper.FileDropper")
        await self._tell("document_ready", {})  # until then Panel holds back what it has to show
        return document

    async def drop(self, data: bytes, chunk: int = 1_000_000) -> Outcome:
        """Drop a photo and wait for what the page says of it.

        Not within moments of the last one: the page would take the two for one choice of several, and answer
        the second in the album.
        """
        await asyncio.sleep(max(0.0, self._last + APART_S - time.perf_counter()))
        began = self._last = time.perf_counter()
        self._photos += 1
        parts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
        for number, part in enumerate(parts, 1):
            await self._upload(part, number, len(parts))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (content := await self._read())[0] is not None:
                    text = content[1]
                    if ANSWERED.search(text):
                        return Outcome("answered", time.perf_counter() - began)
                    if BUSY in text:
                        return Outcome("busy", time.perf_counter() - began)
        except TimeoutError:
            pass
        return Outcome("lost", time.perf_counter() - began)

    def leave(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _upload(self, part: bytes, number: int, of: int) -> None:
        sent = {
            "name": f"photo {self._photos}.jpg",
            "mime_type": "image/jpeg",
            "chunk": number,
            "total_chunks": of,
            "data": {"type": "bytes", "data": {"id": "photo"}},
        }
        values = {"model": {"id": self._dropper}, "data": {"type": "map", "entries": list(sent.items())}}
        await self._tell("upload_event", values, part)

    async def _tell(self, name: str, values: dict[str, Any], payload: bytes = b"") -> None:
        """An event of the page."""
        told = {"type": "event", "name": name, "values": {"type": "map", "entries": list(values.items())}}
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}
        await self._send("PATCH-DOC", {"events": [event]}, payload)

    async def _send(self, kind: str, content: dict[str, Any], payload: bytes = b"") -> None:
        assert self._socket is not None
        header = {"msgid": make_globally_unique_id(), "msgtype": kind, "num_buffers": int(bool(payload))}
        for part in (header, {}, content):
            await self._socket.write_message(json.dumps(part))
        if payload:
            await self._socket.write_message(json.dumps({"id": "photo"}))
            await self._socket.write_message(payload, binary=True)

    async def _until(self, kind: str) -> dict[str, Any]:
        while True:
            told, text = await self._read()
            if told == kind:
                return json.loads(text)
            if told is None:
                raise ConnectionError("The server closed the connection.")

    async def _read(self) -> tuple[str | None, str]:
        """Kind and content of the next message; None when the connection is closed."""
        parts = [await self._fragment() for _ in range(3)]
        if None in parts:
            return None, ""
        header = json.loads(parts[0] or "{}")
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._fragment()
        return header["msgtype"], str(parts[2])

    async def _fragment(self) -> str | bytes | None:
        assert self._socket is not None
        return await self._socket.read_message()


def _find(value: Any, name: str) -> str:
    """The id of the first model of that name anywhere in a document's JSON; empty for none."""
    if isinstance(value, dict):
        if value.get("name") == name and "id" in value:
            return str(value["id"])
        value = list(value.values())
    if isinstance(value, list):
        return next((found for part in value if (found := _find(part, name))), "")
    return ""
