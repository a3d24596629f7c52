"""Teachers: what they say together, how it is mixed with the labels, and a run that learns from one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from fusion_model.catalogue import ASSETS
from fusion_model.checkpoint import load_card
from fusion_model.classifier import Classifier, softmax
from fusion_model.faces import LANDMARKS
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.preprocess import FaceInputs
from training import train
from training.dataset import Batch, Samples, plain_batches
from training.losses import Objective
from training.recipe import Recipe
from training.teachers import Teachers, answers, taught

from .conftest import SMALL_PIXELS, TinyFer

TEACHERS = [ASSETS / f"{name}.safetensors" for name in ("cnn", "fusion")]


def made_up(count: int) -> Samples:
    rng = np.random.default_rng(0)
    return Samples(
        rng.integers(0, 256, (count, 48, 48), np.uint8),
        np.tile(np.eye(2, 3), (count, 1, 1)),
        rng.normal(0, 1, (count, LANDMARKS, 3)).astype(np.float32),
        np.ones(count, bool),
        np.arange(count) % 7,
        None,
        EXPRESSIONS,
    )


def test_teachers_agree_on_the_mean_of_their_log_probabilities() -> None:
    samples = made_up(5)
    faces = [FaceInputs(*row, True) for row in zip(samples.images_NHW, samples.landmarks_NLD, strict=True)]
    product_NK = np.prod([Classifier.load(path).probabilities(faces) for path in TEACHERS], axis=0) ** 0.5
    expected_NK = product_NK / product_NK.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers(samples, TEACHERS), expected_NK, atol=2e-3)


def test_a_target_is_the_label_and_the_teachers_share() -> None:
    samples = made_up(5)
    targets_NK = taught(samples, TEACHERS[:1], 0.25).targets_NK
    expected_NK = 0.75 * np.eye(7)[samples.labels_N] + 0.25 * answers(samples, TEACHERS[:1])
    np.testing.assert_allclose(targets_NK, expected_NK, atol=1e-6)
    assert taught(samples, TEACHERS[:1], 0.25).select(np.array([3])).targets_NK == pytest.approx(
        expected_NK[3:4]
    )


def test_teachers_answer_the_views_that_they_are_shown() -> None:
    samples = made_up(6)
    teachers = Teachers.load(TEACHERS, 0.25, torch.device("cpu"))
    batch = next(plain_batches(samples, 6))
    turned = replace(batch, pixels_BCHW=batch.pixels_BCHW.flip(2))
    targets = [teachers(each) for each in (batch, turned)]
    for pixels, targets_BK in zip((samples.images_NHW, samples.images_NHW[:, ::-1]), targets, strict=True):
        faces = [FaceInputs(*row, True) for row in zip(pixels, samples.landmarks_NLD, strict=True)]
        product_BK = np.ones((6, 7))
        for path in TEACHERS:
            classifier = Classifier.load(path)
            logits_BK = classifier.logits(faces, mirrored=False)
            product_BK *= softmax(logits_BK, classifier.card.temperature) ** 0.5
        expected_BK = 0.75 * np.eye(7)[samples.labels_N]
        expected_BK += 0.25 * product_BK / product_BK.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(targets_BK, expected_BK, atol=5e-3)
    assert not torch.allclose(*targets, atol=1e-2)
    assert not any(weight.requires_grad for weight in teachers.parameters())


def test_targets_are_learned_in_place_of_labels() -> None:
    samples = replace(made_up(4), targets_NK=np.full((4, 7), 1 / 7, np.float32))
    batch = next(plain_batches(samples, 4))
    objective = Objective(build_network("cnn", 7, {"pixels": SMALL_PIXELS}), 0.0, 0.0).eval()
    with torch.no_grad():
        loss, logits_BK = objective(batch)
    expected = -torch.log_softmax(logits_BK, dim=1).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert float(loss) != pytest.approx(float(functional.cross_entropy(logits_BK, batch.labels_B)), rel=1e-3)


@pytest.mark.parametrize(("teachers", "teaching"), [(("cnn",), 0.0), ((), 0.5), (("cnn",), 1.5)])
def test_teachers_without_a_share_and_a_share_without_teachers_are_refused(
    small_recipe: Callable[..., Recipe], teachers: tuple[str, ...], teaching: float
) -> None:
    with pytest.raises(ValueError, match="teachers need a share"):
        small_recipe("cnn", teachers=teachers, teaching=teaching)


def test_a_run_learns_from_another_and_its_card_tells(
    tiny_fer: TinyFer,
    small_recipe: Callable[..., Recipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes: dict[str, Callable[[], Recipe]] = {
        "cnn": lambda: small_recipe("cnn"),
        "alone": lambda: small_recipe("cnn", name="alone"),
        "pupil": lambda: small_recipe("cnn", name="pupil", teachers=("cnn",), teaching=0.9),
        "live": lambda: small_recipe("cnn", name="live", teachers=("cnn",), teaching=0.9, live=True),
    }
    monkeypatch.setattr(train, "RECIPES", recipes)
    paths = {"data": tiny_fer.csv, "votes": tiny_fer.votes, "cache": tiny_fer.cache, "seed": 3}
    made = {name: train.finish(name, **paths, folder=tmp_path / name) for name in recipes}
    card = load_card(made["pupil"])
    assert "answers of cnn together" in card.data["extra_supervision"]
    losses = [load_card(made[name]).training["history"] for name in ("alone", "pupil", "live")]
    assert losses[0] != losses[1] and losses[0] != losses[2] and losses[1] != losses[2]


def test_a_killed_run_with_teachers_by_view_resumes_to_the_same_weights(
    tiny_fer: TinyFer,
    small_recipe: Callable[..., Recipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes: dict[str, Callable[[], Recipe]] = {
        "cnn": lambda: small_recipe("cnn"),
        "live": lambda: small_recipe("cnn", name="live", teachers=("cnn",), teaching=0.9, live=True),
    }
    monkeypatch.setattr(train, "RECIPES", recipes)
    paths = {"data": tiny_fer.csv, "votes": tiny_fer.votes, "cache": tiny_fer.cache, "seed": 3}
    train.finish("cnn", **paths, folder=tmp_path / "cnn")
    straight = train.finish("live", **paths, folder=tmp_path / "straight")
    answer, asked = Teachers.forward, 0

    def killed(teachers: Teachers, batch: Batch) -> torch.Tensor:
        nonlocal asked
        asked += 1
        if asked == 5:  # three batches an epoch
            raise KeyboardInterrupt
        return answer(teachers, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Teachers, "forward", killed)
        with pytest.raises(KeyboardInterrupt):
            train.finish("live", **paths, folder=tmp_path / "killed")
    assert not (tmp_path / "killed" / "live.safetensors").exists()
    resumed = train.finish("live", **paths, folder=tmp_path / "killed")
    first, second = (load_file(path) for path in (straight, resumed))
    assert all(first[name].equal(second[name]) for name in first)
