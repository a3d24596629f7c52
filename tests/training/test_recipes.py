"""The recipes hold together: what they name is there, and their networks can be built."""

import json
from typing import Any

import pytest
from torch import nn

from fusion_model.network import KINDS, build_network
from training.recipes import RECIPES, Recipe
from training.start import with_start


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_itself_and_what_it_needs(name: str) -> None:
    recipe = with_start(RECIPES[name]())
    assert recipe.name == name
    assert recipe.kind in KINDS
    network = build_network(recipe.kind, 7, recipe.config)
    for part, source in recipe.parts.items():
        other = build_network(RECIPES[source]().kind, 7, RECIPES[source]().config)
        network.get_submodule(part).load_state_dict(other.get_submodule(part).state_dict())
    for part in recipe.frozen:
        network.get_submodule(part)
    assert json.loads(json.dumps(recipe.to_json())) == recipe.to_json()
    # It has its place in the comparison: the docstring tells what it is.
    assert RECIPES[name].__doc__


def test_the_fusion_model_stands_on_the_cnn_itself() -> None:
    for name in ("fusion", "fusion_short"):
        fusion = RECIPES[name]()
        cnn = RECIPES[fusion.parts["pixel_branch"]]()
        assert cnn.kind == "cnn"
        assert fusion.frozen == ("pixel_branch",)
        assert fusion.config["pixels"] == cnn.config["pixels"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_is_within_the_budget(name: str) -> None:
    recipe = with_start(RECIPES[name]())
    assert parameters(build_network(recipe.kind, 7, recipe.config)) <= 5_000_000


def test_the_control_has_as_many_parameters_as_the_fusion_model() -> None:
    fusion, wider = (RECIPES[name]() for name in ("fusion_short", "wider_short"))
    sizes = [parameters(build_network(recipe.kind, 7, recipe.config)) for recipe in (fusion, wider)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)
    assert wider.parts["pixel_branch"] == fusion.parts["pixel_branch"]


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
    ],
)
def test_a_recipe_checks_itself(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"recipe needs|warm-up|frozen|the mesh is one of"):
        Recipe(name="x", kind="cnn", **wrong)  # type: ignore[arg-type]
