"""Which recipes make the package's own two models, and all that has to be trained for them, in order."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

from training.recipes import RECIPES

#: Name that the package gives a model: the recipe that makes it.
PUBLISHED = {"cnn": "cnn_photographs", "fusion": "fusion_photographs"}


def weights_of(recipe: str, runs: Path) -> Path:
    """Where the weights of that recipe are, or will be."""
    return runs / recipe / f"{recipe}.safetensors"


def missing(recipes: Iterable[str], runs: Path | None = None) -> list[str]:
    """Those recipes and all that they begin with or learn from, in the order in which one needs the other.

    Parameters
    ----------
    recipes : names
    runs : folder of the runs; a finished one needs nothing that it was made of. None: nothing is finished.
    """
    found: dict[str, None] = {}
    for name in recipes:
        if runs is None or not weights_of(name, runs).exists():
            recipe = RECIPES[name]()
            found |= dict.fromkeys([*missing([*recipe.parts.values(), *recipe.teachers], runs), name])
    return list(found)


def training_commands() -> str:
    """The commands that train and score the package's own two models from nothing: a block for the texts."""
    given = "--data fer2013.csv --votes fer2013new.csv"
    needed = missing(PUBLISHED.values())
    photographs = any(RECIPES[name]().photographs for name in needed)
    trained = f"{given} --photographs fairface_64px.npz" if photographs else given
    recipes = textwrap.wrap(" ".join(needed), 80, break_on_hyphens=False)
    scored = [f"{name}={weights_of(recipe, Path('runs'))}" for name, recipe in PUBLISHED.items()]
    return "\n".join(
        [
            "```",
            "python -m training.landmark_cache fer2013.csv             # Face Mesh, two minutes, resumable",
            "# each begins where another ended; --resume goes on after a stop",
            "for recipe in " + " \\\n    ".join(recipes) + "; do",
            f"    python -m training.train $recipe {trained}",
            "done",
            f"python -m training.evaluate {given} \\",
            *(f"    {each} \\" for each in scored[:-1]),
            f"    {scored[-1]}",
            "tensorboard --logdir runs",
            "```\n",
        ]
    )
