"""``make bench``: the page as a visitor's browser meets it: opening, a 12-megapixel photo, live.

A server and a headless Chromium with a fake camera share this machine, so both are in the figures. Of the
photo all times are on the browser's clock: the page is handed the file, the first and the last of its bytes
are sent, the answer comes, it is drawn. For the delay of live the camera's film, noisy as a camera's, shows a
face for two seconds and none for two; what is measured is the time from the first video picture with the face
to the first change of the chart. The result goes to docs/results/page.json, and from there into the texts
(`python -m training.figures`).
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

from fusion_model.benchmark import processor

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "docs" / "results" / "page.json"
PATIENCE_MS = 60_000
RUNS = 6
PARTS = ("opening", "photo", "live")
NOISE = 2.0  # grey levels: no two frames of a camera are the same
FRAME, PERIOD = (480, 640), 60  # px; frames of a face and as many without one, 30 a second
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
# Notes when the page is handed a file, when its socket sends and receives, in ms of the browser's clock.
NOTE = """(() => {
  window.noted = {handed: [], sent: [], received: []}
  const note = (list, size) => window.noted[list].push([performance.now(), size])
  addEventListener('input', () => note('handed', 0), true)
  const send = WebSocket.prototype.send
  WebSocket.prototype.send = function (data) {
    if (!this.noted) {
      this.noted = true
      this.addEventListener('message', e => note('received', e.data.length ?? e.data.byteLength))
    }
    note('sent', data.length ?? data.byteLength)
    return send.call(this, data)
  }
})()"""
# Listens for the answer's words: to look for them through the whole page with every picture that the browser
# paints would take half of its time, and of the core that the answer is made on.
LISTEN = """() => {
  for (const document_ of Bokeh.documents) document_.on_change(event => {
    if (/Answered in/.test(event.model?.text)) window.heard = true
  })
}"""
# The time at which the answer's words stand on the page and have been painted; 0 before.
ANSWERED = """() => {
  if (!window.heard) return 0
  const there = root => /Answered in \\d+ ms/.test(root.textContent) ||
    [...root.querySelectorAll('*')].some(e => e.shadowRoot && there(e.shadowRoot))
  return there(document.body) ? performance.now() : 0
}"""
LARGE = 50_000  # bytes: chunks of a file, and the answer with its picture; all else on the wire is smaller
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
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="measure these anew, keep the others"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="of opening, and of the photo")
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM") or "/usr/bin/chromium")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    result = json.loads(options.out.read_text()) if options.out.exists() else {}
    result["machine"] = {"cpu": processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    with tempfile.TemporaryDirectory() as folder, served() as url, sync_playwright() as playwright:
        film = Path(folder) / "film.mjpeg"
        write_film(film)
        arguments = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        with contextlib.closing(
            playwright.chromium.launch(executable_path=options.chromium, args=arguments)
        ) as browser:
            made = {
                "opening": lambda: opening(browser, url, options.runs),
                "photo": lambda: photo(browser, url, Path(folder), options.runs),
                "live": lambda: live(browser, url, options.seconds),
            }
            for part in options.parts:
                result[part] = {"load_before": round(os.getloadavg()[0], 2), **made[part]()}
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
    draw = np.random.default_rng(0)
    with path.open("wb") as film:
        for step in range(2 * PERIOD):
            frame = np.full((height, width, 3), 90, np.uint8)
            if step < PERIOD:
                shift = round(20 * np.sin(step / PERIOD * 2 * np.pi))
                frame[:, 64 + shift : 64 + shift + 512] = portrait
            frame = np.clip(frame + draw.normal(0, NOISE, frame.shape), 0, 255).astype(np.uint8)
            frame[:40, :40] = 255 if step < PERIOD else 0
            film.write(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def opening(browser: Browser, url: str, runs: int) -> dict[str, object]:
    """From the address to a page that can be used, s: the first time, and with what the browser kept."""
    context = browser.new_context()
    seconds = []
    for _ in range(runs):
        page = context.new_page()
        began = time.perf_counter()
        page.goto(url)
        page.get_by_role("button", name="Try the example").wait_for(timeout=PATIENCE_MS)
        seconds.append(time.perf_counter() - began)
        page.close()
    context.close()
    return {"first_s": round(seconds[0], 2), "again_s": round(float(np.median(seconds[1:])), 2), "n": runs}


def photo(browser: Browser, url: str, folder: Path, runs: int) -> dict[str, object]:
    """A photo of 12 megapixels: from the choice of the file to its answer on the page, s."""
    picture = np.full((3000, 4000, 3), (110, 120, 130), np.uint8)
    face = cv2.resize(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR), (2400, 2400))
    picture[300:2700, 800:3200] = face
    # Some noise, as a camera has: the file is about as large as a real one.
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    path = folder / "photo.jpg"
    cv2.imwrite(str(path), np.clip(picture + noise, 0, 255).astype(np.uint8))
    made = [answered(browser, url, path) for _ in range(runs)]
    medians = {part: round(float(np.median([run[part] for run in made]))) for part in made[0]}
    return {"megabytes": round(path.stat().st_size / 1e6, 1), "n": runs, "ms": medians}


def answered(browser: Browser, url: str, path: Path) -> dict[str, float]:
    """The parts of the way from the choice of a file to its answer in a new session, ms."""
    page = browser.new_page()
    page.add_init_script(NOTE)
    page.goto(url)
    page.get_by_role("button", name="Try the example").wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2500)  # as long as a visitor takes to find a file, at the least
    page.evaluate(LISTEN)
    chosen = page.evaluate(
        "() => { for (const l of Object.values(noted)) l.length = 0; return performance.now() }"
    )
    page.get_by_label("Drop photos here").set_input_files(path)
    drawn = page.wait_for_function(ANSWERED, timeout=PATIENCE_MS, polling="raf").json_value()
    noted = page.evaluate("() => window.noted")
    words = page.get_by_text(re.compile(r"Answered in \d+ ms")).inner_text()
    page.close()
    chunks = [at for at, size in noted["sent"] if size > LARGE]
    handed, begun, sent = noted["handed"][0][0], chunks[0], chunks[-1]
    # The picture is the last large thing that comes before the answer stands there.
    came = [at for at, size in noted["received"] if size > LARGE and sent < at <= drawn][-1]
    return {
        "total": drawn - chosen,
        "handing_over": handed - chosen,
        "before_sending": begun - handed,
        "sending": sent - begun,
        "server": came - sent,
        "server_models": float(re.findall(r"Answered in (\d+) ms", words)[0]),
        "drawing": drawn - came,
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


if __name__ == "__main__":
    sys.exit(main())
