"""A classifier on prepared samples: logits for every picture, in order.

Shape suffixes: N pictures, K class.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import get_ident

import numpy as np
from tqdm import tqdm

from fusion_model.classifier import Classifier
from fusion_model.faces import LANDMARKS
from fusion_model.frame import FER_FRAME
from fusion_model.preprocess import SIDE, FaceInputs
from training.dataset import Samples
from training.workers import Workers, run_all

#: Pictures of a job: a few of the batches that one process alone makes, so that answers are the same.
CHUNK = 512


def logits_of(classifier: Classifier, samples: Samples, *, mirrored: bool, batch: int = 128) -> np.ndarray:
    """Logits, float32 (N, K), by the same path as the live page.

    Parameters
    ----------
    classifier : Classifier
    samples : N of them
    mirrored : average with the mirrored face
    batch : pictures at once
    """
    faces = [face_of(samples, index) for index in range(len(samples))]
    return logits_of_faces(classifier, faces, mirrored=mirrored, batch=batch)


def logits_by(weights: Path, samples: Samples, workers: Workers, *, mirrored: bool) -> np.ndarray:
    """`logits_of` the model at that path, by many workers; each needs the weights at the same path.

    Parameters
    ----------
    weights : ``….safetensors``
    samples : N of them
    workers : who answers
    mirrored : average with the mirrored face
    """
    jobs = {
        first: partial(_packed, samples, first, str(weights.resolve()), mirrored)
        for first in range(0, len(samples), CHUNK)
    }
    parts = dict(run_all(_score, jobs, workers))
    return np.concatenate([parts[first] for first in sorted(parts)])


def face_of(samples: Samples, index: int) -> FaceInputs:
    """The inputs of one sample, without augmentation."""
    crop_HW = FER_FRAME.cut(samples.images_NHW[index], samples.matrices_N23[index])
    return FaceInputs(crop_HW, samples.landmarks_NLD[index], bool(samples.mesh_found_N[index]))


def logits_of_faces(
    classifier: Classifier,
    faces: Sequence[FaceInputs],
    *,
    mirrored: bool,
    batch: int = 128,
    quiet: bool = False,
) -> np.ndarray:
    """Logits, float32 (N, K), of N faces; see `logits_of`. `quiet` shows no progress."""
    answers = [np.zeros((0, len(classifier.card.labels)), np.float32)]
    firsts = range(0, len(faces), batch)
    for first in tqdm(firsts, desc=classifier.card.name, unit="batch", disable=quiet or None):
        answers.append(classifier.logits(faces[first : first + batch], mirrored=mirrored))
    return np.concatenate(answers)


def _packed(
    samples: Samples, first: int, weights: str, mirrored: bool
) -> tuple[str, bool, bytes, bytes, bytes]:
    """The arguments of `_score` for the chunk that begins there: bytes, see `training.workers.run_all`."""
    faces = [face_of(samples, index) for index in range(first, min(first + CHUNK, len(samples)))]
    return (
        weights,
        mirrored,
        b"".join(face.crop_HW.tobytes() for face in faces),
        b"".join(face.landmarks_LD.astype(np.float32).tobytes() for face in faces),
        bytes(face.mesh_found for face in faces),
    )


def _score(weights: str, mirrored: bool, crops: bytes, landmarks: bytes, found: bytes) -> np.ndarray:
    crops_NHW = np.frombuffer(crops, np.uint8).reshape(-1, SIDE, SIDE)
    landmarks_NLD = np.frombuffer(landmarks, np.float32).reshape(-1, LANDMARKS, 3)
    rows = zip(crops_NHW, landmarks_NLD, found, strict=True)
    faces = [FaceInputs(crop_HW, landmarks_LD, bool(known)) for crop_HW, landmarks_LD, known in rows]
    path = Path(weights)
    classifier = _classifier(path, path.stat().st_mtime_ns, get_ident())
    return logits_of_faces(classifier, faces, mirrored=mirrored, quiet=True)


@lru_cache(maxsize=16)
def _classifier(path: Path, _written: int, _thread: int) -> Classifier:
    """The model, kept for the next job of this thread; loaded again where its file was written anew."""
    return Classifier.load(path)
