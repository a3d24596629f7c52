"""``docs/reliability.md``: inputs tried, faults survived, load held, from the result files in docs/results.

Each part is written from one file and says by which command it is measured anew; a file that is not there yet
is said to be missing. A new part is a function in `PARTS`.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

NAME = "reliability.md"
HEAD = """# What it holds

Written by `python -m training.figures` from the files in [results](results), never by hand. What the server
does about load and faults stands in [serving](serving.md), what threatens it in [security](security.md).
"""
#: Fault, what is lost by it, and the test that shows it.
FAULTS = (
    (
        "a worker is killed in the middle of a picture",
        "that answer; the same may be tried again",
        "dashboard/test_worker_process",
    ),
    ("a worker is killed while it waits", "nothing", "dashboard/test_worker_process"),
    ("a picture hangs", "that answer, after a minute", "dashboard/test_worker_process"),
    ("a fault in the program at a picture", "that answer; the log says more", "dashboard/test_inference"),
    ("more pictures than can be answered", "nothing: “try again”, the picture kept", "dashboard/test_views"),
    ("the same, over HTTP", "nothing: 503 with the time to wait", "dashboard/test_api"),
    ("a page loses its connection for a moment", "nothing", "dashboard/test_serving"),
    (
        "a page cannot come back for long",
        "its pictures; it says so, and begins anew when it is asked to try again",
        "browser/test_connection",
    ),
    (
        "a server of several is killed",
        "its sessions; it is started again, the others go on",
        "dashboard/test_serving",
    ),
)
SETTING = (
    "One server on {cores} cores ({cpu}), shared with its visitors, who have no browsers; the machine’s load "
    "before was {load:g}. Each visitor opens the page, drops photos of 1600 × 1200, each two seconds after "
    "the last was answered, and leaves; one that reads “try again” does so two seconds later. All drop their "
    "first photos at about the same time. The heartbeat is what another process waits that asks `/healthz` "
    "every 20 ms: median, 99th percentile and the longest.\n\n"
)


def made(folder: Path) -> str:
    """The text.

    Parameters
    ----------
    folder : of the result files
    """
    parts = [HEAD]
    for title, name, command, write in PARTS:
        path = folder / name
        if path.exists():
            body = write(json.loads(path.read_text(encoding="utf-8")))
            parts.append(f"## {title}\n\n{body}\nMeasured by `{command}` (`{name}`).\n")
        else:
            parts.append(f"## {title}\n\nNot measured yet: `{command}` writes `{name}`.\n")
    rows = [(fault, lost, f"`tests/{name}.py`") for fault, lost, name in FAULTS]
    parts.append(
        "## Faults survived\n\nEach is a test of `make test`: none is claimed that does not hold today.\n"
    )
    parts.append(_table(("fault", "what is lost", "test"), rows, "---"))
    return "\n".join(parts)


def load(result: dict[str, Any]) -> str:
    """Visitors at once, programs at once, and the long run."""
    text = SETTING.format(**result["machine"], load=result["load_before"])
    if pages := result.get("pages"):
        text += _pages(pages)
    if programs := result.get("http"):
        text += "\nOver HTTP, as many programs, each sending one picture after the other:\n\n" + _http(
            programs
        )
    if soak := result.get("soak"):
        text += "\n" + _soak(soak)
    return text


def _pages(pages: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            f"{one['visitors']}",
            f"{one['answered']}",
            f"{one['busy']}",
            f"{one['sessions_lost']}",
            f"{one['a_second']:.2f}",
            f"{one['median_s']:.2f}",
            f"{one['p99_s']:.2f}",
            _beat(one["stalls_answering_ms"]),
            _beat(one["stalls_opening_ms"]),
            f"{one['mb_a_session']:.1f}",
            f"{one['mb_a_session_with_photos']:.1f}",
            f"{one['mb_before']} → {one['mb_after']}",
        )
        for one in pages
    ]
    head = (
        "visitors",
        "answered",
        "told to try again",
        "sessions lost",
        "pictures a second",
        "median, s",
        "99th percentile, s",
        "heartbeat, answering, ms",
        "heartbeat, opening pages, ms",
        "MB a session",
        "with its photos",
        "MB before → after they left",
    )
    return _table(head, rows)


def _http(programs: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            f"{one['programs']}",
            f"{one['answered']}",
            f"{one['busy']}",
            f"{one['lost']}",
            f"{one['a_second']:.2f}",
            f"{one['median_s']:.2f}",
            f"{one['p99_s']:.2f}",
            _beat(one["stalls_ms"]),
        )
        for one in programs
    ]
    head = (
        "programs",
        "answered",
        "503",
        "lost",
        "pictures a second",
        "median, s",
        "99th percentile, s",
        "heartbeat, ms",
    )
    return _table(head, rows)


def _soak(soak: dict[str, Any]) -> str:
    memory, beat = soak["mb"], _beat(soak["stalls_ms"])
    return (
        f"The long run (`make soak`): {soak['answered']:,} pictures, {soak['of_a_session']} a session, "
        f"{soak['visitors']} sessions at a time, each followed by a new one; {soak['lost']} lost, "
        f"{soak['busy']} told to try again, {soak['a_second']:.2f} pictures a second, median "
        f"{soak['median_s']:.2f} s, 99th percentile {soak['p99_s']:.2f} s, heartbeat {beat} ms. Memory of "
        f"the server and its workers: {soak['mb_before']} MB before, {memory[0]} MB after the first session, "
        f"{memory[len(memory) // 2]} MB half way, {memory[-1]} MB after the last, {soak['mb_after']} MB "
        "when all had left; over the later half it changed by "
        f"{soak['mb_growth_a_thousand_later_half']:+g} MB a thousand pictures.\n"
    )


def _beat(waits: dict[str, float]) -> str:
    return f"{waits['median']:.0f} · {waits['p99']:.0f} · {waits['largest']:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], rule: str = "---:") -> str:
    lines = [head, [rule] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


#: Title, result file, command that measures it, and what writes it: a dict of the file to Markdown.
PARTS: tuple[tuple[str, str, str, Callable[[dict[str, Any]], str]], ...] = (
    ("Load held", "load.json", "make bench-load", load),
)
