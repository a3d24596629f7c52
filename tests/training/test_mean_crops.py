"""Mean crops: of each class its own pictures, symmetric, of the contrast that networks take."""

from pathlib import Path

import numpy as np
import pytest

from training import mean_crops
from training.dataset import make_samples
from training.scoring import face_of

from .conftest import TinyFer


def test_the_command_writes_the_mean_of_each_class(tiny_fer: TinyFer, tmp_path: Path) -> None:
    out = tmp_path / "mean_crops.csv.gz"
    assert mean_crops.main([str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]) == 0
    crops_KHW = np.loadtxt(out, delimiter=",").reshape(-1, 48, 48)
    assert len(crops_KHW) == len(tiny_fer.dataset.labels)
    np.testing.assert_allclose(crops_KHW, crops_KHW[:, :, ::-1], atol=0.011)
    np.testing.assert_allclose(crops_KHW.std(axis=(1, 2)), 1, atol=0.01)
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    chosen = (samples.labels_N == 3) & samples.mesh_found_N & (tiny_fer.dataset.splits_N == "Training")
    crops = [face_of(samples, row).crop_HW for row in np.flatnonzero(chosen)]
    mean_HW = np.mean([(crop - crop.mean()) / (crop.std() + 4) for crop in crops], axis=0)
    assert np.corrcoef((mean_HW + mean_HW[:, ::-1]).ravel(), crops_KHW[3].ravel())[0, 1] > 0.999


def test_a_class_without_a_mesh_is_named(tiny_fer: TinyFer) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    with pytest.raises(ValueError, match="sample of disgust with a mesh"):
        mean_crops.mean_crops(samples.select(samples.labels_N != 1))
