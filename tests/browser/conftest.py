"""A real server, a real Chromium with a fake camera, and pages that must neither err nor ask other hosts."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import table_from_frame, write_table

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 60_000  # generous: a loaded machine may be five times slower than usual
START_S = 120
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
]


@dataclass(frozen=True)
class Server:
    """Where the dashboard answers, and what it has printed."""

    url: str
    lines: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """NASA's portrait of Eileen Collins, public domain, (512, 512, 3) uint8 RGB."""
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="session")
def pictures(portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Files to upload, by name."""
    folder = tmp_path_factory.mktemp("pictures")
    face = Image.fromarray(portrait)
    face.save(folder / "one.jpg", quality=92)
    face.save(folder / "one.png")
    face.save(folder / "one.webp", quality=90)
    two = Image.new("RGB", (900, 540), (88, 108, 128))
    two.paste(face, (10, 14))
    two.paste(face.crop((96, 0, 352, 256)).resize((200, 200)), (640, 170))
    two.save(folder / "two.jpg", quality=92)
    Image.new("RGB", (640, 480), (88, 108, 128)).save(folder / "none.png")
    (folder / "text.jpg").write_text("These are words. " * 50)
    (folder / "cut.jpg").write_bytes((folder / "one.jpg").read_bytes()[:9000])
    (folder / "large.jpg").write_bytes((folder / "one.jpg").read_bytes() + bytes(26_000_000))
    return lambda name: folder / name


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose figures are known by construction: see the numbers in `test_figures`."""
    names = np.array(EXPRESSIONS)
    # Seven pictures of each expression in either split. The CNN errs on the first two of each,
    # the fusion on the first and, for angry, on the third; both then answer the next expression.
    truth_N = np.tile(np.repeat(np.arange(7), 7), 2)
    place_N = np.tile(np.tile(np.arange(7), 7), 2)
    wrong = {"cnn": place_N < 2, "fusion": (place_N == 0) | ((place_N == 2) & (truth_N == 0))}
    frame: dict[str, object] = {
        "row": np.arange(98),
        "split": np.repeat(["PublicTest", "PrivateTest"], 49),
        "label": names[truth_N],
        "mesh_found": 1,
        "copy_in_training": (place_N == 6).astype(int),
    }
    for model, wrong_N in wrong.items():
        answer_N = np.where(wrong_N, (truth_N + 1) % 7, truth_N)
        shares_NK = np.full((98, 7), 0.05)
        shares_NK[np.arange(98), answer_N] = 0.7
        frame |= {f"{model}_{name}": shares_NK[:, code] for code, name in enumerate(names)}
    path = tmp_path_factory.mktemp("table") / "predictions.csv.gz"
    write_table(table_from_frame(pd.DataFrame(frame)), path)
    return path


@pytest.fixture(scope="session")
def server(table: Path) -> Iterator[Server]:
    """`python -m dashboard` with the table above."""
    with serving("--table", str(table), "--table-unmirrored", str(table.with_name("none.csv.gz"))) as running:
        yield running


@pytest.fixture(scope="session")
def shipped_server() -> Iterator[Server]:
    """`python -m dashboard` as users start it, with the tables that are shipped."""
    with serving() as running:
        yield running


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Server]:
    """`python -m dashboard` on a free port, until the block ends. It fails when the server logged a fault."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboard", "--port", str(port), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    running = Server(f"http://localhost:{port}")
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            running.lines.append(line.rstrip())
            if line.startswith("Expression Lens is ready: "):
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        if not ready.wait(START_S) or process.poll() is not None:
            pytest.fail("The dashboard did not start:\n" + "\n".join(running.lines[-20:]))
        yield running
    finally:
        process.terminate()
        process.wait(30)
        listener.join(30)
        if process.stdout is not None:
            process.stdout.close()
    found = faults(running.lines)
    assert not found, "\n\n".join(found)


def faults(lines: list[str]) -> list[str]:
    """The tracebacks of a server's log, each with the line before it, but for those of a page just closed."""
    found = []
    for place, line in enumerate(lines):
        if line.startswith("Traceback"):
            ends = (later for later in range(place + 1, len(lines)) if not lines[later].startswith(" "))
            found += ["\n".join(lines[max(place - 1, 0) : next(ends, len(lines)) + 1])]
    return [told for told in found if "ClosedError" not in told.splitlines()[-1]]


@pytest.fixture(scope="session")
def camera_film(portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film for the fake camera: the portrait, swaying a little, as a stream of JPEG pictures."""
    import cv2

    path = tmp_path_factory.mktemp("film") / "camera.mjpeg"
    canvas = np.full((480, 640, 3), 90, dtype=np.uint8)
    face = cv2.cvtColor(portrait[:480], cv2.COLOR_RGB2BGR)
    with path.open("wb") as film:
        for shift in (0, 2, 4, 6, 8, 6, 4, 2):
            frame = canvas.copy()
            frame[:, 60 + shift : 572 + shift] = face
            film.write(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return path


# Not for the whole session: while it is there, its event loop runs in this thread, and no other can.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str, camera_film: Path) -> Iterator[Browser]:
    """Chromium whose camera plays the film and whose questions are all answered with yes."""
    film = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera_film}"]
    launched = playwright.chromium.launch(executable_path=chromium, args=QUIET + film)
    yield launched
    launched.close()


@dataclass
class Watch:
    """What a page did that it must not do."""

    allowed: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", lambda note: note.type == "error" and self.errors.append(note.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url.replace("ws://", "http://", 1)))

    def _check(self, url: str) -> None:
        if not url.startswith((self.allowed + "/", "data:", "blob:")):
            self.foreign.append(url)


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A wide window. Its pages share what the browser has loaded; each is a session of its own still."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@contextlib.contextmanager
def opened(context: BrowserContext, url: str, path: str) -> Iterator[Page]:
    """A page that fails when it erred or asked another host."""
    watch = Watch(url)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    watch.over(page)
    try:
        page.goto(url + path)
        yield page
    finally:
        page.close()
    assert (watch.errors, watch.foreign) == ([], [])


@pytest.fixture
def open_page(browser: Browser, desktop: BrowserContext, server: Server) -> Iterator[Callable[..., Page]]:
    """Opens pages of the dashboard: ``open_page("/?page=evaluate")``; with options, in another window."""
    with contextlib.ExitStack() as pages:

        def open_one(path: str = "/", **options: object) -> Page:
            context = desktop
            if options:
                context = pages.enter_context(contextlib.closing(browser.new_context(**options)))
            return pages.enter_context(opened(context, server.url, path))

        yield open_one


@pytest.fixture
def open_shipped(desktop: BrowserContext, shipped_server: Server) -> Iterator[Callable[[str], Page]]:
    """Opens pages on the tables that are shipped."""
    with contextlib.ExitStack() as pages:
        yield lambda path: pages.enter_context(opened(desktop, shipped_server.url, path))


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The Look page, loaded."""
    look = open_page()
    look.get_by_text("No picture yet.").wait_for()
    return look
