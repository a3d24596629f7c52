"""Broken files of every kind, the same few hundred each time; `make fuzz` tries others, for longer.

In a process of its own: a crash of a decoder is a failure here and not the end of all tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = Path(__file__).with_name("run.py")


def run(tmp_path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(RUN), *arguments, "--folder", str(tmp_path)],
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
    )


@pytest.mark.parametrize(
    ("target", "examples"), [("pictures", 400), ("archives", 400), ("tables", 150), ("http", 200)]
)
def test_broken_files_are_named_errors_in_little_time_and_memory(target, examples, tmp_path):
    done = run(tmp_path, target, "--examples", str(examples))
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["target"] == target and told["inputs"] > examples * 0.9
    assert list(tmp_path.iterdir()) == []  # the last input, too, is gone


def test_what_drives_is_said(tmp_path):
    done = run(tmp_path, "archives", "--minutes", "0.001")
    assert done.stdout.startswith("Driven by ")
