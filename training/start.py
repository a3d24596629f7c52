"""Begin with the weights of another model: fine-tuning, for the same classes or for others.

What fits is taken over. Of the last layer, which has one row a class, the rows of the classes that both
models know are taken by their names, so that an eighth class costs the other seven nothing of what is known.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from fusion_model.branches import SizedPool
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


def take_part(part: nn.Module, other: nn.Module) -> None:
    """Give a part of a network, in place, the weights of another's; a pooling for other maps is resampled.

    Parameters
    ----------
    part : of the same shape as `other`, but for the maps that its `SizedPool` takes
    other : out of a finished run
    """
    state = other.state_dict()
    pools = {name: layer for name, layer in part.named_modules() if isinstance(layer, SizedPool)}
    for name, pool in pools.items():
        known = state[f"{name}.weight"]
        if known.shape[2:] != pool.weight.shape[2:]:
            state[f"{name}.weight"] = _resampled(known, pool.weight.shape)
    part.load_state_dict(state)


def _resampled(weights: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The weights of a pooling for larger or smaller maps, which gives about the same sums."""
    share = weights.shape[2] * weights.shape[3] / (shape[2] * shape[3])
    return functional.interpolate(weights, size=shape[2:], mode="bilinear") * share


def told(card: Card) -> dict[str, Any]:
    """What a card says of a model that another one was begun from."""
    return {
        "epochs": card.training["recipe"]["epochs"],
        "minutes": card.training["minutes"],
        "machine": card.training["machine"],
        "seed": card.training["seed"],
        "begun_from": card.training.get("begun_from", {}),
    }
