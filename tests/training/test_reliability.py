"""The text on reliability says what the result files say, and says so where there are none."""

import json

from training.reliability import made

BEATS = {"asked": 500, "median": 2.0, "p99": 30.0, "largest": 87.4, "over_100": 0}
PAGES = {
    "visitors": 10,
    "answered": 40,
    "busy": 3,
    "lost": 0,
    "sessions_lost": 0,
    "a_second": 5.5,
    "median_s": 1.234,
    "p99_s": 2.5,
    "stalls_answering_ms": BEATS,
    "stalls_opening_ms": BEATS | {"largest": 312.0},
    "mb_a_session": 2.25,
    "mb_a_session_with_photos": 3.5,
    "mb_before": 800,
    "mb_after": 812,
}
LOAD = {
    "machine": {"cpu": "Z80", "cores": 2},
    "load_before": 0.5,
    "pages": [PAGES],
    "http": [
        {
            "programs": 10,
            "answered": 60,
            "busy": 0,
            "lost": 0,
            "a_second": 7.0,
            "median_s": 1.0,
            "p99_s": 1.5,
            "stalls_ms": BEATS,
        }
    ],
    "soak": {
        "answered": 2000,
        "busy": 3,
        "lost": 0,
        "visitors": 10,
        "of_a_session": 20,
        "a_second": 5.0,
        "median_s": 0.5,
        "p99_s": 1.25,
        "stalls_ms": BEATS,
        "mb_before": 800,
        "mb": [800, 820, 821],
        "mb_after": 815,
        "mb_growth_a_thousand_later_half": 0.4,
    },
}


def test_what_was_measured_is_written(tmp_path):
    (tmp_path / "load.json").write_text(json.dumps(LOAD))
    text = made(tmp_path)
    assert (
        "| 10 | 40 | 3 | 0 | 5.50 | 1.23 | 2.50 | 2 · 30 · 87 | 2 · 30 · 312 | 2.2 | 3.5 | 800 → 812 |"
        in text
    )
    assert "| 10 | 60 | 0 | 0 | 7.00 | 1.00 | 1.50 | 2 · 30 · 87 |" in text
    assert "2,000 pictures" in text and "+0.4 MB a thousand" in text and "Z80" in text


def test_what_was_not_measured_is_said_to_be_missing(tmp_path):
    assert "Not measured yet: `make bench-load`" in made(tmp_path)
    (tmp_path / "load.json").write_text(json.dumps({key: LOAD[key] for key in ("machine", "load_before")}))
    assert "Not measured yet" not in made(tmp_path)
