"""``make bench``: the page as a visitor's browser meets it: opening, a 12-megapixel photo, live.

A server and a headless Chromium with a fake camera share this machine, so both are in the figures. For the
delay of live the camera's film shows a face for two seconds and none for two; what is measured is the time
from the first video picture with the face to the first change of the chart, both on the clock of the browser.
The result goes to docs/results/page.json.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from skimage.data import astronaut

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "docs" / "results" / "page.json"
PATIENCE_MS = 60_000
RUNS = 6  # of opening, and of the photo
FRAME, PERIOD = (480, 640), 60  # px; frames of a face and as many without one, 30 a second
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
# Looks at the middle of the video and at the chart's numbers with every picture that the browser paints.
WATCH = """() => {
  const all = (root, tag) => [...root.querySelectorAll('*')].flatMap(
    e => [...(e.tagName === tag ? [e] : []), ...(e.shadowRoot ? all(e.shadowRoot, tag) : [])])
  const video = all(all(document, 'IFRAME')[0].contentDocument, 'VIDEO')[0]
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1
  const ink = canvas.getContext('2d', {willReadFrequently: true})
  window.seen = []; window.changed = []
  let face = null
  const look = () => {
    ink.drawImage(video, 2, 2, 4, 4, 0, 0, 1, 1)
    const now = ink.getImageData(0, 0, 1, 1).data[0] > 128
    if (face === false && now) window.seen.push(performance.now())
    face = now
    requestAnimationFrame(look)
  }
  look()
  for (const document_ of Bokeh.documents) document_.on_change(event => {
    const model = event.model
    if (model?.type === 'ColumnDataSource' && model.data.printed) window.changed.push(performance.now())
  })
}"""


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30, help="how long live is watched")
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM") or "/usr/bin/chromium")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served() as url, sync_playwright() as playwright:
        film = Path(folder) / "film.mjpeg"
        write_film(film)
        arguments = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        with contextlib.closing(
            playwright.chromium.launch(executable_path=options.chromium, args=arguments)
        ) as browser:
            result = {
                "machine": {"cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
                "load_before": os.getloadavg()[0],
                "opening": opening(browser, url),
                "photo": photo(browser, url, Path(folder)),
                "live": live(browser, url, options.seconds),
            }
    aside = options.out.with_suffix(".aside")
    aside.write_text(json.dumps(result, indent=1) + "\n")
    aside.replace(options.out)
    print(json.dumps(result, indent=1))
    return 0


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The dashboard on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboard", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Expression Lens is ready"):
            if process.poll() is not None:
                raise SystemExit("The dashboard did not start.")
        time.sleep(8)  # until the models are loaded
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(120)  # a loaded machine takes its time to clear a large memory


def write_film(path: Path) -> None:
    """A face for `PERIOD` frames, a wall for as many; the upper left corner is white while it is there."""
    portrait = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)[0:480]
    height, width = FRAME
    with path.open("wb") as film:
        for step in range(2 * PERIOD):
            frame = np.full((height, width, 3), 90, np.uint8)
            if step < PERIOD:
                shift = round(20 * np.sin(step / PERIOD * 2 * np.pi))
                frame[:, 64 + shift : 64 + shift + 512] = portrait
            frame[:40, :40] = 255 if step < PERIOD else 0
            film.write(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def opening(browser: Browser, url: str) -> dict[str, object]:
    """From the address to a page that can be used, s: the first time, and with what the browser kept."""
    context = browser.new_context()
    seconds = []
    for _ in range(RUNS):
        page = context.new_page()
        began = time.perf_counter()
        page.goto(url)
        page.get_by_role("button", name="Try the example").wait_for(timeout=PATIENCE_MS)
        seconds.append(time.perf_counter() - began)
        page.close()
    context.close()
    return {"first_s": round(seconds[0], 2), "again_s": round(float(np.median(seconds[1:])), 2), "n": RUNS}


def photo(browser: Browser, url: str, folder: Path) -> dict[str, object]:
    """A photo of 12 megapixels: from the choice of the file to its answer on the page, s."""
    picture = np.full((3000, 4000, 3), (110, 120, 130), np.uint8)
    face = cv2.resize(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR), (2400, 2400))
    picture[300:2700, 800:3200] = face
    # Some noise, as a camera has: the file is about as large as a real one.
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    path = folder / "photo.jpg"
    cv2.imwrite(str(path), np.clip(picture + noise, 0, 255).astype(np.uint8))
    seconds, server = [], []
    for _ in range(RUNS):
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("button", name="Try the example").wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        began = time.perf_counter()
        page.locator("input[type=file]").first.set_input_files(path)
        told = page.get_by_text(re.compile(r"Answered in \d+ ms"))
        told.wait_for(timeout=PATIENCE_MS)
        seconds.append(time.perf_counter() - began)
        server.append(int(re.findall(r"Answered in (\d+) ms", told.inner_text())[0]))
        page.close()
    return {
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "file_to_page_s": round(float(np.median(seconds)), 3),
        "server_ms": float(np.median(server)),
        "n": len(seconds),
    }


def live(browser: Browser, url: str, seconds: float) -> dict[str, object]:
    """Analysed frames a second, and the delay from a video picture to the chart."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(url)
    page.get_by_role("button", name="Switch camera on").click(timeout=PATIENCE_MS)
    page.get_by_text("Camera on.").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Go live").click()
    page.get_by_text(re.compile("frames a second")).wait_for(timeout=PATIENCE_MS)
    page.evaluate(WATCH)
    paces = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        page.wait_for_timeout(1000)
        paces.append(pace(page))
    seen, changed = page.evaluate("() => [window.seen, window.changed]")
    page.close()
    return {
        "frames_a_second": float(np.median([rate for rate, _ in paces])),
        "asked_to_answered_ms": float(np.median([delay for _, delay in paces])),
        "face_to_chart_ms": spread(seen, changed),
        "seconds": seconds,
    }


def spread(seen: list[float], changed: list[float]) -> dict[str, float]:
    """From each time that a face was seen to the next change of the chart: n, median, 90th percentile, ms."""
    after = (next((at - began for at in changed if at > began), None) for began in seen)
    delays = np.array([delay for delay in after if delay is not None])
    if not delays.size:
        return {"n": 0}
    return {
        "n": int(delays.size),
        "median": round(float(np.median(delays))),
        "p90": round(float(np.quantile(delays, 0.9))),
    }


def pace(page: Page) -> tuple[float, float]:
    """What the page says of its rate and delay."""
    words = page.get_by_text(re.compile("frames a second")).inner_text()
    rate, delay = re.findall(r"\d+", words)
    return float(rate), float(delay)


def cpu() -> str:
    """Name of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
