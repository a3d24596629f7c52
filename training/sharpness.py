"""Sharpness-aware steps: down the gradient that is met a little uphill, so that weights end where it is flat.

A label that is wrong is learnt by a narrow place of weights; a flat one disregards it. Each step costs two.

Reference
---------
Foret et al. 2021, "Sharpness-aware minimization for efficiently improving generalization".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def uphill(module: nn.Module, weights: Sequence[nn.Parameter], radius: float) -> Iterator[None]:
    """Inside, weights are where their gradients point, `radius` away; afterwards where they were, to the bit.

    Normalisations do not remember what they see there.

    Parameters
    ----------
    module : whose normalisations are meant
    weights : with their gradients; those without any stay
    radius : Euclidean, over all weights together
    """
    moved = [(weight, weight.grad) for weight in weights if weight.grad is not None]
    before = [weight.detach().clone() for weight, _ in moved]
    length = nn.utils.get_total_norm([gradient for _, gradient in moved])
    momenta = [(layer, layer.momentum) for layer in module.modules() if isinstance(layer, _BatchNorm)]
    try:
        with torch.no_grad():
            for weight, gradient in moved:
                weight.add_(gradient * (radius / length.clamp(min=1e-12)))
        for layer, _ in momenta:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in momenta:
            layer.momentum = momentum
        with torch.no_grad():
            for (weight, _), old in zip(moved, before, strict=True):
                weight.copy_(old)
