"""Weights and card on disk: the round trip, and a sentence for everything that can be wrong with them."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fusion_model import checkpoint
from fusion_model.checkpoint import (
    ASSETS,
    Base,
    Card,
    CheckpointError,
    load_card,
    load_checkpoint,
    save_checkpoint,
)
from fusion_model.errors import ExpressionLensError
from fusion_model.faces import LANDMARKS
from fusion_model.inference import same_weights
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import KINDS, ExpressionNetwork, build_network
from fusion_model.preprocess import SIDE, Preprocessing

Saved = Callable[..., Path]
Made = Callable[[str], ExpressionNetwork]


def change_card(path: Path, **changes: Any) -> None:
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | changes))


def refused(path: Path) -> str:
    """The sentence with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert isinstance(caught.value, ExpressionLensError)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_survives_within_half_precision(kind: str, small_network: Made, saved_model: Saved) -> None:
    network, card = load_checkpoint(saved_model(kind, temperature=1.25, data={"name": "FER-2013"}))
    assert card.kind == kind
    assert card.labels == EXPRESSIONS
    assert card.temperature == 1.25
    assert card.data == {"name": "FER-2013"}
    assert card.preprocessing == Preprocessing()
    assert not network.training
    original = small_network(kind).state_dict()
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == original[name].dtype
        torch.testing.assert_close(tensor, original[name], rtol=1e-3, atol=1e-6)
    inputs = (
        torch.randn(4, 1, SIDE, SIDE),
        torch.randn(4, LANDMARKS, 3),
        torch.tensor([True, False, True, False]),
    )
    with torch.inference_mode():
        torch.testing.assert_close(network(*inputs), small_network(kind)(*inputs), rtol=0.02, atol=0.05)


def test_weights_are_half_precision_and_running_statistics_full(saved_model: Saved) -> None:
    tensors = load_file(saved_model("fusion"))
    for name, tensor in tensors.items():
        if "running_" in name:
            assert tensor.dtype == torch.float32
        elif tensor.is_floating_point():
            assert tensor.dtype == torch.float16


def test_saving_what_was_loaded_changes_nothing(saved_model: Saved, tmp_path: Path) -> None:
    first = saved_model("fusion")
    second = tmp_path / "again" / "fusion.safetensors"
    save_checkpoint(second, *load_checkpoint(first))
    assert second.read_bytes() == first.read_bytes()
    assert second.with_suffix(".json").read_bytes() == first.with_suffix(".json").read_bytes()


def test_the_channels_last_layout_of_training_does_not_matter(small_network: Made, tmp_path: Path) -> None:
    network = small_network("cnn")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    card = Card("cnn", "cnn", {"pixels": {"stem": 4, "stages": [4, 8, 8], "blocks": 1}}, EXPRESSIONS)
    save_checkpoint(tmp_path / "cnn.safetensors", network, card)
    loaded, _ = load_checkpoint(tmp_path / "cnn.safetensors")
    for name, tensor in small_network("cnn").state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_real_networks_are_within_ten_megabytes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.safetensors"
    save_checkpoint(path, build_network(kind, 7, {}), Card(kind, kind, {}, EXPRESSIONS))
    assert path.stat().st_size <= 10_000_000
    load_checkpoint(path)


