"""Face Mesh on every picture of a data set, once: several processes, resumable, kept on disk.

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate (x, y, z).

The cache is keyed by the data's fingerprint and the preprocessing version. Each finished part is a file of
its own, written aside and renamed, so a run that is killed goes on where it was.

Other data have their landmarks from the pictures that they were read from (`training.own_faces`).

Command: ``python -m training.landmark_cache DATA [--cache FOLDER] [--processes 2] [--dask ADDRESS]``
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fusion_model.errors import ExpressionLensError
from fusion_model.faces import LANDMARKS
from fusion_model.preprocess import VERSION
from training.data import DATA_HELP, Asked, add_arguments, read_data
from training.samples import FaceDataset, Landmarks
from training.workers import DEFAULT_CACHE, HERE, Arrays, Workers, arrays_in_parts, finder

__all__ = ["DEFAULT_CACHE", "Landmarks", "coverage", "landmarks_of"]

PART = 512


def landmarks_of(dataset: FaceDataset, cache: Path = DEFAULT_CACHE, workers: Workers = HERE) -> Landmarks:
    """Landmarks of every picture: those it came with, else from the cache where it has them.

    Parameters
    ----------
    dataset : FaceDataset
    cache : folder, made if missing
    workers : who makes what the cache lacks
    """
    if dataset.own is not None:
        return dataset.own.landmarks
    side = dataset.images_NHW.shape[1]
    arrays = arrays_in_parts(
        cache / f"landmarks-{dataset.fingerprint}-v{VERSION}.npz",
        len(dataset),
        PART,
        _make_part,
        lambda rows: (dataset.images_NHW[rows].tobytes(), side),  # bytes: see `run_all`
        workers,
    )
    return Landmarks(arrays["landmarks"], arrays["found"])


def coverage(dataset: FaceDataset, landmarks: Landmarks) -> dict[str, dict[str, float]]:
    """Share of pictures with a mesh, by split and class (and `all`), 0 to 1."""
    shares: dict[str, dict[str, float]] = {}
    for split in ("Training", "PublicTest", "PrivateTest"):
        inside = dataset.splits_N == split
        if not inside.any():
            continue
        shares[split] = {"all": round(float(landmarks.mesh_found_N[inside].mean()), 4)}
        for code, label in enumerate(dataset.labels):
            chosen = inside & (dataset.labels_N == code)
            if chosen.any():
                shares[split][label] = round(float(landmarks.mesh_found_N[chosen].mean()), 4)
    return shares


def _make_part(pixels: bytes, side: int) -> Arrays:
    images_NHW = np.frombuffer(pixels, np.uint8).reshape(-1, side, side)
    landmarks_NLD = np.zeros((len(images_NHW), LANDMARKS, 3), np.float32)
    found_N = np.zeros(len(images_NHW), bool)
    for index, image_HW in enumerate(images_NHW):
        face = finder().read_crop(image_HW)
        if face.landmarks_LD is not None:
            landmarks_NLD[index], found_N[index] = face.landmarks_LD, True
    return {"landmarks": landmarks_NLD, "found": found_N}


def main(arguments: list[str] | None = None) -> int:
    """Command line: make the cache, print and keep the coverage."""
    parser = argparse.ArgumentParser(
        prog="python -m training.landmark_cache",
        description="Read the landmarks of all pictures, once; print the share of pictures with a mesh.",
    )
    parser.add_argument("data", type=Path, help=DATA_HELP)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        asked = Asked.of(options)
        dataset = read_data(asked)
        if dataset.own is not None:
            print(dataset.describe(), file=sys.stderr)
        shares = coverage(dataset, landmarks_of(dataset, asked.cache, asked.workers))
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    kept = asked.cache / f"coverage-{dataset.fingerprint}-v{VERSION}.json"
    kept.write_text(json.dumps(shares, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(shares, indent=1))
    return 0


if __name__ == "__main__":
    # By its own name, so that worker processes find its functions by import.
    from training.landmark_cache import main as main_of_module

    sys.exit(main_of_module())
