"""A classifier on prepared samples: logits for every picture, in order.

Shape suffixes: N pictures, K class.
"""

import numpy as np
from tqdm import tqdm

from fusion_model.classifier import Classifier
from fusion_model.frame import FER_FRAME
from fusion_model.preprocess import FaceInputs
from training.dataset import Samples


def logits_of(classifier: Classifier, samples: Samples, *, mirrored: bool, batch: int = 128) -> np.ndarray:
    """Logits, float32 (N, K), by the same path as the live page.

    Parameters
    ----------
    classifier : Classifier
    samples : N of them
    mirrored : average with the mirrored face
    batch : pictures at once
    """
    answers = [np.zeros((0, len(classifier.card.labels)), np.float32)]
    for first in tqdm(range(0, len(samples), batch), desc=classifier.card.name, unit="batch", disable=None):
        faces = [face_of(samples, index) for index in range(first, min(first + batch, len(samples)))]
        answers.append(classifier.logits(faces, mirrored=mirrored))
    return np.concatenate(answers)


def face_of(samples: Samples, index: int) -> FaceInputs:
    """The inputs of one sample, without augmentation."""
    crop_HW = FER_FRAME.cut(samples.images_NHW[index], samples.matrices_N23[index])
    return FaceInputs(crop_HW, samples.landmarks_NLD[index], bool(samples.mesh_found_N[index]))
