"""The page's times in the texts are those of the result file, whatever they are."""

import json

from training.page_blocks import PAGE, page_table, page_times

FOUND = {
    "machine": {"cpu": "A CPU", "cores": 3, "python": "3.12.9"},
    "opening": {"load_before": 0.26, "first_s": 1.62, "again_s": 1.31, "n": 5},
    "photo": {
        "load_before": 1.0,
        "megabytes": 4.41,
        "n": 7,
        "ms": {"total": 387, "before_sending": 11, "sending": 52, "server": 203, "drawing": 98},
    },
    "live": {
        "load_before": 2.5,
        "frames_a_second": 15.0,
        "asked_to_answered_ms": 81.6,
        "face_to_chart_ms": {"n": 9, "median": 144, "p90": 239},
        "seconds": 30.0,
    },
}


def test_every_time_and_the_machine_are_told() -> None:
    told = page_table(FOUND)
    figures = {line.split(" | ")[1].rstrip(" |") for line in told.splitlines() if line.startswith("| ")}
    assert figures >= {
        "1.6 s",
        "1.3 s",
        "387 ms",
        "11 ms",
        "52 ms",
        "203 ms",
        "98 ms",
        "15 a second",
        "82 ms",
    }
    assert "144 ms (one in ten over 239)" in figures
    assert "A CPU, 3 cores" in told and "live: 0.3, 1.0, 2.5." in told and "7 photos" in told


def test_a_stream_in_which_no_face_appeared_has_no_such_row() -> None:
    told = page_table(FOUND | {"live": FOUND["live"] | {"face_to_chart_ms": {"n": 0}}})
    assert "to its bars" not in told


def test_the_committed_result_is_what_the_texts_say() -> None:
    milliseconds = json.loads(PAGE.read_text(encoding="utf-8"))["photo"]["ms"]
    assert f"| {milliseconds['total']:.0f} ms |" in page_times({})
