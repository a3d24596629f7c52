"""Labelled photographs: the table of labels, the faces, what models make of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion_model.labels import EXPRESSIONS
from fusion_model.preprocess import SIDE
from training.photographs import BENT, DRAWN, LABELS, USES, main, read_photographs
from training.samples import DataError
from training.workers import Workers

ALONE = Workers(1)


def test_the_labels_are_consistent() -> None:
    table = pd.read_csv(LABELS)
    assert table["row"].is_unique
    assert set(table["use"]) == set(USES) and set(table["drawn"]) == set(DRAWN)
    letters = {
        "happy": "H",
        "neutral": "N",
        "sad": "S",
        "angry": "A",
        "fear": "F",
        "surprise": "P",
        "disgust": "D",
    }
    assert set(table["expression"]) == set(letters) == set(EXPRESSIONS)
    passes = table["use"].map({"training": 1, "validation": 3})
    assert (table["said"].str.len() == passes).all()
    smiles = table["smiles"].fillna("")
    assert smiles.str.fullmatch("[YNX]*").all() and smiles.str.len().isin((0, 1, 3)).all()
    turned = smiles.str.count("Y") * 2 > smiles.str.len()
    assert (smiles[smiles != ""].str.len() == passes[smiles != ""]).all() and turned.any()
    assert (table["expression"][turned] == "happy").all()
    first = table["expression"].where(~turned, "neutral")  # only what was called neutral was looked at again
    votes = [said.count(letters[word]) for said, word in zip(table["said"], first, strict=True)]
    assert (np.array(votes) * 2 > passes).all()


def test_the_photographs_of_a_use_become_samples(tiny_fairface: Path, tmp_path: Path) -> None:
    samples, labels = read_photographs(tiny_fairface, "validation", tmp_path, ALONE)
    assert len(samples) == len(labels) == 4
    assert [EXPRESSIONS[code] for code in samples.labels_N] == ["neutral", "happy"] * 2
    assert samples.images_NHW.shape == (4, SIDE, SIDE)
    assert not np.array_equal(samples.images_NHW[0], samples.images_NHW[1])
    again, _ = read_photographs(tiny_fairface, "validation", tmp_path, ALONE)
    np.testing.assert_array_equal(again.images_NHW, samples.images_NHW)
    assert len(read_photographs(tiny_fairface, "training", tmp_path, ALONE)[0]) == 1


def test_another_file_is_told(tiny_fairface: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no packed FairFace"):
        read_photographs(tmp_path / "nowhere.npz", "training", tmp_path, ALONE)
    with np.load(tiny_fairface) as whole:
        jpeg, offsets = whole["jpeg"], whole["offsets"]
    for name, other in (("short", offsets[:5]), ("moved", offsets + (np.arange(6) == 2))):
        np.savez(tmp_path / f"{name}.npz", jpeg=jpeg, offsets=other)
        with pytest.raises(DataError, match="is packed otherwise"):
            read_photographs(tmp_path / f"{name}.npz", "validation", tmp_path, ALONE)


def test_models_are_scored_on_them(
    tiny_fairface: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "counts.csv"
    assert main([str(tiny_fairface), "--cache", str(tmp_path), "--processes", "1", "--out", str(out)]) == 0
    counts = pd.read_csv(out)
    assert list(counts["model"].unique()) == ["cnn", "fusion"]
    by_arm = counts[counts["model"] == "cnn"].set_index(["drawn", "expression"])["n"]
    assert by_arm.to_dict() == {
        (drawn, expression): int(expression != "others")
        for drawn in (*DRAWN, *(f"at random, {name}" for name in BENT))
        for expression in ("happy", "neutral", "others")
    }
    assert (counts["right"] <= counts["n"]).all()
    assert main([str(tmp_path / "nowhere.npz"), "--cache", str(tmp_path)]) == 1
    assert "no packed FairFace" in capsys.readouterr().err
