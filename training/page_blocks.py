"""The block of the page's times for the texts, from the result file of `make bench`."""

import json
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "results" / "page.json"
#: Parts of the way of a photo, by their names in the result file.
PARTS = {
    "before_sending": "the browser, before it sends",
    "sending": "sending",
    "server": "the server: reading, finding faces, both models, building the answer",
    "drawing": "the browser, drawing",
}


def page_times(_: dict[str, Any]) -> str:
    """What a visitor waits for, and on which machine."""
    return page_table(json.loads(PAGE.read_text(encoding="utf-8")))


def page_table(found: dict[str, Any]) -> str:
    """The same of a result file's content."""
    machine, opening, photo, live = (found[part] for part in ("machine", "opening", "photo", "live"))
    milliseconds, delay = photo["ms"], live["face_to_chart_ms"]
    rows = [
        ("the page can be used, after its address was opened", f"{opening['first_s']:.1f} s"),
        ("the same, with what the browser kept", f"{opening['again_s']:.1f} s"),
        (
            f"the answer to a photo of 12 megapixels ({photo['megabytes']:.1f} MB), after it was chosen",
            f"{milliseconds['total']:.0f} ms",
        ),
        *((f"– of it {words}", f"{milliseconds[part]:.0f} ms") for part, words in PARTS.items()),
        ("live, one face: frames answered", f"{live['frames_a_second']:.0f} a second"),
        ("live: from asking the camera for a frame to its answer", f"{live['asked_to_answered_ms']:.0f} ms"),
    ]
    if delay["n"]:
        rows.append(
            (
                "live: from the first picture with a face to its bars",
                f"{delay['median']:.0f} ms (one in ten over {delay['p90']:.0f})",
            )
        )
    table = ["| what a visitor waits for | median |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in rows)]
    loads = ", ".join(f"{part['load_before']:.1f}" for part in (opening, photo, live))
    told = (
        f"{machine['cpu']}, {machine['cores']} cores shared by server and browser, "
        f"Python {machine['python']}; load before opening, photo and live: {loads}. "
        f"Headless Chromium without a graphics card, by `make bench`: {opening['n']} openings, "
        f"{photo['n']} photos, live for {live['seconds']:.0f} s."
    )
    return "\n".join([*table, "", told]) + "\n"
