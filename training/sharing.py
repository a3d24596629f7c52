"""A batch over several processes as if one had it whole: normalisation, dropout and sums over all rows.

Shape suffixes: B rows of the whole batch, F feature.

Without this, each process would normalise by its own rows and drop features by chances of its own, and two
processes would train another model than one. PyTorch's own SyncBatchNorm is for GPUs only.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class Shares:
    """Which rows of a batch are this process's: row `rank`, and every `world`-th after it.

    Parameters
    ----------
    rank, world : this process, and how many there are
    """

    def __init__(self, rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self._found_B = torch.zeros(0, dtype=torch.bool)

    def begin(self, mesh_found_B: Tensor) -> None:
        """Before each step: tell which of this process's rows have a mesh, and hear of the others'."""
        mine = mesh_found_B.to(torch.uint8)
        parts = [torch.empty_like(mine) for _ in range(self.world)]
        dist.all_gather(parts, mine)
        self._found_B = torch.stack(parts, dim=1).flatten().bool()

    def rows(self, count: int, *, with_mesh: bool) -> tuple[int, Tensor]:
        """How many rows a layer sees in all processes together, and which of them are these `count`.

        Where only real meshes go through a layer (``with_mesh``), the rows are counted among those.
        """
        found_B = self._found_B
        if with_mesh and 1 < found_B.sum() < len(found_B):
            mine = torch.where(found_B, found_B.cumsum(0) - 1, -1)[self.rank :: self.world]
            mine = mine[mine >= 0]
            if len(mine) == count:
                return int(found_B.sum()), mine
        return len(found_B), torch.arange(self.rank, len(found_B), self.world, device=found_B.device)


class _SumOverAll(torch.autograd.Function):
    """The sum over processes; so is the gradient's, since each process's loss depends on all of them."""

    @staticmethod
    def forward(_: Any, mine: Tensor) -> Tensor:
        total = mine.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def sum_over_all(mine: Tensor) -> Tensor:
    """The sum of a tensor over all processes, with gradient."""
    total: Tensor = _SumOverAll.apply(mine)
    return total


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation by the mean and spread over the rows of all processes."""

    def _check_input_dim(self, _: Tensor) -> None:
        """Any number of dimensions."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, F, ...) -> the same shape."""
        if not self.training:
            return super().forward(input)
        over = [0, *range(2, input.dim())]
        shape = [1, -1] + [1] * (input.dim() - 2)
        values = input.float()
        count = sum_over_all(values.new_tensor(float(values[:, 0].numel())))
        mean_F = sum_over_all(values.sum(over)) / count
        centred = values - mean_F.view(shape)
        variance_F = sum_over_all((centred**2).sum(over)) / count
        self._remember(mean_F.detach(), (variance_F * count / (count - 1).clamp(min=1)).detach())
        scale_F = self.weight * torch.rsqrt(variance_F + self.eps)
        return (centred * scale_F.view(shape) + self.bias.view(shape)).to(input.dtype)

    def _remember(self, mean_F: Tensor, variance_F: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        # Without a momentum, the mean over all batches, as in PyTorch's own.
        weight = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean_F, weight)
        self.running_var.lerp_(variance_F, weight)


class SharedDropout(nn.Dropout):
    """Dropout that draws for the rows of all processes, as one process would, and uses its own."""

    def __init__(self, p: float, shares: Shares, *, with_mesh: bool) -> None:
        super().__init__(p)
        self.shares = shares
        self.with_mesh = with_mesh

    def forward(self, input: Tensor) -> Tensor:
        """(B, ...) -> the same shape."""
        if not self.training or self.p == 0:
            return input
        count, mine = self.shares.rows(len(input), with_mesh=self.with_mesh)
        kept = functional.dropout(input.new_ones((count, *input.shape[1:])), self.p)
        return input * kept[mine]


def share_layers(module: nn.Module, shares: Shares, *, with_mesh: bool = False) -> None:
    """Put shared layers in the place of a network's own; parameters and buffers stay the same ones.

    Of a landmark branch only the rows with a mesh go through the layers (see `fusion_model.branches`).
    """
    for name, child in module.named_children():
        inside = with_mesh or name == "landmark_branch"
        if isinstance(child, _BatchNorm):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared._parameters, shared._buffers = child._parameters, child._buffers
            setattr(module, name, shared.train(child.training))
        elif isinstance(child, nn.Dropout):
            layer = SharedDropout(child.p, shares, with_mesh=inside)
            setattr(module, name, layer.train(child.training))
        else:
            share_layers(child, shares, with_mesh=inside)
