"""What finished models say of the pictures that another is to learn from: distillation.

Labels of FER-2013 are often wrong; answers of several models together are smoother. The models answer every
picture once, as it is (`taught`), or each view of it that the pupil sees (`Teachers`). Shape suffixes:
N pictures, B batch, K class.

References
----------
Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network".
Furlanello et al. 2018, "Born-again neural networks".
Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent" (answers by view).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.checkpoint import load_checkpoint
from fusion_model.classifier import Classifier, softmax
from training.dataset import Batch, Samples
from training.optimizer import mixed_precision
from training.scoring import logits_of

#: Probabilities below this count as this: one teacher alone cannot rule a class out.
_LEAST = 1e-6


def taught(samples: Samples, teachers: Sequence[Path], teaching: float) -> Samples:
    """The samples with targets: the labels, and `teaching` of what the teachers say together.

    Parameters
    ----------
    samples : N of them
    teachers : weights ``….safetensors``, each with its card beside it
    teaching : share of the teachers in each target, 0 to 1
    """
    label_NK = np.eye(len(samples.labels), dtype=np.float32)[samples.labels_N]
    targets_NK = (1 - teaching) * label_NK + teaching * answers(samples, teachers)
    return replace(samples, targets_NK=targets_NK.astype(np.float32))


def answers(samples: Samples, teachers: Sequence[Path]) -> np.ndarray:
    """Probabilities (N, K): the mean of the teachers' calibrated log-probabilities, with flip TTA."""
    said = []
    for path in teachers:
        classifier = Classifier.load(path)
        logits_NK = logits_of(classifier, samples, mirrored=True)
        said.append(softmax(logits_NK, classifier.card.temperature))
    return together(said)


def together(said: Sequence[np.ndarray]) -> np.ndarray:
    """What several models say together: of their probabilities, (N, K) each, the mean of the logarithms."""
    logs_NK = np.zeros_like(said[0], dtype=np.float64)
    for answers_NK in said:
        logs_NK += np.log(answers_NK.clip(_LEAST)) / len(said)
    return softmax(logs_NK, 1.0)


class Teachers(nn.Module):
    """Finished models that answer the very pictures of a batch, turned, rough or erased as these are.

    Parameters
    ----------
    networks : of one set of classes
    temperatures : of each, from its card
    teaching : share of the teachers in each target, 0 to 1
    """

    def __init__(self, networks: Sequence[nn.Module], temperatures: Sequence[float], teaching: float) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks).eval().requires_grad_(False)
        self.temperatures = tuple(temperatures)
        self.teaching = teaching

    @classmethod
    def load(cls, weights: Sequence[Path], teaching: float, device: torch.device) -> Self:
        """From files ``….safetensors``, each with its card beside it."""
        read = [load_checkpoint(path) for path in weights]
        teachers = cls([network for network, _ in read], [card.temperature for _, card in read], teaching)
        return teachers.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: Batch) -> Tensor:
        """Targets (B, K): the batch's labels, and `teaching` of what the teachers say together."""
        logs = []
        with torch.no_grad(), mixed_precision(batch.labels_B.device):
            for network, temperature in zip(self.networks, self.temperatures, strict=True):
                logits_BK = network(batch.pixels_BCHW, batch.landmarks_BLD, batch.mesh_found_B).float()
                logs.append(functional.log_softmax(logits_BK / temperature, dim=1))
        said_BK = torch.stack(logs).clamp(min=math.log(_LEAST)).mean(dim=0).softmax(dim=1)
        label_BK = functional.one_hot(batch.labels_B, said_BK.shape[1]).to(said_BK.dtype)
        return torch.lerp(label_BK, said_BK, self.teaching)
