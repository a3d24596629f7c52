"""FER-2013 is counted: by expression and split, copies, and what the taggers of FER+ say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.census import census, main
from training.samples import FaceDataset

from .conftest import COPIES, COUNTS, TinyFer


def test_counts_are_those_of_the_files(tiny_fer: TinyFer, tmp_path: Path) -> None:
    out = tmp_path / "results" / "census.json"
    paths = ["--data", str(tiny_fer.csv), "--votes", str(tiny_fer.votes), "--out", str(out)]
    assert main(paths) == 0
    found = json.loads(out.read_text())
    assert {split: sum(by_label.values()) for split, by_label in found["pictures"].items()} == COUNTS
    assert sum(found["copies"].values()) == len(COPIES)
    # Pictures 26 and 33 are both of one grey: a further group.
    assert (found["distinct"], found["groups"]) == (sum(COUNTS.values()) - 3, 3)


def test_votes_are_held_against_the_labels(tiny_dataset: FaceDataset) -> None:
    votes_NV = np.zeros((len(tiny_dataset), 10), np.float32)
    labels_N = np.array(tiny_dataset.labels_N)
    labels_N[:4] = 3  # happy, whose votes are in column 1
    votes_NV[0, 1] = 10  # agreed by all
    votes_NV[1, [1, 0]] = 5  # a tie with neutral: no majority
    votes_NV[2, 0] = 6  # a majority for another expression
    votes_NV[3, 9] = 8  # no face
    votes = census(replace(tiny_dataset, labels_N=labels_N, votes_NV=votes_NV, fingerprint=""))["votes"]
    assert votes["Training"] == {"agree": 2, "majority": 2, "no_face": 1}
    assert census(replace(tiny_dataset, votes_NV=None))["votes"] is None


def test_a_missing_file_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none.csv")]) == 1
    assert "none.csv does not exist" in capsys.readouterr().err
