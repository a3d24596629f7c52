"""Layers of several processes: each does what one process does with the whole batch, gradients included."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from training.losses import votes_loss
from training.sharing import SharedBatchNorm, SharedDropout, Shares, share_layers

WORLD = 2
ROWS = 12
#: Rows 1 and 6 have no mesh.
FOUND_B = torch.tensor([row not in (1, 6) for row in range(ROWS)])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.Flatten(),
        nn.Linear(12, 8),
        nn.BatchNorm1d(8),
        nn.Dropout(0.5),
    )
    return made.train()


def batch() -> Tensor:
    return torch.randn(ROWS, 2, 4, 4, generator=torch.Generator().manual_seed(1)) * 3 + 5


def votes() -> Tensor:
    """Votes of FER+, none at all for three of the pictures of the first process."""
    votes_BV = torch.randint(0, 5, (ROWS, 10), generator=torch.Generator().manual_seed(2)).float()
    votes_BV[[0, 2, 4]] = 0
    return votes_BV


def step(made: nn.Module, mine: Tensor) -> Tensor:
    """Outputs after one step, whose gradients are left in the network."""
    torch.manual_seed(3)
    outputs: Tensor = made(mine)
    (outputs.square().mean()).backward()
    return outputs.detach()


def measured_anew(made: nn.Module, rank: int, world: int) -> dict[str, Tensor]:
    """The state after the running statistics were measured anew, as means over three batches."""
    torch.manual_seed(5)
    update_bn([(batch() * size)[rank::world] for size in (1, 2, 5)], made)
    return {name: tensor.clone() for name, tensor in made.state_dict().items()}


def one_of_two(rank: int, meeting: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=WORLD)
    shares = Shares(rank, WORLD)
    shares.begin(FOUND_B[rank::WORLD])
    made = network()
    share_layers(made, shares)
    kept = [isinstance(layer, SharedBatchNorm | SharedDropout) for layer in made]
    outputs = step(made, batch()[rank::WORLD])
    gradients = {name: parameter.grad for name, parameter in made.named_parameters()}
    votes_BV = votes()[rank::WORLD]
    # Of a layer that only real meshes go through, and of one that all rows do.
    dropout = SharedDropout(0.5, shares, with_mesh=True)
    torch.manual_seed(4)
    dropped = [dropout(torch.ones(int(FOUND_B[rank::WORLD].sum()), 5)), dropout(torch.ones(6, 5))[:0]]
    torch.save(
        {
            "kept": kept,
            "outputs": outputs,
            "gradients": gradients,
            "state": {name: tensor.clone() for name, tensor in made.state_dict().items()},
            "votes_loss": votes_loss(torch.zeros(len(votes_BV), 10) + torch.arange(10.0), votes_BV, WORLD),
            "dropped": dropped[0],
            "anew": measured_anew(made, rank, WORLD),
        },
        f"{out}/{rank}.pt",
    )
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    mp.spawn(one_of_two, (str(folder / "meeting"), str(folder)), nprocs=WORLD)
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


def whole(parts: list[Tensor]) -> Tensor:
    """Rows of all processes in the order of the batch."""
    return torch.stack(parts, dim=1).flatten(0, 1)


def test_two_processes_give_the_outputs_and_gradients_of_one(ranks: list[dict]) -> None:
    alone = network()
    outputs = step(alone, batch())
    assert ranks[0]["kept"] == [False, True, False, False, True, True]
    torch.testing.assert_close(whole([rank["outputs"] for rank in ranks]), outputs, rtol=1e-5, atol=1e-5)
    for name, parameter in alone.named_parameters():
        # As DistributedDataParallel does it: the mean over processes.
        mean = torch.stack([rank["gradients"][name] for rank in ranks]).mean(dim=0)
        torch.testing.assert_close(mean, parameter.grad, rtol=1e-4, atol=1e-5)


def test_running_statistics_are_those_of_the_whole_batch_under_the_same_names(ranks: list[dict]) -> None:
    alone = network()
    step(alone, batch())
    for rank in ranks:
        assert list(rank["state"]) == list(alone.state_dict())
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(rank["state"][name], tensor, rtol=1e-5, atol=1e-5)


def test_statistics_measured_anew_are_those_of_the_whole_batches(ranks: list[dict]) -> None:
    alone = network()
    expected = measured_anew(alone, 0, 1)
    assert not torch.equal(expected["1.running_mean"], network().state_dict()["1.running_mean"])
    for rank in ranks:
        for name in ("1.running_mean", "1.running_var", "4.running_mean", "4.running_var"):
            torch.testing.assert_close(rank["anew"][name], expected[name], rtol=1e-4, atol=1e-4)


def test_votes_count_over_all_processes(ranks: list[dict]) -> None:
    logits_BV = torch.zeros(ROWS, 10) + torch.arange(10.0)
    mean = torch.stack([rank["votes_loss"] for rank in ranks]).mean()
    torch.testing.assert_close(mean, votes_loss(logits_BV, votes()))


def test_rows_with_a_mesh_are_dropped_as_in_one_process(ranks: list[dict]) -> None:
    torch.manual_seed(4)
    alone = nn.functional.dropout(torch.ones(int(FOUND_B.sum()), 5), 0.5)
    rows = torch.arange(ROWS)[FOUND_B]
    for rank, found in enumerate(ranks):
        torch.testing.assert_close(found["dropped"], alone[rows % WORLD == rank])


def test_answering_is_as_without_sharing() -> None:
    alone, shared = network().eval(), network()
    share_layers(shared, Shares(0, 1))
    torch.testing.assert_close(shared.eval()(batch()), alone(batch()), rtol=0, atol=0)
