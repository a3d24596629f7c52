"""Faces in other surroundings: what is exchanged, what is counted, what the command writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_model.checkpoint import Card, save_checkpoint
from fusion_model.classifier import Classifier
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from training import surroundings
from training.dataset import Samples, make_samples
from training.scoring import logits_of
from training.surroundings import FACE_OVAL, SURROUNDINGS, face_masks, faces_in

from .conftest import SMALL_PIXELS, WITHOUT_FACE, TinyFer


@pytest.fixture(scope="module")
def samples(tiny_fer: TinyFer) -> Samples:
    return make_samples(tiny_fer.dataset, tiny_fer.landmarks)


@pytest.fixture(scope="module")
def masks_NHW(samples: Samples, tiny_fer: TinyFer) -> np.ndarray:
    return face_masks(tiny_fer.landmarks.landmarks_NLD, samples)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a small random CNN whose answers differ between faces."""
    torch.manual_seed(0)
    network = build_network("cnn", 7, {"pixels": SMALL_PIXELS})
    with torch.no_grad():
        network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
    path = tmp_path / "runs" / "cnn.safetensors"
    save_checkpoint(path, network, Card("cnn", "cnn", {"pixels": SMALL_PIXELS}, EXPRESSIONS))
    return path


def test_the_outline_is_that_of_mediapipe() -> None:
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_FACE_OVAL

    assert set(FACE_OVAL) == {point for edge in FACEMESH_FACE_OVAL for point in edge}


def test_a_mask_holds_the_mesh_and_leaves_the_corners(
    samples: Samples, tiny_fer: TinyFer, masks_NHW: np.ndarray
) -> None:
    for row in np.flatnonzero(samples.mesh_found_N):
        matrix = samples.matrices_N23[row]
        points = tiny_fer.landmarks.landmarks_NLD[row, :, :2] @ matrix[:, :2].T + matrix[:, 2]
        columns, lines = points.round().astype(int).clip(0, 47).T
        assert masks_NHW[row][lines, columns].mean() > 0.95
        assert not masks_NHW[row][[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_the_face_stays_and_what_surrounds_it_is_another_s_or_grey(
    samples: Samples, masks_NHW: np.ndarray
) -> None:
    own, others, grey = (faces_in(samples, masks_NHW, name) for name in SURROUNDINGS)
    crops = np.array([face.crop_HW for face in own])
    for index in np.flatnonzero(samples.mesh_found_N):
        mask_HW = masks_NHW[index]
        for changed in (others[index], grey[index]):
            np.testing.assert_array_equal(changed.crop_HW[mask_HW], crops[index][mask_HW])
            np.testing.assert_array_equal(changed.landmarks_LD, own[index].landmarks_LD)
        assert np.ptp(grey[index].crop_HW[~mask_HW]) == 0
        assert grey[index].crop_HW[0, 0] == pytest.approx(crops[index][mask_HW].mean(), abs=0.5)
        around = others[index].crop_HW[~mask_HW]
        assert (crops[:, ~mask_HW] == around).all(axis=1).any()
    assert np.mean([(a.crop_HW != b.crop_HW).any() for a, b in zip(own, others, strict=True)]) > 0.5


def test_a_face_without_a_mesh_keeps_its_surroundings(samples: Samples, masks_NHW: np.ndarray) -> None:
    own, *changed = (faces_in(samples, masks_NHW, name) for name in SURROUNDINGS)
    for faces in changed:
        for index in WITHOUT_FACE:
            np.testing.assert_array_equal(faces[index].crop_HW, own[index].crop_HW)


def test_the_command_counts_right_answers_by_split_and_surroundings(
    samples: Samples, tiny_fer: TinyFer, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results" / "surroundings.csv"
    paths = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]
    assert surroundings.main([*paths, f"cnn={weights}"]) == 0
    counts = pd.read_csv(out)
    assert counts["surroundings"].tolist() == [*SURROUNDINGS, *SURROUNDINGS]
    for split in ("PublicTest", "PrivateTest"):
        chosen = samples.select(tiny_fer.dataset.splits_N == split)
        logits_NK = logits_of(Classifier.load(weights), chosen, mirrored=True)
        (row,) = counts[(counts["split"] == split) & (counts["surroundings"] == "own")].itertuples()
        assert (row.model, row.n) == ("cnn", len(chosen))
        assert row.right == (logits_NK.argmax(axis=1) == chosen.labels_N).sum()


def test_weights_that_are_not_there_are_named(
    tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "surroundings.csv"
    paths = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]
    assert surroundings.main([*paths, f"cnn={tmp_path / 'gone.safetensors'}"]) == 1
    assert "gone" in capsys.readouterr().err
    assert not out.exists()
