"""Begin with the weights of another model: fine-tuning, for the same classes or for others.

What fits is taken over. Of the last layer, which has one row a class, the rows of the classes that both
models know are taken by their names, so that an eighth class costs the other seven nothing of what is known.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fusion_model.checkpoint import ASSETS, Card, load_card, load_checkpoint
from fusion_model.network import ExpressionNetwork, build_network
from training.recipe import Recipe


def start_weights(name: str) -> Path:
    """The weights of that name in the package, else at that path."""
    shipped = ASSETS / f"{name}.safetensors"
    return shipped if shipped.exists() else Path(name)


def with_start(recipe: Recipe) -> Recipe:
    """The recipe with the kind and shape of the network that it begins with, if it begins with any.

    Raises
    ------
    CheckpointError
        Where that cannot be read.
    """
    if not recipe.start:
        return recipe
    card = load_card(start_weights(recipe.start))
    with torch.device("meta"):  # only to know which parts it has
        network = build_network(card.kind, len(card.labels), card.config)
    frozen = tuple(name for name in recipe.frozen if hasattr(network, name))
    views = recipe.views if "pixel_branch" in frozen else 0
    return replace(recipe, kind=card.kind, config=card.config, frozen=frozen, views=views)


def take_weights(network: ExpressionNetwork, labels: tuple[str, ...], recipe: Recipe) -> None:
    """Give a network, in place, the weights that its recipe begins with.

    Parameters
    ----------
    network : of the recipe's kind and config
    labels : its classes
    recipe : one that begins with weights
    """
    other, card = load_checkpoint(start_weights(recipe.start))
    taken = other.state_dict()
    shared = [(labels.index(label), code) for code, label in enumerate(card.labels) if label in labels]
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            # In the head, rows are classes, also where both models have as many.
            if name.startswith("head.") and len(taken[name]) == len(card.labels):
                for new, old in shared:
                    tensor[new] = taken[name][old]
            else:
                tensor.copy_(taken[name])


def told(card: Card) -> dict[str, Any]:
    """What a card says of a model that another one was begun from."""
    return {
        "epochs": card.training["recipe"]["epochs"],
        "minutes": card.training["minutes"],
        "machine": card.training["machine"],
        "seed": card.training["seed"],
        "begun_from": card.training.get("begun_from", {}),
    }
