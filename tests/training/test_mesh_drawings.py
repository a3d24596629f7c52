"""Drawings of the test faces are written from the landmark cache."""

from pathlib import Path

import numpy as np
import pytest

from fusion_model.contours import POINTS
from fusion_model.fer2013_copy import read_copy
from fusion_model.mesh_drawings import MeshDrawings
from training.mesh_drawings import main

from .conftest import COUNTS, WITHOUT_FACE, TinyFer


def test_the_test_rows_are_drawn_and_lead_to_their_pictures(tiny_fer: TinyFer, tmp_path: Path) -> None:
    out = tmp_path / "meshes.npz"
    paths = ["--data", tiny_fer.csv, "--cache", tiny_fer.cache, "--out", out]
    assert main(list(map(str, paths))) == 0
    drawings = MeshDrawings.read(out)
    first, last = COUNTS["Training"], sum(COUNTS.values())
    assert drawings.rows_N.tolist() == list(range(first, last))
    assert {row for row in range(first, last) if drawings.points(row) is None} == {
        row for row in WITHOUT_FACE if row >= first
    }
    expected_PD = tiny_fer.landmarks.landmarks_NLD[first][POINTS, :2]
    np.testing.assert_allclose(drawings.points(first), expected_PD, atol=0.126)
    pictures = read_copy(tiny_fer.csv, drawings)
    for row in range(first, last):
        np.testing.assert_array_equal(pictures[row], tiny_fer.dataset.images_NHW[row])


def test_a_missing_file_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none.csv"), "--out", str(tmp_path / "meshes.npz")]) == 1
    assert "none.csv does not exist" in capsys.readouterr().err
