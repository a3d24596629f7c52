"""Fine-tuning: what is taken from another model, by the names of classes."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from fusion_model.branches import PixelBranch, PixelConfig
from fusion_model.checkpoint import ASSETS, Base, Card, CheckpointError, load_checkpoint, save_checkpoint
from fusion_model.inference import same_weights
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import ExpressionNetwork, build_network
from training.recipe import Recipe
from training.recipes import RECIPES
from training.start import start_weights, take_part, take_weights, with_start

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS

CONFIG = {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    path = tmp_path / "other.safetensors"
    save_checkpoint(
        path, build_network("fusion", 3, CONFIG), Card("other", "fusion", CONFIG, ("a", "b", "c"))
    )
    return path


def started(weights: Path, labels: tuple[str, ...]) -> tuple[ExpressionNetwork, ExpressionNetwork, Recipe]:
    recipe = with_start(replace(RECIPES["finetune_frozen"](), start=str(weights)))
    torch.manual_seed(6)
    network = build_network(recipe.kind, len(labels), recipe.config)
    take_weights(network, labels, recipe)
    return network, load_checkpoint(weights)[0], recipe


def test_all_but_the_head_is_taken_and_of_the_head_the_classes_that_both_know(weights: Path) -> None:
    network, other, recipe = started(weights, ("c", "new", "a"))
    taken, source = network.state_dict(), other.state_dict()
    for name, tensor in source.items():
        if not name.startswith("head."):
            assert torch.equal(taken[name], tensor), name
    for name in ("head.1.weight", "head.1.bias"):
        assert torch.equal(taken[name][0], source[name][2])
        assert torch.equal(taken[name][2], source[name][0])
        assert not torch.isin(taken[name][1], source[name]).any()
    assert recipe.frozen == ("pixel_branch", "landmark_branch")


def test_an_eighth_class_leaves_the_seven_as_they_were(weights: Path) -> None:
    network, other, _ = started(weights, ("a", "b", "c", "d"))
    inputs = (torch.randn(2, 1, 48, 48), torch.randn(2, 478, 3), torch.tensor([True, True]))
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(*inputs)[:, :3], other.eval()(*inputs))


def test_a_model_on_a_base_is_begun_from_with_its_base(weights: Path, tmp_path: Path) -> None:
    network, card = load_checkpoint(weights)
    added = tmp_path / "elsewhere" / "added.safetensors"
    save_checkpoint(added, network, replace(card, base=Base.of(weights, added.parent, "pixel_branch")))
    begun, _, recipe = started(added, ("b", "new"))
    assert same_weights(begun.get_submodule("pixel_branch"), network.get_submodule("pixel_branch"))
    assert recipe.frozen == ("pixel_branch", "landmark_branch")


def test_a_part_for_larger_pictures_takes_all_weights_and_the_pooling_resampled() -> None:
    torch.manual_seed(7)
    small = PixelConfig(stem=4, stages=(4, 8, 8), blocks=1)
    other, part = PixelBranch(small).eval(), PixelBranch(replace(small, side=56)).eval()
    with torch.no_grad():
        other.pool[0].weight.copy_(torch.linspace(0, 1, 6).expand(8, 1, 6, 6) / 18)
    take_part(part, other)
    taken, source = part.state_dict(), other.state_dict()
    assert taken.keys() == source.keys()
    for name, tensor in source.items():
        if name != "pool.0.weight":
            assert torch.equal(taken[name], tensor), name
    pool = taken["pool.0.weight"]
    assert pool.shape == (8, 1, 7, 7)
    torch.testing.assert_close(pool.sum(dim=(1, 2, 3)), torch.ones(8))
    assert (pool.diff(dim=3) > 0).all()
    torch.testing.assert_close(pool.diff(dim=2), torch.zeros(8, 1, 6, 7), atol=1e-6, rtol=0)
    with pytest.raises(RuntimeError, match="size mismatch"):
        take_part(PixelBranch(replace(small, stem=5)), other)


def test_what_a_network_lacks_is_not_frozen(tmp_path: Path) -> None:
    config = {"landmarks": SMALL_LANDMARKS}
    path = tmp_path / "l.safetensors"
    save_checkpoint(path, build_network("landmarks", 2, config), Card("l", "landmarks", config, ("a", "b")))
    recipe = with_start(replace(RECIPES["finetune_frozen"](), start=str(path)))
    assert (recipe.kind, recipe.frozen, recipe.views) == ("landmarks", ("landmark_branch",), 0)


def test_the_packages_models_are_known_by_name() -> None:
    assert start_weights("fusion") == ASSETS / "fusion.safetensors"
    recipe = with_start(RECIPES["finetune"]())
    assert recipe.kind == "fusion"
    network = build_network(recipe.kind, 7, recipe.config)
    take_weights(network, EXPRESSIONS, recipe)
    shipped, _ = load_checkpoint(ASSETS / "fusion.safetensors")
    assert all(torch.equal(shipped.state_dict()[name], t) for name, t in network.state_dict().items())


def test_recipes_that_begin_with_nothing_stay_as_they_are() -> None:
    assert asdict(with_start(RECIPES["cnn"]())) == asdict(RECIPES["cnn"]())


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no model at"):
        with_start(replace(RECIPES["finetune"](), start=str(tmp_path / "none.safetensors")))
