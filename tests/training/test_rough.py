"""Rough pictures: what is counted, and that what is not there is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_model.checkpoint import Card, save_checkpoint
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from training import rough
from training.rough import CHANGES, PLAIN

from .conftest import SMALL_PIXELS, TinyFer


def test_right_answers_are_counted_by_split_and_change(tiny_fer: TinyFer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network("cnn", 7, {"pixels": SMALL_PIXELS})
    weights = tmp_path / "cnn.safetensors"
    save_checkpoint(weights, network, Card("cnn", "cnn", {"pixels": SMALL_PIXELS}, EXPRESSIONS))
    out = tmp_path / "results" / "rough.csv"
    common = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]
    assert rough.main([*common, "--pictures", "3", f"cnn={weights}"]) == 0
    counts = pd.read_csv(out)
    steps = [(PLAIN, 0.0), *((name, step) for name, (_, all_steps) in CHANGES.items() for step in all_steps)]
    for _, found in counts.groupby("split"):
        assert list(zip(found["change"], found["strength"], strict=True)) == steps
        assert found["n"].between(1, 3).all() and (found["right"] <= found["n"]).all()
    assert set(counts["split"]) == {"PublicTest", "PrivateTest"}
    first = out.read_bytes()
    assert rough.main([*common, "--pictures", "3", f"cnn={weights}"]) == 0
    assert out.read_bytes() == first


def test_a_model_that_is_not_there_is_named(
    tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rough.csv"
    common = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--out", str(out)]
    assert rough.main([*common, f"cnn={tmp_path / 'gone.safetensors'}"]) == 1
    assert "gone" in capsys.readouterr().err
    assert not out.exists()


def test_every_change_changes_and_more_of_it_more() -> None:
    from fusion_model.detection import Face

    image_HW = np.random.default_rng(0).integers(60, 190, (48, 48), dtype=np.uint8)
    face = Face((0.0, 0.0, 48.0, 48.0), np.array([[16.0, 20], [32, 20]], np.float32), None, 1.0)
    for degrade, steps in CHANGES.values():
        lost = []
        for step in steps:
            made_HW, _ = degrade(image_HW, face, step, np.random.default_rng(0))
            lost.append(np.abs(made_HW.astype(float) - image_HW).mean())
        assert lost == sorted(lost) and lost[0] > 0
