"""What docs/privacy.md promises, seen from outside: disk, sockets, log and memory of a server.

One visit is watched from its first picture to the end of its session: upload, camera, live, what the models
saw, saving, an own table, forgetting. System calls are listed by strace where there is one, and by Python's
own audit events anywhere. The memory is that of the server's process and of its workers', read from /proc.
"""

import base64
import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dashboard.worker import display_jpeg, thumbnail_jpeg

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 90_000
FORGOTTEN_S = 60  # the collector comes after one second; a loaded machine has patience
ENDED_S = 120  # 15 s for a phone to come back, 5 s until the next look
NAME = "a-name-that-nobody-should-log"
CALLS = (
    "openat,open,creat,connect,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,truncate"
)
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the memory is read from /proc"),
    pytest.mark.timeout(900),  # a whole visit, and a session's end
]


@dataclass
class Visit:
    """What was seen.

    Attributes
    ----------
    marks : bytes that tell the first picture and what is made of it, by what they are
    found : of those, how many were in the server's memory, by moment
    calls, events : what strace and Python listed after the server was ready
    lines : what the server has printed
    fresh : files that were made or changed meanwhile in the temporary, home and current folders
    """

    marks: dict[str, bytes]
    found: dict[str, dict[str, int]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    fresh: list[Path] = field(default_factory=list)


def marked(portrait: np.ndarray, seed: int) -> tuple[bytes, dict[str, bytes]]:
    """A photo of a face over a strip of noise, as a PNG file, and bytes that nothing but it can hold."""
    rgb_HW3 = portrait.copy()
    rgb_HW3[-40:] = np.random.default_rng(seed).integers(0, 256, (40, rgb_HW3.shape[1], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb_HW3).save(out, "PNG")
    data, jpeg = out.getvalue(), display_jpeg(rgb_HW3)
    small = thumbnail_jpeg(jpeg)
    marks = {
        "file": data[-3000:-2940],
        "file, as text": base64.b64encode(data)[-3000:-2940],
        "pixels": rgb_HW3[-20, 100:130].tobytes(),
        "JPEG of the page": jpeg[-3000:-2950],
        "the same, as text": base64.b64encode(jpeg)[-3000:-2950],
        "thumbnail": small[-600:-550],
    }
    return data, marks


def in_memory(pid: int, marks: dict[str, bytes]) -> dict[str, int]:
    """How often each mark is in memory that a process and its children may write."""
    found = dict.fromkeys(marks, 0)
    for each in family(pid):
        for name, count in in_memory_of(each, marks).items():
            found[name] += count
    return found


def family(pid: int) -> list[int]:
    """The process and all that it started."""
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            found += family(int(child))
    return found


def in_memory_of(pid: int, marks: dict[str, bytes]) -> dict[str, int]:
    """The same of one process, from /proc (proc_pid_mem(5))."""
    found = dict.fromkeys(marks, 0)
    with open(f"/proc/{pid}/maps") as maps:  # noqa: PTH123
        places = [line.split()[:2] for line in maps]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        for place, rights in places:
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in place.split("-"))
            for at in range(start, end, 1 << 26):
                try:
                    memory.seek(at)
                    # A little more, for what lies across the border.
                    held = memory.read(min((1 << 26) + 64, end - at))
                except (OSError, ValueError, OverflowError):
                    break
                for name, mark in marks.items():
                    found[name] += held.count(mark)
    return found


def gone(pid: int, marks: dict[str, bytes], seconds: float) -> dict[str, int]:
    """The same once nothing is found, or when the patience is over."""
    end = time.monotonic() + seconds
    while any((found := in_memory(pid, marks)).values()) and time.monotonic() < end:
        time.sleep(1)
    return found


@contextlib.contextmanager
def watched_server(folder: Path, table: Path, visit: Visit) -> Iterator[tuple[str, int]]:
    """Address and process of a server whose every step is listed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("watched_server.py")), str(folder / "events")]
    command += ["--port", str(port), "--table", str(table)]
    command += ["--table-unmirrored", str(table.with_name("none.csv.gz"))]
    if strace := shutil.which("strace"):
        traced = ["-f", "-qq", "-ttt", "--seccomp-bpf", "-s", "200", "-e", f"trace={CALLS}"]
        command = [strace, *traced, "-o", str(folder / "calls"), *command]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            visit.lines.append(line)
            if "is ready" in line:
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    listener.start()
    served = process.pid
    try:
        if not ready.wait(180) or process.poll() is not None:
            pytest.fail("The watched server did not start:\n" + "".join(visit.lines[-20:]))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        served = int(children[0]) if strace else process.pid
        yield f"http://localhost:{port}", served
    finally:
        os.kill(served, signal.SIGTERM)  # strace would end, and leave it running
        process.wait(60)
        listener.join(30)
        if process.stdout is not None:
            process.stdout.close()


def wait_for_models(url: str) -> None:
    """Files of models are opened and code is compiled before: none of it is a visitor's."""
    for _ in range(240):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            if answer.status == 200:
                return
        time.sleep(0.5)
    pytest.fail("The models were not loaded in time.")


def explain_once(browser: Browser, url: str) -> None:
    """What explains answers is loaded when first asked for: its libraries look for their own files then."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    press(page, "Try the example")
    press(page, "Show what the models saw")
    expect(page.get_by_text("The mesh, to turn")).to_be_visible()
    page.close()


def upload(page: Page, name: str, data: bytes) -> None:
    files = [{"name": name, "mimeType": "image/png", "buffer": data}]
    page.locator("input[type=file]").first.set_input_files(files)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def act(page: Page, data: bytes, look: Callable[[], None]) -> None:
    """Everything that a visitor can do with a face; `look` is called while it is shown."""
    expect(page.get_by_text("No picture yet.")).to_be_visible()
    upload(page, f"{NAME}.png", data)
    press(page, "Show what the models saw")
    expect(page.get_by_text("The mesh, to turn")).to_be_visible()
    look()
    for label in ("Picture with boxes", "JSON"):
        with page.expect_download() as download:
            press(page, label)
        assert download.value.path().stat().st_size > 500
    upload(page, f"{NAME}.txt.jpg", b"no picture " * 500)
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    press(page, "Switch camera on")
    expect(page.get_by_text("Camera on.")).to_be_visible()
    press(page, "Take the picture")
    expect(page.get_by_text("camera 1.jpg").first).to_be_attached()
    press(page, "Go live")
    expect(page.get_by_role("button", name="Freeze")).to_be_visible()
    page.wait_for_timeout(2000)
    press(page, "Forget everything")
    expect(page.get_by_text("No picture yet.")).to_be_visible()


def changed_since(start: float, folders: list[Path]) -> list[Path]:
    """Files of these folders that were made or written since."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(folder, onerror=None):
            for name in names:
                path = Path(place, name)
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime >= start and path.is_file():
                        found.append(path)
    return found


@pytest.fixture(scope="module")
def visit(
    browser: Browser, portrait: np.ndarray, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> Visit:
    """One visit, and what was seen of it."""
    expect.set_options(timeout=PATIENCE_MS)
    folder = tmp_path_factory.mktemp("watched")
    data, marks = marked(portrait, 1)
    seen = Visit(marks)
    with watched_server(folder, table, seen) as (url, pid):
        wait_for_models(url)
        assert len(family(pid)) > 1  # a worker is among them
        explain_once(browser, url)
        start = time.time()
        seen.found["before"] = in_memory(pid, marks)
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        act(page, data, lambda: seen.found.update(shown=in_memory(pid, marks)))
        seen.found["forgotten"] = gone(pid, marks, FORGOTTEN_S)
        second, others = marked(portrait, 2)
        upload(page, f"{NAME}.png", second)
        expect(page.get_by_text("One face found.")).to_be_visible()
        seen.found["second, shown"] = in_memory(pid, others)
        context.close()
        seen.found["second, session ended"] = gone(pid, others, ENDED_S)
        third, more = marked(portrait, 3)
        request = urllib.request.Request(f"{url}/api/v1/predict", third, {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200
        seen.found["third, answered over HTTP"] = gone(pid, more, FORGOTTEN_S)
        seen.fresh = changed_since(start, [Path.home(), ROOT, Path("/var/tmp"), Path("/dev/shm"), folder])
    for name, lines in (("calls", seen.calls), ("events", seen.events)):
        if (folder / name).exists():
            for line in (folder / name).read_text(errors="replace").splitlines():
                stamp = re.search(r"\d{10}\.\d+", line)
                if stamp and float(stamp[0]) >= start:
                    lines.append(line)
    return seen


def test_the_search_finds_a_picture_while_it_is_shown(visit):
    """Else the tests below would pass for a search that finds nothing."""
    assert not any(visit.found["before"].values())
    assert visit.found["shown"]["file"] and visit.found["shown"]["JPEG of the page"]
    assert visit.found["second, shown"]["file"]


@pytest.mark.parametrize("moment", ["forgotten", "second, session ended", "third, answered over HTTP"])
def test_nothing_of_a_picture_stays_in_memory(visit, moment):
    assert not any(visit.found[moment].values()), visit.found


def test_python_opens_nothing_to_write_and_calls_nobody(visit):
    assert [line for line in visit.events if "/dev/null" not in line] == []


def test_the_process_opens_nothing_to_write_and_calls_nobody(visit):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; Python's own events were watched all the same")
    assert visit.calls, "strace listed nothing: is tracing allowed here?"
    writing = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^\S+ \S+ (?!open|connect)")
    local = re.compile(r"AF_UNIX|AF_NETLINK|127\.0\.0\.1|::1")
    calls = [line for line in visit.calls if re.match(r"\d+ +\S+ \w+\(", line)]  # no signals, no ends
    done = [line for line in calls if " = -1 " not in line]
    written = [line for line in done if writing.search(line) and "connect(" not in line]
    assert [line for line in written if "/dev/null" not in line] == []
    assert [line for line in done if "connect(" in line and not local.search(line)] == []


def test_no_file_holds_it(visit):
    watch = [path for path in visit.fresh if path.name not in ("calls", "events")]
    for path in watch:
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            assert not any(mark in content for mark in visit.marks.values()), path


def test_the_log_has_neither_names_nor_contents(visit):
    log = "".join(visit.lines)
    assert NAME not in log and "no picture no picture" not in log
