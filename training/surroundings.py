"""How much do models go by what surrounds a face? Test pictures with their surroundings exchanged.

``python -m training.surroundings --data fer2013.csv [NAME=WEIGHTS ...]`` counts right answers by model, split
and surroundings, and writes them to ``docs/results/surroundings.csv``. Surroundings are

- ``own``: the crops as they are.
- ``another's``: outside the face's outline every crop is that of another picture of the split.
- ``grey``: outside the outline it is the face's mean grey.

A face without a mesh keeps its own. Answers are those of the page, with flip test-time augmentation.
Pictures whose class can be read off the background train models that fail elsewhere: Xiao et al. 2021,
"Noise or signal: the role of image backgrounds in object recognition".

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.catalogue import ASSETS, available_models
from fusion_model.classifier import load_classifiers
from fusion_model.errors import ExpressionLensError
from fusion_model.face_oval import FACE_OVAL, outline_mask
from fusion_model.preprocess import SIDE, FaceInputs
from training.counts import parser, write
from training.dataset import Samples, make_samples
from training.evaluate import TEST_SPLITS
from training.fer2013 import read_fer2013
from training.landmark_cache import landmarks_of
from training.scoring import face_of

RESULT = Path("docs/results/surroundings.csv")
SURROUNDINGS = ("own", "another's", "grey")
_BATCH = 128


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    weights = dict(options.models) or {name: ASSETS / f"{name}.safetensors" for name in available_models()}
    try:
        counts = measure(options.data, weights, options.cache)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    write(counts, options.out)
    return 0


def measure(data: Path, models: dict[str, Path], cache: Path) -> pd.DataFrame:
    """Right answers: one row a model, split and surroundings.

    Parameters
    ----------
    data : what `training.fer2013.read_fer2013` reads
    models : weights by model name
    cache : folder of the landmark cache
    """
    classifiers = dict(zip(models, load_classifiers(models.values()), strict=True))
    dataset = read_fer2013(data)
    landmarks = landmarks_of(dataset, cache)
    samples = make_samples(dataset, landmarks)
    rows = []
    for split in TEST_SPLITS:
        inside_N = dataset.splits_N == split
        chosen = samples.select(inside_N)
        masks_NHW = face_masks(landmarks.landmarks_NLD[inside_N], chosen)
        for surroundings in SURROUNDINGS:
            faces = faces_in(chosen, masks_NHW, surroundings)
            for name, classifier in classifiers.items():
                answers = [
                    classifier.logits(faces[first : first + _BATCH]).argmax(axis=1)
                    for first in range(0, len(faces), _BATCH)
                ]
                right = int((np.concatenate(answers) == chosen.labels_N).sum()) if answers else 0
                rows.append((name, split, surroundings, right, len(chosen)))
    return pd.DataFrame(rows, columns=["model", "split", "surroundings", "right", "n"])


def face_masks(landmarks_NLD: np.ndarray, samples: Samples) -> np.ndarray:
    """Where the face is in every crop: inside the oval of its mesh, from forehead to chin and ear to ear.

    Parameters
    ----------
    landmarks_NLD : (N, 478, 3), px of the pictures
    samples : these pictures

    Returns
    -------
    bool (N, 48, 48), true inside the convex outline; all true without a mesh
    """
    masks_NHW = np.ones((len(samples), SIDE, SIDE), bool)
    for row in np.flatnonzero(samples.mesh_found_N):
        matrix = samples.matrices_N23[row]
        points = landmarks_NLD[row, list(FACE_OVAL), :2] @ matrix[:, :2].T + matrix[:, 2]
        masks_NHW[row] = outline_mask(points, SIDE)
    return masks_NHW


def faces_in(
    samples: Samples, masks_NHW: np.ndarray, surroundings: str, seed: int = 0
) -> Sequence[FaceInputs]:
    """The inputs of all samples in these surroundings; whose another's are follows from the seed."""
    faces = [face_of(samples, index) for index in range(len(samples))]
    if surroundings == "own":
        return faces
    others = np.random.default_rng(seed).permutation(len(faces))
    made = []
    for face, mask_HW, other in zip(faces, masks_NHW, others, strict=True):
        around = faces[other].crop_HW if surroundings == "another's" else _mean_grey(face.crop_HW, mask_HW)
        crop_HW = np.where(mask_HW, face.crop_HW, around)
        made.append(FaceInputs(crop_HW, face.landmarks_LD, face.mesh_found))
    return made


def _mean_grey(crop_HW: np.ndarray, mask_HW: np.ndarray) -> np.uint8:
    inside = crop_HW[mask_HW]
    return np.uint8(round(float(inside.mean()))) if len(inside) else np.uint8(128)


def _parser() -> argparse.ArgumentParser:
    return parser(
        "python -m training.surroundings",
        "Score models on faces in other surroundings.",
        "the package's",
        RESULT,
    )


if __name__ == "__main__":
    sys.exit(main())
