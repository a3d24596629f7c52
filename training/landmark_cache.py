"""Face Mesh on every picture of a data set, once: several processes, resumable, kept on disk.

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate (x, y, z).

The cache is keyed by the data's fingerprint and the preprocessing version. Each finished part is a file of
its own, written aside and renamed, so a run that is killed goes on where it was.

Command: ``python -m training.landmark_cache FER2013 [--cache FOLDER] [--processes 2]``
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from fusion_model.errors import ExpressionLensError
from fusion_model.faces import LANDMARKS, FaceFinder
from fusion_model.preprocess import VERSION
from training.fer2013 import FaceDataset, read_fer2013

PART = 512
DEFAULT_CACHE = Path("runs/cache")


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of a data set's pictures.

    Attributes
    ----------
    landmarks_NLD : float32 (N, 478, 3), px of the picture; zeros where no mesh was found.
    mesh_found_N : bool (N,)
    """

    landmarks_NLD: np.ndarray
    mesh_found_N: np.ndarray


def landmarks_of(
    dataset: FaceDataset, cache: Path = DEFAULT_CACHE, processes: int | None = None
) -> Landmarks:
    """Landmarks of every picture, from the cache where it has them.

    Parameters
    ----------
    dataset : FaceDataset
    cache : folder, made if missing
    processes : how many at once; None for one a core
    """
    whole = cache / f"landmarks-{dataset.fingerprint}-v{VERSION}.npz"
    if whole.exists():
        with np.load(whole) as kept:
            return Landmarks(kept["landmarks"], kept["found"])
    parts = cache / whole.stem
    parts.mkdir(parents=True, exist_ok=True)
    _make_parts(dataset.images_NHW, parts, processes or os.cpu_count() or 1)
    loaded = [np.load(_part(parts, first)) for first in range(0, len(dataset.images_NHW), PART)]
    landmarks = Landmarks(
        np.concatenate([part["landmarks"] for part in loaded]),
        np.concatenate([part["found"] for part in loaded]),
    )
    _save(whole, landmarks.landmarks_NLD, landmarks.mesh_found_N)
    for part in parts.glob("*.npz"):
        part.unlink()
    parts.rmdir()
    return landmarks


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


def _make_parts(images_NHW: np.ndarray, parts: Path, processes: int) -> None:
    for leftover in parts.glob("*.aside.npz"):
        leftover.unlink()
    missing = [first for first in range(0, len(images_NHW), PART) if not _part(parts, first).exists()]
    jobs = (delayed(_make_part)(images_NHW[first : first + PART], _part(parts, first)) for first in missing)
    done = (len(images_NHW) + PART - 1) // PART - len(missing)
    with tqdm(total=len(images_NHW), initial=done * PART, desc="landmarks", unit="face", disable=None) as bar:
        for count in Parallel(n_jobs=processes, return_as="generator_unordered")(jobs):
            bar.update(count)


@cache
def _finder() -> FaceFinder:
    return FaceFinder()


def _make_part(images_NHW: np.ndarray, path: Path) -> int:
    landmarks_NLD = np.zeros((len(images_NHW), LANDMARKS, 3), np.float32)
    found_N = np.zeros(len(images_NHW), bool)
    for index, image_HW in enumerate(images_NHW):
        face = _finder().read_crop(image_HW)
        if face.landmarks_LD is not None:
            landmarks_NLD[index], found_N[index] = face.landmarks_LD, True
    _save(path, landmarks_NLD, found_N)
    return len(images_NHW)


def _part(parts: Path, first: int) -> Path:
    return parts / f"{first:07d}.npz"


def _save(path: Path, landmarks_NLD: np.ndarray, found_N: np.ndarray) -> None:
    aside = path.with_suffix(f".{os.getpid()}.aside.npz")
    np.savez(aside, landmarks=landmarks_NLD, found=found_N)
    aside.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Command line: make the cache, print and keep the coverage."""
    parser = argparse.ArgumentParser(description="Face Mesh on every picture of FER-2013, kept on disk.")
    parser.add_argument("data", type=Path, help="fer2013.csv, icml_face_data.csv, an archive, or a folder")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--processes", type=int, default=None, help="default: one a core")
    options = parser.parse_args(arguments)
    try:
        dataset = read_fer2013(options.data)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    shares = coverage(dataset, landmarks_of(dataset, options.cache, options.processes))
    kept = options.cache / f"coverage-{dataset.fingerprint}-v{VERSION}.json"
    kept.write_text(json.dumps(shares, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(shares, indent=1))
    return 0


if __name__ == "__main__":
    # By its own name, so that worker processes find its functions by import.
    from training.landmark_cache import main as main_of_module

    sys.exit(main_of_module())
