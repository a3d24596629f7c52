"""What has to be trained for the package's own models, in which order, and the commands that say so."""

import re
import subprocess
from pathlib import Path

from training import published
from training.recipes import RECIPES


def test_each_run_comes_after_those_that_it_begins_with_or_learns_from(tmp_path: Path) -> None:
    order = published.missing(["fusion_larger", "cnn_larger"], tmp_path)
    assert order[-1] == "fusion_larger" and len(order) == len(set(order))
    for place, name in enumerate(order):
        recipe = RECIPES[name]()
        assert {*recipe.parts.values(), *recipe.teachers} <= set(order[:place])
    for name in ("cnn_taught", "cnn_longer"):
        known = published.weights_of(name, tmp_path)
        known.parent.mkdir()
        known.touch()
    left = ["cnn_face", "cnn_steady", "cnn_steady_longer", "cnn_larger"]  # one of its teachers is missing
    assert published.missing(["cnn_larger"], tmp_path) == left


def test_the_commands_are_bash_and_train_all_that_the_published_models_need() -> None:
    told = published.training_commands().strip().strip("`")
    assert subprocess.run(["bash", "-n", "-c", told], check=False).returncode == 0
    assert max(map(len, told.splitlines())) <= 110
    (listed,) = re.findall(r"for recipe in (.*?); do", told, re.DOTALL)
    recipes = [name for name in listed.split() if name != "\\"]
    assert recipes == published.missing(published.PUBLISHED.values())
    for name, recipe in published.PUBLISHED.items():
        assert recipe in recipes
        assert f"{name}=runs/{recipe}/{recipe}.safetensors" in told
