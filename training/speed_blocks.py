"""Blocks about speed beside other programs for the texts, from the result file of ``make peers``."""

import json
from typing import Any

from training.score_blocks import RESULTS

FILE = RESULTS / "speed.json"
STAGES = {
    "decode": "read and decode the file",
    "detect": "find the face",
    "landmarks": "its mesh",
    "align": "turn and cut",
}
#: Which of our programs is held against the peers, and on which photo.
OURS, PORTRAIT = "ours: CNN and fusion", "portrait 512.jpg"


def speed_peers(_: dict[str, Any]) -> str:
    """Milliseconds from a photo's file to probabilities, ours beside the others, on one core and on two."""
    told = json.loads(FILE.read_text(encoding="utf-8"))
    photos = [photo["photo"] for photo in told["programs"][0]["photos"]]
    titles = " | ".join(f"{photo.removesuffix('.jpg')}, ms" for photo in photos)
    rows = [f"| program | cores | {titles} | start, s | most memory, MB |"]
    rows.append(f"| --- | ---: |{' ---: |' * len(photos)} ---: | ---: |")
    for program in sorted(told["programs"], key=lambda item: (item["cores"], _portrait(item))):
        cells = [_called(program), str(program["cores"])]
        cells += [_cell(photo) for photo in program["photos"]]
        cells += [f"{program['start_s']:.1f}", f"{program['peak_mb']:,}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def speed_stages(_: dict[str, Any]) -> str:
    """Where our time goes."""
    told = json.loads(FILE.read_text(encoding="utf-8"))
    ours = [item for item in told["programs"] if item["name"] == OURS]
    titles = [
        f"{photo['photo'].removesuffix('.jpg')}, {_cores(program)}"
        for program in ours
        for photo in program["photos"]
    ]
    rows = [f"| stage, ms | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}"]
    for stage in ours[0]["photos"][0]["stages_ms"]:
        values = [photo["stages_ms"].get(stage, 0.0) for program in ours for photo in program["photos"]]
        rows.append(f"| {STAGES.get(stage, stage)} | {' | '.join(f'{value:.1f}' for value in values)} |")
    return "\n".join(rows) + "\n"


def speed_summary(_: dict[str, Any]) -> str:
    """Ours against the fastest of the others, the server's start, and the machine, in sentences."""
    told = json.loads(FILE.read_text(encoding="utf-8"))
    sentences = []
    for cores in sorted({program["cores"] for program in told["programs"]}):
        here = [program for program in told["programs"] if program["cores"] == cores]
        ours = next(item for item in here if item["name"] == OURS)
        peers = sorted((item for item in here if not item["name"].startswith("ours")), key=_portrait)
        if not peers:
            continue
        ratio = _portrait(peers[0]) / _portrait(ours)
        verdict = f"{ratio:.1f} times as fast as" if ratio > 1 else f"{1 / ratio:.1f} times as slow as"
        sentences.append(
            f"On {_cores(ours)}, a portrait's file becomes both models' probabilities in "
            f"{_portrait(ours):.0f} ms: {verdict} the fastest of the others with one model "
            f"({_called(peers[0])}, {_portrait(peers[0]):.0f} ms).{_faster_elsewhere(ours, peers)}"
        )
    starts = sorted(told["server_start_s"])
    sentences.append(
        f"The server's first answer comes {starts[len(starts) // 2]:.1f} s after its start "
        f"({starts[0]:.1f} to {starts[-1]:.1f} s, {len(starts)} starts)."
    )
    if told["missing"]:
        sentences.append(f"Not measured, as it could not be installed or run: {', '.join(told['missing'])}.")
    machine = told["machine"]
    sentences.append(
        f"Measured on {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; load before it "
        f"began: {told['load_before']:.1f}."
    )
    return " ".join(sentences) + "\n"


def _faster_elsewhere(ours: dict[str, Any], peers: list[dict[str, Any]]) -> str:
    """On which of the other photos a peer is faster, in a sentence; nothing where none is."""
    found = []
    for place, photo in enumerate(ours["photos"]):
        best = min(peers, key=lambda item: item["photos"][place]["median_ms"])
        theirs = best["photos"][place]["median_ms"]
        if photo["photo"] != PORTRAIT and theirs < photo["median_ms"]:
            name = photo["photo"].removesuffix(".jpg")
            found.append(f"{name} ({_called(best)} {theirs:.0f} ms, ours {photo['median_ms']:.0f} ms)")
    return f" It is slower on: {', '.join(found)}." if found else ""


def _portrait(program: dict[str, Any]) -> float:
    return next(float(item["median_ms"]) for item in program["photos"] if item["photo"] == PORTRAIT)


def _called(program: dict[str, Any]) -> str:
    return f"{program['name']} {program['version']}".strip()


def _cores(program: dict[str, Any]) -> str:
    return "one core" if program["cores"] == 1 else f"{program['cores']} cores"


def _cell(photo: dict[str, Any]) -> str:
    faces = "" if photo["faces"] == 1 else f"; {photo['faces'] or 'no'} faces"
    return f"{photo['median_ms']:.0f} ({photo['p5_ms']:.0f}–{photo['p95_ms']:.0f}{faces})"


BLOCKS = {"speed-peers": speed_peers, "speed-stages": speed_stages, "speed-summary": speed_summary}
