"""The recipes hold together: what they name is there, and their networks can be built."""

import json

import pytest

from fusion_model.network import KINDS, build_network
from training.recipes import RECIPES, Recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_itself_and_what_it_needs(name: str) -> None:
    recipe = RECIPES[name]()
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
    fusion, cnn = RECIPES["fusion"](), RECIPES["cnn"]()
    assert fusion.parts["pixel_branch"] == "cnn"
    assert fusion.config.get("pixels") == cnn.config.get("pixels")


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"epochs": -3}, {"batch": 1}, {"warmup": 0.0}, {"warmup": 1.0}]
)
def test_a_recipe_checks_itself(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"recipe needs|warm-up"):
        Recipe(name="x", kind="cnn", **wrong)  # type: ignore[arg-type]