def test_nothing_is_pickled(saved_model: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved_model("fusion")
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert json.loads(path.read_bytes()[8 : 8 + header])
    with safe_open(path, framework="numpy") as opened:
        assert all(isinstance(opened.get_tensor(name), np.ndarray) for name in opened.keys())  # noqa: SIM118
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["labels"] == list(EXPRESSIONS)
    assert card["preprocessing"]["version"] == Preprocessing().version
    assert set(card) == {field.name for field in fields(Card)}

    def no_pickle(*arguments: object, **options: object) -> None:
        raise AssertionError("something was unpickled")

    for name in ("pickle.load", "pickle.loads", "torch.load"):
        monkeypatch.setattr(name, no_pickle)
    load_checkpoint(path)


def test_a_kill_while_weights_are_written_leaves_the_old_ones(
    saved_model: Saved, small_network: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved_model("cnn")
    before = path.read_bytes(), path.with_suffix(".json").read_bytes()
    _, card = load_checkpoint(path)

    def killed_half_way(tensors: dict[str, torch.Tensor], target: Path) -> None:
        save_file(tensors, target)
        whole = target.read_bytes()
        target.write_bytes(whole[: len(whole) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", killed_half_way)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, small_network("cnn"), replace(card, temperature=3.0))
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == before
    load_checkpoint(path)


def test_nothing_is_left_beside_a_finished_checkpoint(saved_model: Saved) -> None:
    path = saved_model("cnn")
    assert sorted(file.name for file in path.parent.iterdir()) == ["cnn.json", "cnn.safetensors"]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    sentence = refused(tmp_path / "cnn.safetensors")
    assert "cnn.safetensors" in sentence and "cnn.json is missing" in sentence


def test_a_missing_card_is_named(saved_model: Saved) -> None:
    path = saved_model("cnn")
    path.with_suffix(".json").unlink()
    assert "cnn.json is missing" in refused(path)


def test_missing_weights_are_named(saved_model: Saved) -> None:
    path = saved_model("cnn")
    path.unlink()
    sentence = refused(path)
    assert str(path) in sentence and "missing" in sentence


@pytest.mark.parametrize("keep", [0, 4, 1000, -1])
def test_damaged_weights_are_named(keep: int, saved_model: Saved) -> None:
    path = saved_model("cnn")
    path.write_bytes(path.read_bytes()[:keep])
    assert str(path) in refused(path)


def test_a_pickle_in_place_of_the_weights_is_refused(saved_model: Saved, small_network: Made) -> None:
    path = saved_model("cnn")
    torch.save(small_network("cnn").state_dict(), path)
    assert str(path) in refused(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {}},
        {"config": {"pixels": {"stem": 4, "stages": [4, 8, 8], "blocks": 2}}},
        {"config": {"depth": 5}},
        {"config": None},
        {"kind": "fusion"},
        {"kind": "transformer"},
        {"labels": ["yes", "no"]},
    ],
)
def test_a_card_of_another_network_is_refused(changes: dict[str, Any], saved_model: Saved) -> None:
    path = saved_model("cnn")
    change_card(path, **changes)
    sentence = refused(path)
    assert str(path) in sentence
    assert not sentence.endswith(":")  # the reason follows


def test_other_tensors_than_the_cards_network_has_are_told(saved_model: Saved) -> None:
    path = saved_model("cnn")
    tensors = load_file(path)
    del tensors["head.1.bias"]
    save_file(tensors, path)
    assert "head.1.bias" in refused(path)


@pytest.mark.parametrize(
    "change", [{"version": 99}, {"side": 64}, {"eye_distance": 0.5}, {"eye_centre": [0.5, 0.5]}]
)
def test_other_preprocessing_is_refused(change: dict[str, Any], saved_model: Saved) -> None:
    path = saved_model("cnn")
    change_card(path, preprocessing=Preprocessing().to_json() | change)
    sentence = refused(path)
    assert path.name in sentence and str(next(iter(change.values()))) in sentence
    assert load_card(path).preprocessing != Preprocessing()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[1, 2]",
        "null",
        '"text"',
        "{}",
        json.dumps({"labels": ["a", "b"], "preprocessing": {}}),
    ],
)
def test_a_card_that_is_none_is_refused(text: str, saved_model: Saved) -> None:
    path = saved_model("cnn")
    path.with_suffix(".json").write_text(text)
    assert str(path.with_suffix(".json")) in refused(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": float("nan")},
        {"temperature": "warm"},
        {"labels": ["one"]},
        {"labels": ["one", "one"]},
        {"labels": 7},
        {"preprocessing": None},
        {"preprocessing": {"eye_centre": []}},
        {"preprocessing": Preprocessing().to_json() | {"eye_centre": [0.5]}},
        {"mood": "good"},
    ],
)
def test_a_card_with_wrong_values_is_refused(changes: dict[str, Any], saved_model: Saved) -> None:
    path = saved_model("cnn")
    change_card(path, **changes)
    assert str(path.with_suffix(".json")) in refused(path)


