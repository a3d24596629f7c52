"""How steady models are on rough pictures: noisy, blurred, sharpened, stored as JPEG.

``python -m training.rough --data fer2013.csv [NAME=WEIGHTS …]`` changes test pictures of FER-2013, reads each
as the page reads a detected face (Face Mesh again, the crop, both views), and counts right answers in
``docs/results/rough.csv``.

Units of the strengths: noise, grey levels of its standard deviation; blur, px of the Gaussian's; sharpening,
how often the edges are added once more; JPEG, its quality.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from fusion_model.catalogue import ASSETS, DEFAULT_MODELS
from fusion_model.classifier import load_classifiers
from fusion_model.errors import ExpressionLensError
from fusion_model.faces import FaceFinder
from training.counts import parser, write
from training.degrade import Degrade, blurred, noisy, sharpened, stored
from training.evaluate import TEST_SPLITS
from training.fer2013 import read_fer2013
from training.landmark_cache import landmarks_of
from training.trust import SEED, scored

RESULT = Path("docs/results/rough.csv")
PLAIN = "none"
#: What is done, and how strongly.
CHANGES: dict[str, tuple[Degrade, tuple[float, ...]]] = {
    "noise": (noisy, (4, 8, 16)),
    "blur": (blurred, (0.6, 1, 1.5)),
    "sharpening": (sharpened, (1, 2)),
    "JPEG": (stored, (70, 40, 20)),
}
PICTURES = 1000


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    weights = dict(options.models) or {name: ASSETS / f"{name}.safetensors" for name in DEFAULT_MODELS}
    try:
        counts = measure(options.data, weights, options.cache, options.pictures)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    write(counts, options.out)
    return 0


def measure(data: Path, models: dict[str, Path], cache: Path, pictures: int) -> pd.DataFrame:
    """Right answers: one row a model, split, change and strength; the pictures as they are first.

    Parameters
    ----------
    data : what `training.fer2013.read_fer2013` reads
    models : weights by model name
    cache : folder of the landmark cache
    pictures : how many of each test split, drawn by lot, the same every time
    """
    classifiers = dict(zip(models, load_classifiers(models.values()), strict=True))
    dataset = read_fer2013(data)
    landmarks = landmarks_of(dataset, cache)
    jobs: list[tuple[str, Degrade | None, float]] = [(PLAIN, None, 0.0)]
    jobs += [(name, degrade, step) for name, (degrade, steps) in CHANGES.items() for step in steps]
    found = []
    with FaceFinder() as finder, tqdm(total=len(TEST_SPLITS) * len(jobs), unit="change", disable=None) as bar:
        for split in TEST_SPLITS:
            rows = np.flatnonzero(dataset.splits_N == split)
            rows = np.sort(np.random.default_rng(SEED).permutation(rows)[:pictures])
            truth_N = np.array(dataset.labels)[dataset.labels_N[rows]]
            for name, degrade, strength in jobs:
                _, right = scored(finder, classifiers, dataset, landmarks, rows, truth_N, degrade, strength)
                found += [(model, split, name, strength, right[model], len(rows)) for model in models]
                bar.update()
    return pd.DataFrame(found, columns=["model", "split", "change", "strength", "right", "n"])


def _parser() -> argparse.ArgumentParser:
    made = parser("python -m training.rough", "Score models on rough pictures.", "our own two", RESULT)
    made.add_argument("--pictures", type=int, default=PICTURES, help="of each test split")
    return made


if __name__ == "__main__":
    sys.exit(main())
