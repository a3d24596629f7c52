"""A look uphill: as far as asked, and back to the bit."""

import pytest
import torch
from torch import nn

from training.sharpness import uphill


def test_weights_go_as_far_as_asked_along_their_gradients_and_come_back() -> None:
    weights = [nn.Parameter(torch.tensor([3.0, 0.1])), nn.Parameter(torch.tensor([4.0, -0.0]))]
    for weight, gradient in zip(weights, ([0.3, 0.0], [0.4, 0.0]), strict=True):
        weight.grad = torch.tensor(gradient)
    still = nn.Parameter(torch.ones(1))  # without a gradient
    before = [weight.detach().clone() for weight in weights]
    with uphill(nn.Module(), [*weights, still], 0.5):
        assert torch.allclose(weights[0], torch.tensor([3.3, 0.1]))
        assert torch.allclose(weights[1], torch.tensor([4.4, 0.0]))
        assert float(still.detach()) == 1
    for weight, old in zip(weights, before, strict=True):
        assert torch.equal(weight.view(torch.int32), old.view(torch.int32))


def test_where_nothing_rises_weights_stay() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.zeros(2)
    with uphill(nn.Module(), [weight], 0.5):
        assert torch.equal(weight, torch.ones(2))


def test_normalisations_forget_it_and_weights_come_back_after_an_error() -> None:
    layer = nn.BatchNorm1d(2, momentum=0.3)
    layer.weight.grad = torch.ones(2)
    mean_F = layer.running_mean.clone()  # type: ignore[union-attr]

    def look() -> None:
        with uphill(layer, [layer.weight], 1.0):
            layer(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look()
    assert torch.equal(layer.running_mean, mean_F)  # type: ignore[arg-type]
    assert layer.momentum == 0.3
    assert torch.equal(layer.weight, torch.ones(2))
