"""The mean face that all meshes are turned to: ``python -m training.mean_face fer2013.csv``.

Shape suffixes: N pictures, L landmark (478), D coordinate (x, y, z).

The mean of the frontal meshes of the Training split, made symmetric, centred. It is part of the preprocessing
contract: whoever changes it changes `fusion_model.preprocess.VERSION` too, and trains again.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fusion_model.checkpoint import ASSETS
from fusion_model.errors import ExpressionLensError
from fusion_model.frame import eye_distance, eyes_of
from fusion_model.mirror import mirror_landmarks
from training.fer2013 import read_fer2013
from training.landmark_cache import DEFAULT_CACHE, landmarks_of

#: Outer corners of the eyes: a face is frontal where they are about equally near.
OUTER_CORNERS = (33, 263)
LARGEST_DEPTH_DIFFERENCE = 0.05


def mean_face(meshes: np.ndarray) -> np.ndarray:
    """The symmetric mean, float64 (478, 3), of the frontal ones among meshes (N, 478, 3) in px.

    In eye distances from the mean's centre, eyes level.
    """
    levelled_NLD = np.array([_levelled(mesh_LD) for mesh_LD in meshes])
    depth_N = levelled_NLD[:, OUTER_CORNERS[1], 2] - levelled_NLD[:, OUTER_CORNERS[0], 2]
    mean_LD = levelled_NLD[np.abs(depth_N) < LARGEST_DEPTH_DIFFERENCE].mean(axis=0)
    symmetric_LD = (mean_LD + mirror_landmarks(mean_LD)) / 2
    return symmetric_LD - symmetric_LD.mean(axis=0)


def main(arguments: list[str] | None = None) -> int:
    """Command line: write the mean face into the package."""
    parser = argparse.ArgumentParser(prog="python -m training.mean_face", description="Write the mean face.")
    parser.add_argument("data", type=Path, help="fer2013.csv, icml_face_data.csv, archive or folder")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--out", type=Path, default=ASSETS / "mean_face.csv")
    options = parser.parse_args(arguments)
    try:
        dataset = read_fer2013(options.data)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    landmarks = landmarks_of(dataset, options.cache)
    chosen_N = landmarks.mesh_found_N & (dataset.splits_N == "Training")
    aside = options.out.with_suffix(".aside")
    np.savetxt(aside, mean_face(landmarks.landmarks_NLD[chosen_N]), delimiter=",", fmt="%.5f")
    aside.replace(options.out)
    print(f"{options.out}: mean face of FER-2013's frontal training pictures")
    return 0


def _levelled(mesh_LD: np.ndarray) -> np.ndarray:
    """A mesh with level eyes, their midpoint at 0, in eye distances."""
    left, right = eyes_of(mesh_LD)
    across = (right - left)[:2] / np.hypot(*(right - left)[:2])
    turn = np.array([[across[0], -across[1], 0], [across[1], across[0], 0], [0, 0, 1]])
    return (mesh_LD - (left + right) / 2) @ turn / eye_distance(mesh_LD)


if __name__ == "__main__":
    # By its own name, as in training.landmark_cache, for worker processes.
    from training.mean_face import main as main_of_module

    sys.exit(main_of_module())
