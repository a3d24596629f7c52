"""What changes weights in a step: the optimizer, the rate of each step, the precision of its arithmetic."""

import torch
from torch import nn

from fusion_model.inference import fastest_precision
from training.recipe import Recipe


def make_schedule(
    recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The rate of each step: one cycle, or, where weights are averaged, the same on all."""
    if recipe.averaging:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    # OneCycleLR divides by zero where the rate is to rise on one step alone.
    warmup = recipe.warmup if recipe.warmup * steps > 1 else 0.0
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=steps,
        pct_start=warmup,
        base_momentum=recipe.momentum[0],
        max_momentum=recipe.momentum[1],
    )


def make_optimizer(recipe: Recipe, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a recipe asks for, of those weights."""
    rate, momentum = recipe.learning_rate, recipe.momentum[1]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(weights, lr=rate, betas=(momentum, 0.999), weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        weights, lr=rate, momentum=momentum, weight_decay=recipe.weight_decay, nesterov=True
    )


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 for what gains by it: on a GPU, and on a CPU that multiplies it natively."""
    fast = device.type != "cpu" or fastest_precision(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
