"""``make bench-load``: the server under 1, 10 and 50 visitors at once, over HTTP, and over many pictures.

Visitors speak Bokeh's protocol without a browser (`visitors`) and share this machine with the server, and so
does a process that asks ``/healthz`` every 20 ms: what its answers are late by, the event loop stood still.
Results go to docs/results/load.json, of which only what was measured is replaced;
``python -m training.figures`` writes them into docs/reliability.md.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from page import ROOT, served
from PIL import Image
from skimage.data import astronaut
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from visitors import Outcome, Visitor

from fusion_model.benchmark import processor

RESULT = ROOT / "docs" / "results" / "load.json"
SIZES = (1, 10, 50)
TOGETHER = 10  # sessions opened at once
BEAT_S = 0.02
LEFT_S = 25.0  # after which the server has forgotten those who left
LOOK_S = 2.0  # that a visitor looks at the page or at an answer, or waits after "try again"


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="visitors at once; none: skip")
    parser.add_argument("--photos", type=int, default=4, help="of each visitor")
    parser.add_argument("--http", type=int, default=60, help="pictures over HTTP for each size; 0: none")
    parser.add_argument("--soak", type=int, default=0, help="pictures of the long run; 0: none")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--beat", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beat:
        return beat(options.beat)
    AsyncHTTPClient.configure(None, max_clients=200)
    with served() as url:
        result = asyncio.run(measured(url, options))
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    aside = options.out.with_suffix(".aside")
    aside.write_text(json.dumps(known | result, indent=1) + "\n")
    aside.replace(options.out)
    print(json.dumps(result, indent=1))
    return 0


async def measured(url: str, options: argparse.Namespace) -> dict[str, Any]:
    """All that was asked for."""
    picture = photo()
    server = Server(url)
    warm = Visitor(url)
    await warm.open()
    await warm.drop(picture)
    warm.leave()
    result: dict[str, Any] = {"machine": {"cpu": processor(), "cores": os.cpu_count()}}
    result["load_before"] = round(os.getloadavg()[0], 2)
    if options.sizes:
        result["pages"] = [await pages(server, picture, n, options.photos) for n in options.sizes]
    if options.sizes and options.http:
        result["http"] = [await over_http(server, picture, n, options.http) for n in options.sizes]
    if options.soak:
        result["soak"] = await soak(server, picture, options.soak)
    return result


class Server:
    """The server that is measured: its address and its processes, workers included."""

    def __init__(self, url: str) -> None:
        self.url = url
        port = int(url.rpartition(":")[2])
        (self._process,) = [
            child for child in psutil.Process().children() if f"--port {port}" in " ".join(child.cmdline())
        ]

    def megabytes(self) -> float:
        """Resident memory of all its processes, what they share counted once."""
        family = [self._process, *self._process.children(recursive=True)]
        return sum(one.memory_full_info().pss for one in family) / 1e6


async def pages(server: Server, picture: bytes, n: int, photos: int) -> dict[str, Any]:
    """So many visitors open the page, then all drop photos at once, then leave."""
    before = server.megabytes()
    visitors = [Visitor(server.url) for _ in range(n)]
    began = time.perf_counter()
    with beats(server.url) as opening:
        for at in range(0, n, TOGETHER):
            await asyncio.gather(*(one.open() for one in visitors[at : at + TOGETHER]))
    opened = time.perf_counter() - began
    empty = server.megabytes()
    began = time.perf_counter()
    with beats(server.url) as answering:
        lists = await asyncio.gather(*(visit(one, picture, photos) for one in visitors))
    took = time.perf_counter() - began
    full = server.megabytes()
    for one in visitors:
        one.leave()
    await asyncio.sleep(LEFT_S)
    outcomes = [outcome for some in lists for outcome in some]
    return {
        "visitors": n,
        "opening_s": round(opened / n, 3),
        **told(outcomes, took),
        "sessions_lost": sum(some[-1].said == "lost" for some in lists),
        "stalls_opening_ms": opening,
        "stalls_answering_ms": answering,
        "mb_before": round(before),
        "mb_a_session": round((empty - before) / n, 2),
        "mb_a_session_with_photos": round((full - before) / n, 2),
        "mb_after": round(server.megabytes()),
    }


async def visit(visitor: Visitor, picture: bytes, photos: int) -> list[Outcome]:
    """Photos one after the other, each answer looked at; one that finds no place is dropped again."""
    outcomes: list[Outcome] = []
    while sum(one.said == "answered" for one in outcomes) < photos:
        await asyncio.sleep(LOOK_S)  # the first time, at the page
        try:
            outcomes.append(await visitor.drop(picture))
        except Exception as error:  # whatever it was, this session is lost
            print(f"A visitor was lost: {error!r}", file=sys.stderr)
            return [*outcomes, Outcome("lost", 0.0)]
        if outcomes[-1].said == "lost":
            break
    return outcomes


async def over_http(server: Server, picture: bytes, n: int, most: int) -> dict[str, Any]:
    """So many programs send pictures one after the other."""
    waiting, outcomes = list(range(max(most, n))), []

    async def program(address: str) -> None:
        while waiting:
            waiting.pop()
            while (await sent(address)).said == "busy":
                await asyncio.sleep(LOOK_S)

    async def sent(address: str) -> Outcome:
        began = time.perf_counter()
        request = HTTPRequest(
            f"{server.url}/api/v1/predict",
            method="POST",
            body=picture,
            headers={"Content-Type": "image/jpeg"},
            request_timeout=120,
        )
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        said = {200: "answered", 503: "busy"}.get(answer.code, "lost")
        outcomes.append(Outcome(said, time.perf_counter() - began))
        return outcomes[-1]

    began = time.perf_counter()
    with beats(server.url) as stalls:
        await asyncio.gather(*(program(str(number)) for number in range(n)))
    return {"programs": n, **told(outcomes, time.perf_counter() - began), "stalls_ms": stalls}


async def soak(
    server: Server, picture: bytes, pictures: int, at_once: int = 10, of_a_session: int = 20
) -> dict[str, Any]:
    """So many visitors at once, each followed by another when it leaves; memory after every tenth session."""
    sessions = list(range(-(-pictures // of_a_session)))
    memory, outcomes = [], []

    async def place() -> None:
        while sessions:
            sessions.pop()
            visitor = Visitor(server.url)
            await visitor.open()
            outcomes.extend(await visit(visitor, picture, of_a_session))
            visitor.leave()
            if len(sessions) % at_once == 0:
                memory.append(server.megabytes())

    began, before = time.perf_counter(), server.megabytes()
    with beats(server.url) as stalls:
        await asyncio.gather(*(place() for _ in range(at_once)))
    took = time.perf_counter() - began
    await asyncio.sleep(LEFT_S)
    half = memory[len(memory) // 2 :]
    pace = at_once * of_a_session  # pictures between two looks at the memory
    growth = np.polyfit(np.arange(len(half)) * pace, half, 1)[0] if len(half) > 2 else float("nan")
    return {
        "visitors": at_once,
        "of_a_session": of_a_session,
        **told(outcomes, took),
        "stalls_ms": stalls,
        "mb_before": round(before),
        "mb": [round(value) for value in memory],
        "mb_after": round(server.megabytes()),
        "mb_growth_a_thousand_later_half": round(float(growth) * 1000, 1),
    }


def told(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    """Counts, throughput and times of what was answered."""
    times = [one.seconds for one in outcomes if one.said == "answered"] or [float("nan")]
    counts = {said: sum(one.said == said for one in outcomes) for said in ("answered", "busy", "lost")}
    return {
        **counts,
        "a_second": round(counts["answered"] / seconds, 2),
        "median_s": round(float(np.median(times)), 3),
        "p99_s": round(float(np.quantile(times, 0.99)), 3),
    }


@contextmanager
def beats(url: str) -> Iterator[dict[str, float]]:
    """Ask every 20 ms, from another process, whether the server is alive; then: how late it answered."""
    command = [sys.executable, __file__, "--beat", url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    found: dict[str, float] = {}
    try:
        yield found
    finally:
        found |= json.loads(process.communicate("end\n")[0])


def beat(url: str) -> int:
    """That other process."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=120)
    waits: list[float] = []
    os.set_blocking(0, False)
    print("begun", flush=True)
    while not sys.stdin.readline():
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        waits.append((time.perf_counter() - began) * 1000)
        time.sleep(max(0.0, BEAT_S - waits[-1] / 1000))
    late = np.array(waits)
    print(
        json.dumps(
            {
                "asked": len(late),
                "median": round(float(np.median(late)), 1),
                "p99": round(float(np.quantile(late, 0.99)), 1),
                "largest": round(float(late.max()), 1),
                "over_100": int((late > 100).sum()),
            }
        )
    )
    return 0


def photo() -> bytes:
    """A photo of 1600 x 1200 with one face, JPEG: NASA's portrait of Eileen Collins, public domain."""
    canvas = Image.new("RGB", (1600, 1200), (110, 120, 130))
    canvas.paste(Image.fromarray(astronaut()).resize((900, 900)), (350, 150))
    out = BytesIO()
    canvas.save(out, "JPEG", quality=90)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
