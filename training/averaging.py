"""Averaged weights need statistics of their own: those of the runs' last steps are not theirs.

So do weights between those of two runs. The mean of weights along a path of a constant rate lies in the
middle of a wide basin, where other pictures are answered better than at its rim (Izmailov et al. 2018,
"Averaging weights leads to wider optima and better generalization").
"""

from collections.abc import Iterable

from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from training.dataset import Batch
from training.losses import Objective


def normalise_anew(objective: Objective, frozen: tuple[str, ...], batches: Iterable[Batch]) -> None:
    """Measure again, in place, mean and spread of every batch normalisation that is not frozen.

    Parameters
    ----------
    objective : on the batches' device
    frozen : parts of its network that stay as they are, statistics and all
    batches : of one epoch, ready for the network
    """
    update_bn(batches, _Trained(objective, frozen))


class _Trained(nn.Module):
    """The parts of an objective that are trained; called, it is the whole objective."""

    def __init__(self, objective: Objective, frozen: tuple[str, ...]) -> None:
        super().__init__()
        parts = objective.network.named_children()
        self.parts = nn.ModuleList(part for name, part in parts if name not in frozen)
        self._whole = [objective]  # in a list, it is no part

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss (a scalar) and logits (B, K)."""
        return self._whole[0](batch)
