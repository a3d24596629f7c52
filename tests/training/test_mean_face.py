"""The mean face: what it is made of, and that the committed one is such a face."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion_model.frame import eye_distance, eyes_of
from fusion_model.mirror import mirror_landmarks
from fusion_model.preprocess import MEAN_FACE_LD
from training import mean_face

from .conftest import TinyFer


def assert_a_mean_face(face_LD: np.ndarray) -> None:
    assert face_LD.shape == (478, 3)
    np.testing.assert_allclose(face_LD.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(mirror_landmarks(face_LD), face_LD, atol=1e-4)
    left, right = eyes_of(face_LD)
    np.testing.assert_allclose((right - left)[1:], 0, atol=1e-4)
    assert eye_distance(face_LD) == pytest.approx(1, abs=0.02)


def test_the_committed_mean_face_is_one() -> None:
    assert_a_mean_face(MEAN_FACE_LD)


def test_the_mean_of_one_face_however_it_lies_in_the_picture_is_that_face() -> None:
    meshes = [
        scale * Rotation.from_euler("z", degrees, degrees=True).apply(MEAN_FACE_LD) + (x, 40, 7)
        for degrees, scale, x in ((0, 30, 10), (20, 12, 100), (-35, 300, 2))
    ]
    # A head turned away is left out.
    meshes.append(Rotation.from_euler("y", 40, degrees=True).apply(MEAN_FACE_LD))
    face_LD = mean_face.mean_face(np.array(meshes))
    assert_a_mean_face(face_LD)
    np.testing.assert_allclose(face_LD, MEAN_FACE_LD, atol=0.01)


def test_the_command_writes_the_mean_face_of_the_training_pictures(
    tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean.csv"
    assert mean_face.main([str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]) == 0
    assert_a_mean_face(np.loadtxt(out, delimiter=","))
    assert [path.name for path in tmp_path.iterdir()] == ["mean.csv"]
    assert mean_face.main([str(tmp_path / "nothing.csv"), "--out", str(out)]) == 1
    assert "nothing.csv does not exist" in capsys.readouterr().err
