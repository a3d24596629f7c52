"""Choosing among models: by PublicTest alone, the same pictures for all, clean and rough."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, log_loss

from fusion_model.checkpoint import Card, save_checkpoint
from fusion_model.classifier import Classifier, softmax
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from training import choose
from training.data import Asked
from training.dataset import make_samples
from training.scoring import face_of, logits_of

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS, TinyFer


@pytest.fixture
def candidates(tmp_path: Path) -> dict[str, Path]:
    """A CNN and a fusion model of random weights."""
    torch.manual_seed(0)
    configs = {
        "cnn": {"pixels": SMALL_PIXELS},
        "fusion": {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8},
    }
    made = {}
    for kind, config in configs.items():
        made[kind] = tmp_path / f"{kind}.safetensors"
        card = Card(kind, kind, config, EXPRESSIONS, temperature=0.5)
        save_checkpoint(made[kind], build_network(kind, 7, config), card)
    return made


@pytest.fixture
def scores(tiny_fer: TinyFer, candidates: dict[str, Path]) -> pd.DataFrame:
    return choose.choose(Asked(tiny_fer.csv, cache=tiny_fer.cache), candidates).set_index("model")


def test_figures_are_those_of_an_independent_library_on_public_test(
    tiny_fer: TinyFer, candidates: dict[str, Path], scores: pd.DataFrame
) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    samples = samples.select(tiny_fer.dataset.splits_N == "PublicTest")
    said = {}
    for name, path in candidates.items():
        logits_NK = logits_of(Classifier.load(path), samples, mirrored=True)
        said[name] = softmax(logits_NK, 0.5)
    mean_NK = np.exp(np.mean([np.log(answers) for answers in said.values()], axis=0))
    said[choose.TOGETHER] = mean_NK / mean_NK.sum(axis=1, keepdims=True)
    assert list(scores.index) == list(said)
    for name, answers_NK in said.items():
        truth_N, answer_N = samples.labels_N, answers_NK.argmax(axis=1)
        assert scores.loc[name, "accuracy"] == pytest.approx((answer_N == truth_N).mean())
        assert scores.loc[name, "macro_f1"] == pytest.approx(f1_score(truth_N, answer_N, average="macro"))
        assert scores.loc[name, "nll"] == pytest.approx(log_loss(truth_N, answers_NK, labels=range(7)))
    right_N = {name: answers.argmax(axis=1) == samples.labels_N for name, answers in said.items()}
    assert scores.loc["cnn", ["won", "lost"]].tolist() == [0, 0]
    assert scores.loc["fusion", "won"] == (right_N["fusion"] & ~right_N["cnn"]).sum()
    assert scores.loc["fusion", "lost"] == (right_N["cnn"] & ~right_N["fusion"]).sum()


def test_rough_pictures_keep_place_and_mesh_and_are_the_same_every_time(tiny_fer: TinyFer) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    plain = [face_of(samples, index) for index in range(len(samples))]
    rough, again = choose.rough_faces(plain), choose.rough_faces(plain)
    changed = 0
    for before, after, once_more in zip(plain, rough, again, strict=True):
        np.testing.assert_array_equal(after.crop_HW, once_more.crop_HW)
        np.testing.assert_array_equal(after.landmarks_LD, before.landmarks_LD)
        assert after.mesh_found == before.mesh_found
        changed += not np.array_equal(after.crop_HW, before.crop_HW)
        # Grey levels and grain change, but what is where does not.
        if before.mesh_found:
            assert np.corrcoef(after.crop_HW.ravel(), before.crop_HW.ravel())[0, 1] > 0.8
    assert changed > len(plain) / 2


def test_private_test_is_not_looked_at(
    tiny_fer: TinyFer, candidates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def face_of_row(samples: object, index: int) -> object:
        face = face_of(samples, index)  # type: ignore[arg-type]
        seen.append(face.crop_HW.tobytes())
        return face

    monkeypatch.setattr(choose, "face_of", face_of_row)
    choose.choose(Asked(tiny_fer.csv, cache=tiny_fer.cache), candidates)
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    public = np.flatnonzero(tiny_fer.dataset.splits_N == "PublicTest")
    assert seen == [face_of(samples, row).crop_HW.tobytes() for row in public]


def test_one_model_alone_has_no_mean_and_the_command_prints_it(
    tiny_fer: TinyFer, candidates: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache)]
    assert choose.main([*common, f"candidate={candidates['cnn']}"]) == 0
    printed = capsys.readouterr().out
    assert "candidate" in printed and "rough_nll" in printed and choose.TOGETHER not in printed


def test_own_pictures_are_scored_by_val_and_what_models_do_not_answer_is_told(
    own_folder: Path, tmp_path: Path, candidates: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(own_folder), "--cache", str(tmp_path / "cache"), "--crops"]
    assert choose.main([*common, f"cnn={candidates['cnn']}"]) == 1
    assert "calm" in capsys.readouterr().err
    config = {"pixels": SMALL_PIXELS}
    own = tmp_path / "two.safetensors"
    save_checkpoint(own, build_network("cnn", 2, config), Card("two", "cnn", config, ("merry", "calm")))
    assert choose.main([*common, f"two={own}"]) == 0
    assert "two" in capsys.readouterr().out


def test_weights_that_are_not_there_are_named(
    tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache)]
    assert choose.main([*common, f"cnn={tmp_path / 'gone.safetensors'}"]) == 1
    assert "gone" in capsys.readouterr().err
