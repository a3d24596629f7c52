"""What finished models say of the pictures that another is to learn from: distillation.

Labels of FER-2013 are often wrong; answers of several models together are smoother. Shape suffixes:
N pictures, K class.

References
----------
Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network".
Furlanello et al. 2018, "Born-again neural networks".
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion_model.classifier import Classifier, softmax
from training.dataset import Samples
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
    logs_NK = np.zeros((len(samples), len(samples.labels)))
    for path in teachers:
        classifier = Classifier.load(path)
        logits_NK = logits_of(classifier, samples, mirrored=True)
        logs_NK += np.log(softmax(logits_NK, classifier.card.temperature).clip(_LEAST)) / len(teachers)
    return softmax(logs_NK, 1.0)
