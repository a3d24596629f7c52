"""The objective: cross-entropy with label smoothing, and the second head on FER+ votes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from fusion_model.network import KINDS, ExpressionNetwork, build_network
from training.dataset import Batch
from training.fer2013 import VOTE_COLUMNS
from training.losses import Objective, votes_loss
from training.recipe import Recipe

Make = Callable[..., Recipe]


@pytest.fixture
def batch() -> Batch:
    """Eight faces, half with a mesh, the last two without votes."""
    generator = torch.Generator().manual_seed(0)
    votes_BV = torch.randint(0, 10, (8, len(VOTE_COLUMNS)), generator=generator).float()
    votes_BV[6:] = 0
    return Batch(
        torch.randn(8, 1, 48, 48, generator=generator),
        torch.randn(8, 478, 3, generator=generator),
        torch.arange(8) % 2 == 0,
        torch.arange(8) % 7,
        votes_BV,
    )


@pytest.fixture
def network(small_recipe: Make) -> Callable[[str], ExpressionNetwork]:
    def make(kind: str) -> ExpressionNetwork:
        torch.manual_seed(0)
        return build_network(kind, 7, small_recipe(kind).config)

    return make


def test_the_loss_on_votes_worked_by_hand() -> None:
    logits_BV = torch.zeros(3, 10)
    logits_BV[1] = torch.tensor([9.0, 2, 1, 0, 0, 0, 0, 0, 0, 0]).add(1e-9).log().clamp(min=-30)
    votes_BV = torch.zeros(3, 10)
    votes_BV[0, 4] = 3
    votes_BV[1, :3] = torch.tensor([6.0, 3, 1])
    # First: -log(1/10). Second: the shares .6, .3, .1 against 9/12, 2/12, 1/12. Third: no votes, not counted.
    first = torch.tensor(10.0).log()
    second = -(torch.tensor([0.6, 0.3, 0.1]) * torch.tensor([9 / 12, 2 / 12, 1 / 12]).log()).sum()
    torch.testing.assert_close(votes_loss(logits_BV, votes_BV), (first + second) / 2)


def test_the_loss_on_votes_is_least_for_the_shares_of_the_votes() -> None:
    votes_BV = torch.tensor([[5.0, 3, 1, 1, 0, 0, 0, 0, 0, 0]])
    logits_BV = torch.zeros(1, 10, requires_grad=True)
    best = (votes_BV / 10).clamp(min=1e-9).log()
    assert votes_loss(best, votes_BV) < votes_loss(best * 1.3, votes_BV)
    assert votes_loss(best, votes_BV) < votes_loss(best * 0.7, votes_BV)
    votes_loss(logits_BV, votes_BV).backward()
    torch.testing.assert_close(logits_BV.grad, torch.full((1, 10), 0.1) - votes_BV / 10)


def test_pictures_without_votes_are_ignored() -> None:
    generator = torch.Generator().manual_seed(1)
    logits_BV = torch.randn(4, 10, generator=generator, requires_grad=True)
    votes_BV = torch.randint(0, 5, (4, 10), generator=generator).float()
    votes_BV[2] = 0
    keep = torch.tensor([0, 1, 3])
    loss = votes_loss(logits_BV, votes_BV)
    torch.testing.assert_close(loss, votes_loss(logits_BV[keep], votes_BV[keep]))
    loss.backward()
    assert logits_BV.grad is not None
    assert not logits_BV.grad[2].any()
    none = votes_loss(logits_BV, torch.zeros(4, 10))
    assert none == 0 and none.isfinite()


def test_labels_count_by_their_weights(batch: Batch, network: Callable[[str], ExpressionNetwork]) -> None:
    objective = Objective(network("cnn"), 0.1, 0.0).eval()
    loss, logits_BK = objective(batch)
    alike, _ = objective(replace(batch, weights_B=torch.full((8,), 0.3)))
    torch.testing.assert_close(alike, loss)
    weights_B = torch.tensor([1.0, 1, 0.3, 0.3, 0, 0, 0, 0])
    loss, _ = objective(replace(batch, weights_B=weights_B))
    each_B = [
        functional.cross_entropy(logits_BK[i : i + 1], batch.labels_B[i : i + 1], label_smoothing=0.1)
        for i in range(4)
    ]
    torch.testing.assert_close(loss, (each_B[0] + each_B[1] + 0.3 * (each_B[2] + each_B[3])) / 2.6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_objective_is_the_sum_of_its_parts(
    kind: str, batch: Batch, network: Callable[[str], ExpressionNetwork]
) -> None:
    objective = Objective(network(kind), 0.1, 0.5).eval()
    loss, logits_BK = objective(batch)
    inputs = (batch.pixels_BCHW, batch.landmarks_BLD, batch.mesh_found_B)
    torch.testing.assert_close(logits_BK, objective.network(*inputs))
    on_labels = functional.cross_entropy(logits_BK, batch.labels_B, label_smoothing=0.1)
    assert objective.votes_head is not None
    on_votes = votes_loss(objective.votes_head(objective.network.features(*inputs)), batch.votes_BV)
    torch.testing.assert_close(loss, on_labels + 0.5 * on_votes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_from_the_objective(
    kind: str, batch: Batch, network: Callable[[str], ExpressionNetwork]
) -> None:
    objective = Objective(network(kind), 0.1, 0.5).eval()  # with running statistics: see test_network.py
    objective(batch)[0].backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-9, name


def test_without_votes_there_is_no_second_head(
    batch: Batch, network: Callable[[str], ExpressionNetwork]
) -> None:
    objective = Objective(network("cnn"), 0.0, 0.0).eval()
    assert objective.votes_head is None
    assert all(name.startswith("network.") for name in objective.state_dict())
    loss, logits_BK = objective(batch)
    torch.testing.assert_close(loss, functional.cross_entropy(logits_BK, batch.labels_B))