def test_a_card_that_cannot_be_read_is_named(saved_model: Saved) -> None:
    path = saved_model("cnn")
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    assert str(path.with_suffix(".json")) in refused(path)


def test_a_card_survives_json() -> None:
    card = Card(
        "mine",
        "cnn",
        {"pixels": {"stages": [4]}},
        ("ärgerlich", "froh"),
        temperature=0.123456789,
        training={"seed": 3},
        scores={"PublicTest": {"accuracy": 0.7}},
    )
    assert Card.from_json(card.to_json()) == card


@pytest.mark.parametrize("name", ["cnn", "fusion"])
def test_the_committed_models_load_and_are_small_enough(name: str) -> None:
    path = ASSETS / f"{name}.safetensors"
    network, card = load_checkpoint(path)
    assert path.stat().st_size <= 10_000_000
    assert sum(parameter.numel() for parameter in network.parameters()) <= 5_000_000
    assert (card.name, card.kind, card.labels) == (name, name, EXPRESSIONS)
    assert card.data["trained_on"] == "Training"
    assert card.scores["PublicTest"]["n"] == 3589


@pytest.fixture
def on_base(saved_model: Saved, small_network: Made, tmp_path: Path) -> Path:
    """A fusion model that stores only what it adds to the pixel branch of a CNN in another folder."""
    base = saved_model("cnn")
    cnn, _ = load_checkpoint(base)
    fusion = small_network("fusion")
    fusion.get_submodule("pixel_branch").load_state_dict(cnn.get_submodule("pixel_branch").state_dict())
    path = tmp_path / "fusion" / "mine.safetensors"
    card = replace(load_card(saved_model("fusion")), base=Base.of(base, path.parent, "pixel_branch"))
    save_checkpoint(path, fusion, card)
    return path


def test_a_fusion_model_on_a_base_stores_what_it_adds_and_loads_whole(
    on_base: Path, small_network: Made, tmp_path: Path
) -> None:
    stored = load_file(on_base)
    assert stored and not any(name.startswith("pixel_branch.") for name in stored)
    network, card = load_checkpoint(on_base)
    assert card.base is not None and card.base.file == "../cnn.safetensors"
    cnn, _ = load_checkpoint(tmp_path / "cnn.safetensors")
    assert same_weights(network.get_submodule("pixel_branch"), cnn.get_submodule("pixel_branch"))
    head = small_network("fusion").get_submodule("head").state_dict()
    for name, tensor in network.get_submodule("head").state_dict().items():
        torch.testing.assert_close(tensor, head[name], rtol=1e-3, atol=1e-6)
    # Saved again from what was loaded, it is the same file.
    before = on_base.read_bytes(), on_base.with_suffix(".json").read_bytes()
    save_checkpoint(on_base, network, card)
    assert (on_base.read_bytes(), on_base.with_suffix(".json").read_bytes()) == before


def test_a_missing_base_is_named(on_base: Path, tmp_path: Path) -> None:
    (tmp_path / "cnn.safetensors").unlink()
    sentence = refused(on_base)
    assert "cnn.safetensors" in sentence and "mine.safetensors stores only what it adds" in sentence


def test_a_base_that_was_changed_is_refused(on_base: Path, saved_model: Saved, small_network: Made) -> None:
    base = saved_model("cnn")
    network = small_network("cnn")
    with torch.no_grad():
        next(network.parameters()).add_(0.01)
    save_checkpoint(base, network, load_card(base))
    sentence = refused(on_base)
    assert "mine.safetensors" in sentence and "another one than it was trained on" in sentence
    assert "\n" not in sentence


def test_a_base_of_another_network_is_refused(on_base: Path, saved_model: Saved) -> None:
    other = saved_model("landmarks")
    change_card(on_base, base=asdict(Base.of(other, on_base.parent, "pixel_branch")))
    assert "pixel_branch" in refused(on_base)


@pytest.mark.parametrize("base", ["cnn.safetensors", {"file": "cnn.safetensors"}, [1]])
def test_a_card_with_a_base_that_is_none_is_refused(base: Any, saved_model: Saved) -> None:
    path = saved_model("fusion")
    change_card(path, base=base)
    assert str(path.with_suffix(".json")) in refused(path)
