"""The classifier that estimates groups: the shipped CNN's pixel branch, and a head of three answers.

Shape suffixes: B batch, C channel, H height, W width, F feature, N pictures, A bands of age, G genders,
R races.

It is trained by the loop of all other models, as a classifier of joint classes (`training.fairface.JOINT`). A
joint logit is the sum of the logits of its age, its gender and its race, so the joint loss is the sum of the
three losses, and the joint probabilities are the product of the three.
"""

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.branches import PixelConfig
from fusion_model.checkpoint import ASSETS, load_checkpoint
from fusion_model.network import Cnn
from training.dataset import Samples, plain_batches
from training.fairface import AGES, GENDERS, JOINT, RACES
from training.start import take_part

#: Side at which the network looks at a face, px; the window has 38 px of FER-2013.
SEEN = 32
SIZES = (len(AGES), len(GENDERS), len(RACES))


class GroupsHead(nn.Module):
    """Features (B, F) -> joint logits (B, A * G * R), each the sum of three."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(features, size) for size in SIZES)
        self.dropout = nn.Dropout(0.2)

    def forward(self, features_BF: Tensor) -> Tensor:
        """(B, F) -> (B, A * G * R)."""
        features_BF = self.dropout(features_BF)
        age_BA, gender_BG, race_BR = (
            functional.log_softmax(part(features_BF).float(), dim=1) for part in self.parts
        )
        joint = age_BA[:, :, None, None] + gender_BG[:, None, :, None] + race_BR[:, None, None, :]
        return joint.flatten(1)


class GroupsNetwork(Cnn):
    """The pixel branch on a face shrunk to `SEEN` px, and the three answers."""

    def __init__(self, pixels: PixelConfig = PixelConfig()) -> None:
        super().__init__(len(JOINT), pixels)
        self.head = GroupsHead(self.feature_count)

    def features(self, pixels_BCHW: Tensor, landmarks_BLD: Tensor, mesh_found_B: Tensor) -> Tensor:
        """What the head sees, (B, F); smaller pictures, as training takes at first, stay as they are."""
        if pixels_BCHW.shape[-1] > SEEN:
            pixels_BCHW = functional.interpolate(
                pixels_BCHW, size=(SEEN, SEEN), mode="bilinear", antialias=True
            ).contiguous(memory_format=torch.channels_last)
        return super().features(pixels_BCHW, landmarks_BLD, mesh_found_B)


def begun_from_cnn() -> GroupsNetwork:
    """A network whose pixel branch is that of the shipped CNN; CheckpointError where this is missing."""
    cnn, _ = load_checkpoint(ASSETS / "cnn.safetensors")
    network = GroupsNetwork()
    take_part(network.pixel_branch, cnn.get_submodule("pixel_branch"))
    return network


def answers(network: GroupsNetwork, samples: Samples, batch: int = 128) -> tuple[np.ndarray, ...]:
    """Log-probabilities of age (N, A), gender (N, G) and race (N, R), over a face and its mirror image.

    Not calibrated yet; float64, rows of probabilities summing to 1.
    """
    network.eval()
    found = []
    for made in plain_batches(samples, batch):
        pixels_BCHW = made.pixels_BCHW.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            both = [
                network(pixels, made.landmarks_BLD, made.mesh_found_B)
                for pixels in (pixels_BCHW, pixels_BCHW.flip(-1))
            ]
        found.append((both[0].float() + both[1].float()).numpy() / 2)
    joint = np.concatenate([np.zeros((0, len(JOINT)), np.float32), *found]).astype(np.float64)
    joint = log_softmax(joint, axis=1).reshape(-1, *SIZES)
    return logsumexp(joint, axis=(2, 3)), logsumexp(joint, axis=(1, 3)), logsumexp(joint, axis=(1, 2))
