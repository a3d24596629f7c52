"""A page that loses its connection: it comes back to its picture, begins anew, or says what to do."""

import re
import time

import pytest
from PIL import Image
from playwright.sync_api import WebSocketRoute, expect

from dashboard.server import LEFT_MS, LOOK_MS

PATIENCE_MS = 60_000
QUIET_S = 1.0
LOST = re.compile("connection was lost")
PERMANENTLY = re.compile("lost permanently")


class Line:
    """Stands between a page and the server: passes all on until it is cut."""

    def __init__(self, page) -> None:
        self.cut = False
        self._page = page
        self._open: list[WebSocketRoute] = []
        self._passed = 0.0

    def take(self, socket: WebSocketRoute) -> None:
        """A page connects."""
        if self.cut:
            socket.close()
        else:
            socket.connect_to_server().on_message(lambda message: self._pass(socket, message))
            self._open.append(socket)

    def drop(self) -> None:
        """Lose what is connected, between two messages.

        Bokeh sends a message in several pieces. Its page keeps the pieces that it has when a connection is
        lost, takes the next connection's first piece for one of them, and stays lost until it is reloaded.
        """
        while time.monotonic() - self._passed < QUIET_S:
            self._page.wait_for_timeout(100)
        while self._open:
            self._open.pop().close()

    def _pass(self, socket: WebSocketRoute, message: str | bytes) -> None:
        self._passed = time.monotonic()
        socket.send(message)


class Slow:
    """Stands between a page and the server: keeps the word that the page is drawn, as if that took long."""

    def __init__(self) -> None:
        self.kept = 0
        self._pieces: list[str | bytes] = []

    def take(self, socket: WebSocketRoute) -> None:
        """A page connects."""
        server = socket.connect_to_server()
        socket.on_message(lambda piece: self._pass(server, piece))

    def _pass(self, server: WebSocketRoute, piece: str | bytes) -> None:
        """A message without binary data has three pieces; its content is the last."""
        self._pieces.append(piece)
        if len(self._pieces) == 3:
            if "document_ready" in str(piece):
                self.kept += 1
            else:
                for one in self._pieces:
                    server.send(one)
            self._pieces = []


@pytest.fixture
def line(page):
    """Of the Look page, which is loaded anew for it."""
    line = Line(page)
    page.route_web_socket(re.compile("/ws"), line.take)
    page.reload()
    page.get_by_role("button", name="Try the example").click()
    expect(page.get_by_text(re.compile(r"Answered in \d+ ms"))).to_be_visible(timeout=PATIENCE_MS)
    return line


def test_a_connection_lost_for_a_moment_comes_back_to_its_picture(page, line):
    line.drop()
    expect(page.get_by_text(LOST)).to_be_visible()
    expect(page.get_by_text("reestablished")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Forget this picture").click()
    expect(page.get_by_text("No picture yet.")).to_be_visible()


def test_a_page_that_cannot_come_back_says_so_and_can_be_asked_to_later(page, line):
    line.cut = True
    line.drop()
    dropped = time.monotonic()
    expect(page.get_by_text(PERMANENTLY)).to_be_visible(timeout=PATIENCE_MS)
    # Until the server has forgotten the session: coming back just while it does so is another matter.
    page.wait_for_timeout(max(0.0, LEFT_MS + 2 * LOOK_MS - (time.monotonic() - dropped) * 1000))
    line.cut = False
    page.get_by_text("Try", exact=True).click()
    expect(page.get_by_text("No picture yet.")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Try the example").click()
    expect(page.get_by_text(re.compile(r"Answered in \d+ ms"))).to_be_visible(timeout=PATIENCE_MS)


def test_what_changes_while_a_page_is_still_being_drawn_reaches_it(page):
    slow = Slow()
    page.route_web_socket(re.compile("/ws"), slow.take)
    page.goto(page.url.split("?")[0] + "?page=about")
    page.get_by_role("tab", name="Compare").click()
    expect(page.get_by_text("Who is right", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("All models, ranked", exact=True)).to_be_attached(timeout=PATIENCE_MS)
    assert slow.kept == 1  # else nothing was tried


def test_a_photo_that_comes_while_the_page_is_still_being_drawn_is_answered(page, portrait, tmp_path):
    slow = Slow()
    page.route_web_socket(re.compile("/ws"), slow.take)
    page.goto(page.url.split("?")[0])
    photo = tmp_path / "portrait.jpg"
    Image.fromarray(portrait).save(photo)
    page.get_by_label("Drop photos here").set_input_files(photo)
    expect(page.get_by_text("Face 1 of 1")).to_be_visible(timeout=PATIENCE_MS)
    assert slow.kept == 1  # else nothing was tried
