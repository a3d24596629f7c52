"""The training command, from a CSV file to weights with their card."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import log_loss

from fusion_model.backbones import BackboneError
from fusion_model.checkpoint import ASSETS, load_card, load_checkpoint, save_checkpoint
from fusion_model.classifier import Classifier, softmax
from fusion_model.inference import same_weights
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from training import train
from training.dataset import Samples, make_samples
from training.loop import Run
from training.recipe import Recipe
from training.recipes import RECIPES
from training.scoring import logits_of

from .conftest import TinyFer

Make = Callable[..., Recipe]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def recipes(small_recipe: Make, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Recipe]]:
    """Small recipes in place of the real ones."""
    made = {
        "cnn": lambda: small_recipe("cnn"),
        "landmarks": lambda: small_recipe("landmarks", epochs=2),
        "fusion": lambda: small_recipe(
            "fusion",
            epochs=2,
            parts={"pixel_branch": "cnn", "landmark_branch": "landmarks"},
            frozen=("pixel_branch",),
        ),
    }
    monkeypatch.setattr(train, "RECIPES", made)
    return made


@pytest.fixture
def command(tiny_fer: TinyFer, tmp_path: Path) -> Callable[..., int]:
    """Train a recipe on the tiny data, in `tmp_path`/FOLDER, with FER+ votes unless told otherwise."""

    def run(recipe: str, *more: str, folder: str | None = None, votes: bool = True) -> int:
        arguments = [recipe, "--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache)]
        arguments += ["--folder", str(tmp_path / (folder or recipe))]
        arguments += ["--votes", str(tiny_fer.votes)] if votes else []
        return train.main([*arguments, *more])

    return run


def kill_at_step(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt the training in that step, counted from 1."""
    step, steps = Run._step, 0

    def interrupted(run: Run, batch: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == count:
            raise KeyboardInterrupt
        return step(run, batch)

    monkeypatch.setattr(Run, "_step", interrupted)


def test_all_models_are_trained_one_on_another(
    command: Callable[..., int], tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [command(name) for name in ("cnn", "landmarks", "fusion")] == [0, 0, 0]
    loaded = {
        name: load_checkpoint(tmp_path / name / f"{name}.safetensors")
        for name in ("cnn", "landmarks", "fusion")
    }
    for name, (_, card) in loaded.items():
        assert (card.name, card.kind, card.labels) == (name, name, EXPRESSIONS)
        assert card.data == {
            "name": "FER-2013",
            "fingerprint": tiny_fer.dataset.fingerprint,
            "trained_on": "Training",
            "pictures": 24,
            "extra_supervision": "FER+ votes, second head",
        }
        assert card.training["seed"] == 0
        assert card.training["recipe"]["name"] == name
        assert len(card.training["history"]) == card.training["recipe"]["epochs"]
        assert card.scores["PublicTest"]["n"] == 8
    # The fusion model's pixel branch is the CNN's, to the bit, running statistics included.
    branches = [loaded[name][0].get_submodule("pixel_branch").state_dict() for name in ("cnn", "fusion")]
    assert all(torch.equal(branches[0][name], branches[1][name]) for name in branches[0])
    assert "PublicTest" in capsys.readouterr().out
    # What it was begun from is told, though only the last weights are shipped.
    begun = load_card(tmp_path / "fusion" / "fusion.safetensors").training["begun_from"]
    assert set(begun) == {"cnn", "landmarks"}
    cnn = load_card(tmp_path / "cnn" / "cnn.safetensors").training
    assert begun["cnn"]["epochs"] == cnn["recipe"]["epochs"]
    assert begun["cnn"]["minutes"] == cnn["minutes"]
    assert cnn["begun_from"] == begun["cnn"]["begun_from"] == {}
    assert begun["cnn"]["machine"] == cnn["machine"]
    # What is held fixed is not stored again.
    card = loaded["fusion"][1]
    assert card.base is not None and card.base.file == "../cnn/cnn.safetensors"
    stored = load_file(tmp_path / "fusion" / "fusion.safetensors")
    assert not any(name.startswith("pixel_branch.") for name in stored)


def test_a_backbone_trains_as_the_cnn_does_and_a_fusion_model_on_it(
    command: Callable[..., int], recipes: dict[str, Callable[[], Recipe]], small_recipe: Make, tmp_path: Path
) -> None:
    pixels = {"architecture": "mobilenet_v2", "side": 48}
    fusion = recipes["fusion"]()
    recipes["mobile"] = lambda: small_recipe(
        "cnn", name="mobile", epochs=2, sides=((32, 1),), config={"pixels": pixels}
    )
    recipes["mobile_fusion"] = lambda: replace(
        fusion,
        name="mobile_fusion",
        config=fusion.config | {"pixels": pixels},
        parts={"pixel_branch": "mobile", "landmark_branch": "landmarks"},
        views=1,
    )
    assert [command(name) for name in ("landmarks", "mobile", "mobile_fusion")] == [0, 0, 0]
    files = [tmp_path / name / f"{name}.safetensors" for name in ("mobile", "mobile_fusion")]
    assert files[1].stat().st_size < 0.1 * files[0].stat().st_size
    (cnn, _), (fused, card) = (load_checkpoint(path) for path in files)
    assert same_weights(cnn.get_submodule("pixel_branch"), fused.get_submodule("pixel_branch"))
    assert card.scores["PublicTest"]["n"] == 8


def test_a_base_that_was_made_anew_since_is_told(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [command(name) for name in ("cnn", "landmarks", "fusion")] == [0, 0, 0]
    weights = tmp_path / "cnn" / "cnn.safetensors"
    network, card = load_checkpoint(weights)
    with torch.no_grad():
        network.get_submodule("pixel_branch").get_parameter("maps.0.weight").mul_(2)
    save_checkpoint(weights, network, card)
    assert command("fusion", "--resume") == 1
    assert "is not the one that fusion was begun from" in capsys.readouterr().err


def test_photographs_are_learned_from_beside_the_training_pictures(
    command: Callable[..., int],
    recipes: dict[str, Callable[[], Recipe]],
    small_recipe: Make,
    tiny_fer: TinyFer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = partial(small_recipe, "cnn", name="more", epochs=1, photographs=True)
    recipes["more"] = made
    assert command("more") == 1
    assert "more learns from photographs too: --photographs" in capsys.readouterr().err

    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks).select(np.arange(8))
    asked: list[tuple[Path, str]] = []

    def read(path: Path, use: str, *_: Any) -> tuple[Samples, None]:
        asked.append((path, use))
        return replace(samples, votes_NV=None), None

    monkeypatch.setattr(train, "read_photographs", read)
    assert command("more", "--photographs", "fairface.npz") == 0
    assert asked == [(Path("fairface.npz"), "training")]
    card = load_card(tmp_path / "more" / "more.safetensors")
    assert card.data["pictures"] == 24 + 8 and card.scores["PublicTest"]["n"] == 8
    assert "photographs of FairFace, labelled by another model" in card.data["extra_supervision"]
    assert command("cnn", "--photographs", "fairface.npz") == 0  # not asked for: not read
    assert len(asked) == 1

    learned: list[Samples] = []
    run = train.Run
    monkeypatch.setattr(train, "Run", lambda *given: learned.append(given[5]) or run(*given))
    recipes["more"] = lambda: replace(made(), photograph_weights={"happy": 0.3})
    assert command("more", "--photographs", "fairface.npz", folder="weighted") == 0
    assert learned[0].weights_N is not None and (learned[0].weights_N[:24] == 1).all()
    happy_N = samples.labels_N == EXPRESSIONS.index("happy")
    assert happy_N.any()
    np.testing.assert_array_equal(learned[0].weights_N[24:], np.where(happy_N, np.float32(0.3), 1))

    samples = replace(samples, labels=tuple(reversed(EXPRESSIONS)))
    assert command("more", "--photographs", "fairface.npz", folder="others") == 1
    assert "the data have other classes, angry, disgust" in capsys.readouterr().err


def test_imagenet_weights_begin_a_backbone(
    command: Callable[..., int],
    recipes: dict[str, Callable[[], Recipe]],
    small_recipe: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"pixels": {"architecture": "mobilenet_v2", "side": 48}}
    recipes["mobile"] = lambda: small_recipe(
        "cnn", name="mobile", epochs=1, learning_rate=1e-9, config=config
    )
    state = build_network("cnn", 7, config).get_submodule("pixel_branch").state_dict()
    monkeypatch.setattr(train, "pretrained_state", lambda architecture: state)
    assert command("mobile", "--pretrained") == 0
    network, card = load_checkpoint(tmp_path / "mobile" / "mobile.safetensors")
    assert card.training["recipe"]["pretrained"] is True
    assert "ImageNet, by torchvision's MobileNet_V2_Weights." in card.data["extra_supervision"]
    name = "body.features.1.conv.0.0.weight"
    torch.testing.assert_close(
        network.get_submodule("pixel_branch").get_parameter(name), state[name], rtol=1e-3, atol=1e-4
    )

    # A run that goes on has weights of its own already.
    monkeypatch.setattr(train, "pretrained_state", lambda architecture: pytest.fail("asked for again"))
    assert command("mobile", "--pretrained", "--resume") == 0


def test_imagenet_weights_that_cannot_be_had_stop_it_before_anything_is_done(
    command: Callable[..., int],
    recipes: dict[str, Callable[[], Recipe]],
    small_recipe: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(architecture: str) -> None:
        raise BackboneError(f"The ImageNet weights of {architecture} cannot be downloaded.")

    config = {"pixels": {"architecture": "mobilenet_v2", "side": 48}}
    recipes["mobile"] = lambda: small_recipe("cnn", name="mobile", config=config)
    monkeypatch.setattr(train, "pretrained_state", refuse)
    assert command("mobile", "--pretrained") == 1
    assert capsys.readouterr().err == "The ImageNet weights of mobilenet_v2 cannot be downloaded.\n"
    assert not (tmp_path / "mobile").exists()
    with pytest.raises(SystemExit):
        command("cnn", "--pretrained")
    assert "no ImageNet weights for cnn" in capsys.readouterr().err


def test_the_scores_on_the_card_are_those_of_the_weights(
    command: Callable[..., int], tiny_fer: TinyFer, tmp_path: Path
) -> None:
    assert command("cnn") == 0
    classifier = Classifier.load(tmp_path / "cnn" / "cnn.safetensors")
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    chosen = samples.select(tiny_fer.dataset.splits_N == "PublicTest")
    for key, mirrored in (("accuracy", True), ("accuracy_without_flip", False)):
        logits_NK = logits_of(classifier, chosen, mirrored=mirrored)
        share = (logits_NK.argmax(axis=1) == chosen.labels_N).mean()
        assert classifier.card.scores["PublicTest"][key] == pytest.approx(share, abs=1e-4)
    assert 0.05 <= classifier.card.temperature <= 20
    answers_NK = softmax(logits_of(classifier, chosen, mirrored=True), classifier.card.temperature)
    likelihood = log_loss(chosen.labels_N, answers_NK, labels=range(7))
    assert classifier.card.scores["PublicTest"]["nll"] == pytest.approx(likelihood, abs=1e-4)


def test_biases_make_each_class_as_likely_as_it_is_frequent(
    command: Callable[..., int],
    small_recipe: Callable[..., Recipe],
    recipes: dict[str, Callable[[], Recipe]],
    tiny_fer: TinyFer,
    tmp_path: Path,
) -> None:
    recipes["biased"] = lambda: small_recipe("cnn", name="biased", biases=True)
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    chosen = samples.select(tiny_fer.dataset.splits_N == "PublicTest")
    shares_K = np.bincount(chosen.labels_N, minlength=len(EXPRESSIONS)) / len(chosen)
    far = {}
    for name in ("cnn", "biased"):
        assert command(name) == 0
        classifier = Classifier.load(tmp_path / name / f"{name}.safetensors")
        logits_NK = logits_of(classifier, chosen, mirrored=True)
        far[name] = np.abs(softmax(logits_NK, classifier.card.temperature).mean(axis=0) - shares_K).max()
    assert far["biased"] < 0.02 < far["cnn"]
    biases = classifier.card.training["biases"]
    assert tuple(biases) == EXPRESSIONS and sum(biases.values()) == pytest.approx(0, abs=1e-3)
    plain, _ = load_checkpoint(tmp_path / "cnn" / "cnn.safetensors")
    biased, _ = load_checkpoint(tmp_path / "biased" / "biased.safetensors")
    assert same_weights(plain.get_submodule("pixel_branch"), biased.get_submodule("pixel_branch"))


def test_a_killed_command_resumes_to_the_same_weights(
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("cnn", folder="straight") == 0
    with monkeypatch.context() as patch:
        kill_at_step(5, patch)  # three batches an epoch
        assert command("cnn", folder="killed") == 130
    assert "--resume" in capsys.readouterr().err
    killed = tmp_path / "killed"
    assert torch.load(killed / "state.pt", weights_only=True)["progress"]["epoch"] == 1
    assert not (killed / "cnn.safetensors").exists()
    # Without --resume the finished epoch is not thrown away.
    assert command("cnn", folder="killed") == 1
    assert "--resume goes on" in capsys.readouterr().err
    assert command("cnn", "--resume", folder="killed") == 0
    states = [
        torch.load(tmp_path / folder / "state.pt", weights_only=True) for folder in ("straight", "killed")
    ]
    assert all(
        torch.equal(states[0]["objective"][name], tensor) for name, tensor in states[1]["objective"].items()
    )
    weights = [(tmp_path / folder / "cnn.safetensors").read_bytes() for folder in ("straight", "killed")]
    assert weights[0] == weights[1]
    cards = [load_card(tmp_path / folder / "cnn.safetensors") for folder in ("straight", "killed")]
    assert cards[0].temperature == cards[1].temperature
    alone, together = (card.scores["PublicTest"] for card in cards)
    assert together == pytest.approx(alone, rel=1e-3)
    assert cards[0].training["history"] == cards[1].training["history"]


def test_resuming_a_finished_run_writes_the_same_weights(command: Callable[..., int], tmp_path: Path) -> None:
    assert command("landmarks") == 0
    weights = tmp_path / "landmarks" / "landmarks.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    assert command("landmarks", "--resume") == 0
    assert weights.read_bytes() == before


@pytest.mark.parametrize("change", [["--seed", "1"], ["--batch", "6"], ["--epochs", "3"]])
def test_another_recipe_or_seed_cannot_resume(
    change: list[str], command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("landmarks") == 0
    assert command("landmarks", "--resume", *change) == 1
    error = capsys.readouterr().err
    assert "another recipe or seed" in error and "Traceback" not in error


def test_nothing_to_resume_is_said(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("landmarks", "--resume") == 1
    assert "nothing to resume" in capsys.readouterr().err


def test_it_trains_without_votes(command: Callable[..., int], tmp_path: Path) -> None:
    assert command("cnn", "--epochs", "1", votes=False) == 0
    _, card = load_checkpoint(tmp_path / "cnn" / "cnn.safetensors")
    assert card.data["extra_supervision"] is None
    assert card.training["recipe"]["votes_weight"] == 0
    state = torch.load(tmp_path / "cnn" / "state.pt", weights_only=True)
    assert not any("votes" in name for name in state["objective"])


def test_epochs_batch_and_seed_can_be_chosen(command: Callable[..., int], tmp_path: Path) -> None:
    assert command("landmarks", "--epochs", "1", "--batch", "12", "--seed", "7") == 0
    card = load_card(tmp_path / "landmarks" / "landmarks.safetensors")
    assert card.training["seed"] == 7
    assert (card.training["recipe"]["epochs"], card.training["recipe"]["batch"]) == (1, 12)


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--epochs", "-1"], ["--batch", "1"], ["--batch", "x"]])
def test_a_wrong_call_is_told_as_such(
    wrong: list[str], command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command("landmarks", *wrong)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_too_few_pictures_for_a_batch_are_told(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("landmarks", "--batch", "25") == 1
    assert "24 Training pictures, fewer than one batch of 25" in capsys.readouterr().err
    assert not (tmp_path / "landmarks").exists()


def test_missing_pieces_of_other_runs_are_named(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("fusion") == 1
    assert "cnn.safetensors" in capsys.readouterr().err


def test_missing_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        train.main(["cnn", "--data", str(tmp_path / "fer2013.csv"), "--folder", str(tmp_path / "cnn")]) == 1
    )
    assert "fer2013.csv does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("split", ["Training", "PublicTest"])
def test_data_without_a_needed_split_are_told(
    split: str,
    tiny_fer: TinyFer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    csv = tmp_path / "fer2013.csv"
    lines = tiny_fer.csv.read_text().splitlines()
    kept = lines[25:33] if split == "Training" else lines[1:21]
    csv.write_text("\n".join([lines[0], *kept]) + "\n")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # no worker processes for a few pictures
    arguments = ["landmarks", "--data", str(csv), "--cache", str(tmp_path / "cache")]
    assert train.main([*arguments, "--folder", str(tmp_path / "run")]) == 1
    assert f"no {split} pictures" in capsys.readouterr().err


def test_processes_make_the_landmarks_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first fills the cache while the others wait: otherwise they would delete each other's parts."""
    happened: list[str] = []
    for rank, expected in ((0, ["landmarks", "wait"]), (1, ["wait", "landmarks"])):
        runtime = replace(train.Runtime(torch.device("cpu")), rank=rank, world=2)
        monkeypatch.setattr(train.Runtime, "wait", lambda runtime: happened.append("wait"))
        train._in_turn(runtime, lambda: happened.append("landmarks"))
        assert happened == expected
        happened.clear()


# Own data

WEIGHTS = "finetune_frozen.safetensors"


def own(folder: Path, tmp_path: Path, *more: str) -> list[str]:
    arguments = ["--data", str(folder), "--crops", "--cache", str(tmp_path / "cache"), "--processes", "1"]
    return [*arguments, "--batch", "8", "--epochs", "2", "--folder", str(tmp_path / "run"), *more]


@pytest.fixture
def finetuning(recipes: dict[str, Callable[[], Recipe]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("finetune", "finetune_frozen"):
        monkeypatch.setitem(recipes, name, RECIPES[name])


def test_own_data_train_from_nothing_and_the_card_carries_their_labels(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = own_folder / "val" / "merry" / "jane-doe.png"
    copy.write_bytes((own_folder / "train" / "merry" / "00.png").read_bytes())
    assert train.main(["cnn", *own(own_folder, tmp_path)]) == 0
    network, card = load_checkpoint(tmp_path / "run" / "cnn.safetensors")
    assert card.labels == ("calm", "merry")
    assert network.get_submodule("head").get_parameter("1.weight").shape[0] == 2
    assert card.data["name"] == "own"
    assert card.data["by_class"] == {"calm": 8, "merry": 8}
    assert card.data["faces"] == "given as crops"
    assert card.data["extra_supervision"] is None
    assert card.data["notes"] == [
        "1 pictures of val or test are exact copies of pictures of train, which makes scores too good "
        "(evaluation tells them apart).",
        "train has fewer than ten pictures of calm (8), merry (8).",
    ]  # without the names of files
    assert card.training["recipe"]["votes_weight"] == 0
    told = capsys.readouterr().err
    assert "PublicTest" in told  # what will be trained on, before it is
    assert "val/merry/jane-doe.png = train/merry/00.png" in told
    assert "jane-doe" not in card.to_json()


@pytest.mark.parametrize("start", ["cnn", "fusion"])
def test_a_frozen_fine_tuning_begins_from_our_weights(
    start: str, finetuning: None, own_folder: Path, tmp_path: Path
) -> None:
    assert train.main(["finetune_frozen", "--from", start, *own(own_folder, tmp_path, "--epochs", "3")]) == 0
    network, card = load_checkpoint(tmp_path / "run" / WEIGHTS)
    ours, _ = load_checkpoint(ASSETS / f"{start}.safetensors")
    assert card.kind == start
    assert list(card.training["begun_from"]) == [start]
    state, known = network.state_dict(), ours.state_dict()
    same = {name.split(".")[0] for name in known if torch.equal(state[name], known[name])}
    assert {name for name in known if name.split(".")[0].endswith("branch")} <= {
        name for name in known if torch.equal(state[name], known[name])
    }
    assert "head" not in same
    assert card.base is None  # whole, so that it can be taken elsewhere
    assert any(name.startswith("pixel_branch.") for name in load_file(tmp_path / "run" / WEIGHTS))


def test_a_frozen_fine_tuning_of_a_model_on_a_base_is_whole_again(
    command: Callable[..., int], finetuning: None, own_folder: Path, tmp_path: Path
) -> None:
    """The base is put together with what stands on it, and is not needed any more."""
    assert [command(name) for name in ("cnn", "landmarks", "fusion")] == [0, 0, 0]
    start = tmp_path / "fusion" / "fusion.safetensors"
    added, known = load_checkpoint(start)
    assert known.base is not None
    assert train.main(["finetune_frozen", "--from", str(start), *own(own_folder, tmp_path)]) == 0
    for name in ("cnn", "fusion"):
        shutil.rmtree(tmp_path / name)
    network, card = load_checkpoint(tmp_path / "run" / WEIGHTS)
    assert (card.base, card.labels) == (None, ("calm", "merry"))
    assert list(card.training["begun_from"]) == ["fusion"]
    for part in ("pixel_branch", "landmark_branch"):
        assert same_weights(network.get_submodule(part), added.get_submodule(part))


def test_a_base_that_is_missing_stops_a_fine_tuning(
    command: Callable[..., int],
    finetuning: None,
    own_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [command(name) for name in ("cnn", "landmarks", "fusion")] == [0, 0, 0]
    (tmp_path / "cnn" / "cnn.safetensors").unlink()
    start = tmp_path / "fusion" / "fusion.safetensors"
    assert train.main(["finetune_frozen", "--from", str(start), *own(own_folder, tmp_path)]) == 1
    assert "fusion.safetensors stores only what it adds to it" in capsys.readouterr().err


def test_a_whole_fine_tuning_trains_the_branches_too(
    finetuning: None, own_folder: Path, tmp_path: Path
) -> None:
    assert train.main(["finetune", "--from", "cnn", *own(own_folder, tmp_path)]) == 0
    network, _ = load_checkpoint(tmp_path / "run" / "finetune.safetensors")
    ours, _ = load_checkpoint(ASSETS / "cnn.safetensors")
    name = "pixel_branch.maps.0.weight"
    assert not torch.equal(network.get_parameter(name), ours.get_parameter(name))


def test_what_is_wrong_with_own_data_is_told_before_training(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "train" / "calm" / "broken.png").write_bytes(b"")
    assert train.main(["cnn", *own(own_folder, tmp_path, "--batch", "64")]) == 1
    told = capsys.readouterr().err
    assert "2 errors to mend" in told and "broken.png" in told and "fewer than one batch of 64" in told
    assert not (tmp_path / "run").exists()


def test_only_fine_tuning_begins_from_weights(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.main(["cnn", "--from", "fusion", *own(own_folder, tmp_path)])
    assert "--from is for finetune" in capsys.readouterr().err


# Several processes

#: The training command in full precision: in half, rounding alone moves weights by a tenth of a few steps.
IN_FULL = """
import contextlib, dataclasses, sys, torch
torch.autocast = lambda *_, **__: contextlib.nullcontext()
from training import train
recipe = dataclasses.replace(train.RECIPES[sys.argv[1]](), sharpness=SHARPNESS)
train.RECIPES[sys.argv[1]] = lambda: recipe
sys.exit(train.main(sys.argv[1:]))
"""


@pytest.fixture
def one_and_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Path, Path, str]]:
    """Train with a real recipe in this process, and in two by torchrun; their folders, and what two print."""

    def run(arguments: list[str], sharpness: float = 0.0) -> tuple[Path, Path, str]:
        one, two = tmp_path / "one", tmp_path / "two"
        recipe = replace(RECIPES[arguments[0]](), sharpness=sharpness)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
            patch.setattr(train, "RECIPES", RECIPES | {recipe.name: lambda: recipe})
            assert train.main([*arguments, "--folder", str(one)]) == 0
        script = tmp_path / "in_full.py"
        script.write_text(IN_FULL.replace("SHARPNESS", str(sharpness)))
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command += [str(script), *arguments, "--folder", str(two)]
        environment = os.environ | {
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as torchrun:
            try:
                out, errors = torchrun.communicate(timeout=280)
            finally:
                torchrun.terminate()  # and with it, where it hangs, the processes it started
        assert torchrun.returncode == 0, errors
        return one, two, out

    return run


def assert_same_training(one: Path, two: Path, name: str) -> None:
    """Weights and what was told of each epoch are the same but for the order of sums."""
    states = [torch.load(folder / "state.pt", weights_only=True)["objective"] for folder in (one, two)]
    assert list(states[0]) == list(states[1])
    for key, tensor in states[0].items():
        torch.testing.assert_close(
            states[1][key], tensor, rtol=1e-2, atol=1e-3, msg=lambda m, k=key: f"{k}: {m}"
        )
    cards = [load_card(folder / f"{name}.safetensors") for folder in (one, two)]
    for alone, together in zip(*(card.training["history"] for card in cards), strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
    alone, together = (card.scores["PublicTest"] for card in cards)
    assert together == pytest.approx(alone, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [0.0, 0.1])
def test_two_processes_train_what_one_trains(
    sharpness: float, tiny_fer: TinyFer, one_and_two: Callable[..., tuple[Path, Path, str]]
) -> None:
    """Dropout, normalisation, faces without a mesh and a picture without votes included."""
    arguments = ["landmarks", "--epochs", "2", "--batch", "12", "--data", str(tiny_fer.csv)]
    arguments += ["--votes", str(tiny_fer.votes), "--cache", str(tiny_fer.cache)]
    one, two, out = one_and_two(arguments, sharpness)
    # One of the two talks.
    talked = [line.split("  ")[0] for line in out.splitlines() if line.startswith("epoch")]
    assert talked == ["epoch 1", "epoch 2"]
    assert_same_training(one, two, "landmarks")
    assert load_card(two / "landmarks.safetensors").training["machine"].endswith("2 threads")


@pytest.mark.slow
def test_two_processes_train_what_one_trains_on_own_data(
    own_folder: Path, tmp_path: Path, one_and_two: Callable[..., tuple[Path, Path, str]]
) -> None:
    """Pixels and landmarks, from our weights; the faces are read by the first process alone."""
    arguments = ["--data", str(own_folder), "--crops", "--cache", str(tmp_path / "cache"), "--processes", "1"]
    one, two, _ = one_and_two(["finetune", *arguments, "--batch", "8", "--epochs", "2"])
    assert_same_training(one, two, "finetune")
    assert load_card(two / "finetune.safetensors").labels == ("calm", "merry")


def test_processes_must_share_a_batch_evenly(small_recipe: Make, tiny_fer: TinyFer, tmp_path: Path) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    runtime = train.Runtime(torch.device("cpu"), 0, 3)
    with pytest.raises(train.TrainingError, match="3 processes cannot share batches of 8"):
        train.prepare_run(small_recipe("cnn"), 0, tmp_path, runtime, tiny_fer.dataset, samples)
