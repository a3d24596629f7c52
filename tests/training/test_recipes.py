"""The recipes hold together: what they name is there, and their networks can be built."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from fusion_model.network import KINDS, build_network
from training.recipe import Recipe
from training.recipes import RECIPES
from training.start import take_part, with_start


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_itself_and_what_it_needs(name: str) -> None:
    recipe = with_start(RECIPES[name]())
    assert recipe.name == name
    assert recipe.kind in KINDS
    network = built(recipe)
    for part, source in recipe.parts.items():
        other = built(RECIPES[source]())
        take_part(network.get_submodule(part), other.get_submodule(part))
    for part in recipe.frozen:
        network.get_submodule(part)
    assert json.loads(json.dumps(recipe.to_json())) == recipe.to_json()
    # It has its place in the comparison: the docstring tells what it is.
    assert RECIPES[name].__doc__


def test_who_teaches_by_pixels_alone_is_a_larger_cnn_than_the_pupil() -> None:
    pupil = RECIPES["cnn_distilled"]()
    teachers = [RECIPES[name]() for name in pupil.teachers]
    assert pupil.live and all(teacher.kind == pupil.kind == "cnn" for teacher in teachers)
    assert min(parameters(built(teacher)) for teacher in teachers) > 3 * parameters(built(pupil))


def test_the_fusion_model_stands_on_the_cnn_itself() -> None:
    for name in (name for name in RECIPES if name.startswith("fusion")):
        fusion = RECIPES[name]()
        cnn = RECIPES[fusion.parts["pixel_branch"]]()
        assert cnn.kind == "cnn"
        assert fusion.frozen == ("pixel_branch",)
        assert fusion.config["pixels"] == cnn.config["pixels"]


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.startswith("teacher_")])
def test_every_network_but_the_two_large_backbones_and_teachers_is_within_the_budget(name: str) -> None:
    recipe = with_start(RECIPES[name]())
    network = built(recipe)
    if recipe.architecture in ("resnet50", "inception_v3"):
        for part in recipe.frozen:
            network.set_submodule(part, nn.Identity())  # stored once, with the CNN
    if recipe.frozen or recipe.architecture not in ("resnet50", "inception_v3"):
        assert parameters(network) <= 5_000_000


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet50", "inception_v3"])
@pytest.mark.parametrize("budget", ["", "_short"])
def test_a_backbone_has_both_budgets_and_a_fusion_model_that_adds_only_its_own(
    architecture: str, budget: str
) -> None:
    cnn, fusion = RECIPES[f"{architecture}{budget}"](), RECIPES[f"{architecture}_fusion{budget}"]()
    assert cnn.architecture == fusion.architecture == architecture
    assert fusion.parts["pixel_branch"] == cnn.name and fusion.frozen == ("pixel_branch",)
    assert fusion.config["pixels"] == cnn.config["pixels"]
    assert cnn.side(cnn.epochs - 1) == 48  # the last epochs see what the model will see
    assert sum(epochs for _, epochs in cnn.sides) < cnn.epochs


def test_imagenet_weights_are_for_backbones_that_begin_from_nothing() -> None:
    assert replace(RECIPES["resnet50"](), pretrained=True).pretrained
    for name in ("cnn", "landmarks", "resnet50_fusion"):
        with pytest.raises(ValueError, match="no ImageNet weights for"):
            replace(RECIPES[name](), pretrained=True)


def test_the_control_has_as_many_parameters_as_the_fusion_model() -> None:
    fusion, wider = (RECIPES[name]() for name in ("fusion_short", "wider_short"))
    sizes = [parameters(built(recipe)) for recipe in (fusion, wider)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)
    assert wider.parts["pixel_branch"] == fusion.parts["pixel_branch"]


def built(recipe: Recipe) -> nn.Module:
    """The network's shapes, without weights."""
    with torch.device("meta"):
        return build_network(recipe.kind, 7, recipe.config)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_sides_of_the_pictures_follow_the_epochs() -> None:
    recipe = Recipe(name="x", kind="cnn", epochs=6, sides=((32, 2), (40, 1)))
    assert [recipe.side(epoch) for epoch in range(6)] == [32, 32, 40, 48, 48, 48]


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": -3},
        {"batch": 1},
        {"warmup": 0.0},
        {"warmup": 1.0},
        {"views": 2},
        {"mesh": "another's"},
        {"optimizer": "adam"},
        {"clip": -1.0},
        {"averaging": 21},
        {"averaging": -1},
        {"sharpness": -0.1},
        {"live": True},
        {"interpolation": 0.3},  # with nothing
        {"interpolation": 0.3, "parts": {"pixel_branch": "cnn"}, "frozen": ("pixel_branch",)},
        {"interpolation": 1.0, "parts": {"pixel_branch": "cnn"}},
        {"interpolation": -0.1, "parts": {"pixel_branch": "cnn"}},
        {"photograph_weights": {"happy": 0.3}},  # without photographs
        {"photographs": True, "photograph_weights": {"happy": 0.0}},
        {"photographs": True, "photograph_weights": {"happiness": 0.3}},
    ],
)
def test_a_recipe_checks_itself(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError,
        match=r"recipe needs|warm-up|frozen|mesh is|optimizer is|gradients are|weights (are|of)|by view",
    ):
        Recipe(name="x", kind="cnn", **wrong)  # type: ignore[arg-type]
