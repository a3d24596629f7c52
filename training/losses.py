"""What training minimises: the label's cross-entropy and, where there are FER+ votes, a second head on them.

Shape suffixes: B batch, F feature, K class, V FER+ vote column (10).

The second head shares the network's features and is thrown away after training. It is extra supervision (ten
raters a picture, Barsoum et al. 2016), and a checkpoint's card says so.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.network import ExpressionNetwork, TwoBranches
from training.dataset import Batch
from training.fer2013 import VOTE_COLUMNS
from training.sharing import sum_over_all


class Objective(nn.Module):
    """A network together with its loss.

    Parameters
    ----------
    network : a network of `fusion_model.network`
    label_smoothing : share of the target spread over all classes, 0 to 1
    votes_weight : weight of the loss on FER+ votes; 0 for none
    """

    def __init__(self, network: ExpressionNetwork, label_smoothing: float, votes_weight: float) -> None:
        super().__init__()
        self.network = network
        self.label_smoothing = label_smoothing
        self.votes_weight = votes_weight
        self.world = 1  # processes that share each batch
        self.votes_head: nn.Linear | None = None
        if votes_weight > 0:
            self.votes_head = nn.Linear(network.feature_count, len(VOTE_COLUMNS))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss (a scalar) and logits (B, K)."""
        known_BF = batch.pixel_features_BF
        if known_BF is None:
            features_BF = self.network.features(batch.pixels_BCHW, batch.landmarks_BLD, batch.mesh_found_B)
        elif isinstance(self.network, TwoBranches):
            features_BF = self.network.join(known_BF, batch.landmarks_BLD, batch.mesh_found_B)
        else:
            features_BF = known_BF  # a CNN has no others
        logits_BK = self.network.head(features_BF).float()
        target = batch.labels_B if batch.targets_BK is None else batch.targets_BK
        loss = functional.cross_entropy(
            logits_BK,
            target,
            label_smoothing=self.label_smoothing,
            reduction="mean" if batch.weights_B is None else "none",
        )
        if batch.weights_B is not None:
            loss = weighted_mean(loss, batch.weights_B, self.world)
        if self.votes_head is not None:
            loss = loss + self.votes_weight * votes_loss(
                self.votes_head(features_BF).float(), batch.votes_BV, self.world
            )
        return loss, logits_BK


def weighted_mean(loss_B: Tensor, weights_B: Tensor, world: int = 1) -> Tensor:
    """The weighted mean of losses; where `world` processes share a batch, their results' mean is its own."""
    total = weights_B.sum()
    if world > 1:
        total = sum_over_all(total) / world
    return (weights_B * loss_B).sum() / total


def votes_loss(logits_BV: Tensor, votes_BV: Tensor, world: int = 1) -> Tensor:
    """Cross-entropy against the shares of the votes, averaged over the pictures that have any.

    Where several processes (`world`) share a batch, the mean of their losses is the whole batch's loss.
    """
    total_B = votes_BV.sum(dim=1)
    shares_BV = votes_BV / total_B.clamp(min=1)[:, None]
    loss_B = -(shares_BV * torch.log_softmax(logits_BV, dim=1)).sum(dim=1)
    voted = (total_B > 0).sum().float()
    if world > 1:
        voted = sum_over_all(voted) / world
    return loss_B.sum() / voted.clamp(min=1 / world)
