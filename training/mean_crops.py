"""The mean crops that stand for "no pixels" in explanations: ``python -m training.mean_crops fer2013.csv``.

Shape suffixes: N pictures, K class, H height, W width.

For each expression the mean of the aligned crops of the Training split, each standardised as the networks
take it; made symmetric and brought to the contrast of a crop: blurred faces that are nobody's. They are no
part of the preprocessing; only the shares of pixels and landmarks depend on them (docs/decisions/0017).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fusion_model.catalogue import ASSETS
from fusion_model.errors import ExpressionLensError
from fusion_model.frame import FER_FRAME
from fusion_model.preprocess import standardise
from training.dataset import Samples, make_samples
from training.fer2013 import read_fer2013
from training.landmark_cache import DEFAULT_CACHE, landmarks_of

_BATCH = 1024


def mean_crops(samples: Samples) -> np.ndarray:
    """Symmetric means of the samples of each class that have a mesh, float64 (K, 48, 48), of contrast 1.

    Raises
    ------
    ValueError
        Where a class has no such sample.
    """
    crops = []
    for code, label in enumerate(samples.labels):
        chosen = np.flatnonzero(samples.mesh_found_N & (samples.labels_N == code))
        if not len(chosen):
            raise ValueError(f"there is no sample of {label} with a mesh, so it has no mean crop")
        total_HW = np.zeros((FER_FRAME.size, FER_FRAME.size))
        for first in range(0, len(chosen), _BATCH):
            total_HW += _sum(samples, chosen[first : first + _BATCH])
        symmetric_HW = total_HW + total_HW[:, ::-1]
        crops.append((symmetric_HW - symmetric_HW.mean()) / symmetric_HW.std())
    return np.array(crops)


def main(arguments: list[str] | None = None) -> int:
    """Command line: write the mean crops into the package, a row a class."""
    parser = argparse.ArgumentParser(prog="python -m training.mean_crops", description="Write mean crops.")
    parser.add_argument("data", type=Path, help="fer2013.csv, icml_face_data.csv, archive or folder")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--out", type=Path, default=ASSETS / "mean_crops.csv.gz")
    options = parser.parse_args(arguments)
    try:
        dataset = read_fer2013(options.data)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    samples = make_samples(dataset, landmarks_of(dataset, options.cache))
    made = mean_crops(samples.select(dataset.splits_N == "Training"))
    aside = options.out.with_name(f"aside-{options.out.name}")  # its ending says that it is packed
    np.savetxt(aside, made.reshape(len(made), -1), delimiter=",", fmt="%.2f")
    aside.replace(options.out)
    print(f"{options.out}: mean crops of {', '.join(samples.labels)}")
    return 0


def _sum(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """The sum (H, W) of these samples' standardised crops."""
    crops = [FER_FRAME.cut(samples.images_NHW[row], samples.matrices_N23[row]) for row in rows]
    return standardise(np.array(crops))[:, 0].sum(axis=0, dtype=np.float64)


if __name__ == "__main__":
    # By its own name, as in training.landmark_cache, for worker processes.
    from training.mean_crops import main as main_of_module

    sys.exit(main_of_module())
