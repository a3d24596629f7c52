"""The texts on speed tell what the result file says, the cases where others are faster included."""

import json

import pytest

from training import speed_blocks


def program(name, portrait, group, cores=1):
    photos = [
        {"photo": speed_blocks.PORTRAIT, "faces": 1, "answer": "happy", "n": 9, "median_ms": portrait,
         "p5_ms": portrait - 1, "p95_ms": portrait + 1, "stages_ms": {"decode": 2.0, "cnn": 3.0}},
        {"photo": "group.jpg", "faces": 4, "answer": "happy", "n": 9, "median_ms": group, "p5_ms": group - 1,
         "p95_ms": group + 1, "stages_ms": {"decode": 4.0, "cnn": 9.0}},
    ]  # fmt: skip
    return {"name": name, "cores": cores, "version": "", "start_s": 1.0, "peak_mb": 900, "photos": photos}


@pytest.fixture
def told(tmp_path, monkeypatch):
    def write(*programs, missing=()):
        path = tmp_path / "speed.json"
        machine = {"cpu": "A CPU", "cores": 2, "python": "3.11.7"}
        found = {"machine": machine, "load_before": 0.1, "missing": list(missing), "programs": list(programs)}
        path.write_text(json.dumps(found | {"server_start_s": [4.0, 3.0, 3.5]}), encoding="utf-8")
        monkeypatch.setattr(speed_blocks, "FILE", path)

    return write


def test_ours_is_held_against_the_fastest_of_the_others(told):
    told(program(speed_blocks.OURS, 20.0, 90.0), program("slow", 80.0, 300.0), program("quick", 50.0, 70.0))
    text = speed_blocks.speed_summary({})
    assert "in 20 ms: 2.5 times as fast as the fastest of the others with one model (quick, 50 ms)" in text
    assert "It is slower on: group (quick 70 ms, ours 90 ms)." in text
    assert "3.5 s after its start (3.0 to 4.0 s, 3 starts)" in text and "Not measured" not in text


def test_a_lead_that_is_lost_is_told(told):
    told(program(speed_blocks.OURS, 50.0, 90.0), program("quick", 25.0, 95.0), missing=("fer",))
    text = speed_blocks.speed_summary({})
    assert "2.0 times as slow as" in text and "It is slower on" not in text
    assert "could not be installed or run: fer." in text


def test_the_tables_have_every_program_and_stage(told):
    told(program(speed_blocks.OURS, 20.0, 90.0), program("quick", 50.0, 70.0))
    rows = speed_blocks.speed_peers({}).splitlines()
    assert rows[2].startswith(f"| {speed_blocks.OURS} | 1 | 20 (19–21) | 90 (89–91; 4 faces) | 1.0 | 900 |")
    assert [line.split(" | ")[1:] for line in speed_blocks.speed_stages({}).splitlines()[2:]] == [
        ["2.0", "4.0 |"],
        ["3.0", "9.0 |"],
    ]
