"""The landmark cache: made once, keyed by the data, and resumed after a kill."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from fusion_model.faces import LANDMARKS, FaceFinder
from training import landmark_cache, workers
from training.fer2013 import FaceDataset
from training.landmark_cache import Landmarks, coverage, landmarks_of
from training.workers import Workers

from .conftest import WITHOUT_FACE, TinyFer


class Killed(BaseException):
    """In place of a kill: nothing catches it."""


@pytest.fixture
def made(tiny_dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first rows of the parts that are computed, each of eight pictures."""
    rows: list[int] = []
    make_part = landmark_cache._make_part

    def counted(pixels: bytes, side: int) -> workers.Arrays:
        rows.append(first_row[pixels])
        return make_part(pixels, side)

    images_NHW = tiny_dataset.images_NHW
    first_row = {images_NHW[first : first + 8].tobytes(): first for first in range(0, len(images_NHW), 8)}
    first_row[np.ascontiguousarray(images_NHW[:8][::-1]).tobytes()] = 0

    monkeypatch.setattr(landmark_cache, "PART", 8)
    monkeypatch.setattr(landmark_cache, "_make_part", counted)
    return rows


def assert_same(found: Landmarks, expected: Landmarks) -> None:
    np.testing.assert_array_equal(found.landmarks_NLD, expected.landmarks_NLD)
    np.testing.assert_array_equal(found.mesh_found_N, expected.mesh_found_N)


def test_landmarks_are_those_that_the_face_finder_reads(tiny_fer: TinyFer, finder: FaceFinder) -> None:
    landmarks, images_NHW = tiny_fer.landmarks, tiny_fer.dataset.images_NHW
    assert landmarks.landmarks_NLD.shape == (40, LANDMARKS, 3)
    assert landmarks.landmarks_NLD.dtype == np.float32
    assert not landmarks.mesh_found_N[list(WITHOUT_FACE)].any()
    assert landmarks.mesh_found_N.sum() == 40 - len(WITHOUT_FACE)
    for row in (0, 17, 39):
        np.testing.assert_array_equal(
            landmarks.landmarks_NLD[row], finder.read_crop(images_NHW[row]).landmarks_LD
        )
    assert not landmarks.landmarks_NLD[~landmarks.mesh_found_N].any()


def test_what_is_in_the_cache_is_not_computed_again(
    tiny_fer: TinyFer, tmp_path: Path, made: list[int]
) -> None:
    first = landmarks_of(tiny_fer.dataset, tmp_path / "cache", workers=Workers(1))
    assert sorted(made) == [0, 8, 16, 24, 32]
    assert_same(first, tiny_fer.landmarks)
    made.clear()
    assert_same(landmarks_of(tiny_fer.dataset, tmp_path / "cache", workers=Workers(1)), first)
    assert made == []
    # One file is kept, and no parts beside it.
    (kept,) = (tmp_path / "cache").iterdir()
    assert tiny_fer.dataset.fingerprint in kept.name


def test_a_killed_run_goes_on_where_it_was(
    tiny_fer: TinyFer, tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = landmark_cache._make_part

    def killed_in_the_third(pixels: bytes, side: int) -> workers.Arrays:
        if len(made) == 2:
            (parts,) = tmp_path.iterdir()
            (parts / "0000016.99.aside.npz").write_bytes(b"half a part")
            raise Killed
        return counted(pixels, side)

    with monkeypatch.context() as patch:
        patch.setattr(landmark_cache, "_make_part", killed_in_the_third)
        with pytest.raises(Killed):
            landmarks_of(tiny_fer.dataset, tmp_path, workers=Workers(1))
    assert made == [0, 8]
    assert_same(landmarks_of(tiny_fer.dataset, tmp_path, workers=Workers(1)), tiny_fer.landmarks)
    assert made == [0, 8, 16, 24, 32]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_kill_before_the_parts_are_joined_loses_nothing(
    tiny_fer: TinyFer, tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = workers._save

    def killed_at_the_end(path: Path, *arrays: Any) -> None:
        if path.stem.startswith("landmarks-"):
            raise Killed
        save(path, *arrays)

    with monkeypatch.context() as patch:
        patch.setattr(workers, "_save", killed_at_the_end)
        with pytest.raises(Killed):
            landmarks_of(tiny_fer.dataset, tmp_path, workers=Workers(1))
    assert len(made) == 5
    assert_same(landmarks_of(tiny_fer.dataset, tmp_path, workers=Workers(1)), tiny_fer.landmarks)
    assert len(made) == 5


@pytest.mark.slow
def test_two_processes_find_what_one_finds(
    tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmark_cache, "PART", 16)
    try:
        assert_same(landmarks_of(tiny_fer.dataset, tmp_path, workers=Workers(2)), tiny_fer.landmarks)
    finally:
        get_reusable_executor().shutdown(wait=True)


def test_other_data_and_other_preprocessing_have_landmarks_of_their_own(
    tiny_dataset: FaceDataset, tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    eight = FaceDataset(tiny_dataset.images_NHW[:8], tiny_dataset.labels_N[:8], tiny_dataset.splits_N[:8])
    first = landmarks_of(eight, tmp_path, workers=Workers(1))
    turned = replace(eight, images_NHW=np.ascontiguousarray(eight.images_NHW[::-1]), fingerprint="")
    assert turned.fingerprint != eight.fingerprint
    second = landmarks_of(turned, tmp_path, workers=Workers(1))
    np.testing.assert_array_equal(second.landmarks_NLD, first.landmarks_NLD[::-1])
    monkeypatch.setattr(landmark_cache, "VERSION", 99)
    landmarks_of(eight, tmp_path, workers=Workers(1))
    assert made == [0, 0, 0]
    assert len(list(tmp_path.iterdir())) == 3


def test_coverage_is_told_by_split_and_class(tiny_fer: TinyFer) -> None:
    shares = coverage(tiny_fer.dataset, tiny_fer.landmarks)
    assert list(shares) == ["Training", "PublicTest", "PrivateTest"]
    assert [shares[split]["all"] for split in shares] == [
        pytest.approx(23 / 24, abs=1e-4),
        pytest.approx(7 / 8),
        pytest.approx(7 / 8),
    ]
    # Row 5 is a surprise of Training without a mesh, rows 12 and 19 have one.
    assert shares["Training"]["surprise"] == pytest.approx(2 / 3, abs=1e-4)
    assert shares["Training"]["angry"] == 1


def test_the_command_prints_and_keeps_the_coverage(
    tiny_fer: TinyFer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert landmark_cache.main([str(tiny_fer.csv), "--cache", str(tiny_fer.cache)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == coverage(tiny_fer.dataset, tiny_fer.landmarks)
    (kept,) = tiny_fer.cache.glob("coverage-*.json")
    assert json.loads(kept.read_text()) == printed


def test_the_command_says_what_is_wrong_with_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert landmark_cache.main([str(tmp_path / "nothing.csv"), "--cache", str(tmp_path)]) == 1
    assert "nothing.csv does not exist" in capsys.readouterr().err
