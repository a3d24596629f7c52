"""Write the contours of the test faces into the package: ``python -m training.mesh_drawings --data …``.

The pages draw them where they list rows. Landmarks come from the cache, or are found now.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fusion_model.errors import ExpressionLensError
from fusion_model.mesh_drawings import MESHES, MeshDrawings, digest_of
from training.evaluate import TEST_SPLITS
from training.fer2013 import read_fer2013
from training.landmark_cache import DEFAULT_CACHE, landmarks_of
from training.samples import DataError, FaceDataset, Landmarks


def drawings_of(dataset: FaceDataset, landmarks: Landmarks) -> MeshDrawings:
    """The drawings of the test pictures of FER-2013, whose rows are those of the original CSV."""
    chosen_N = np.isin(dataset.splits_N, TEST_SPLITS)
    return MeshDrawings.of(
        np.flatnonzero(chosen_N),
        np.array([digest_of(image_HW) for image_HW in dataset.images_NHW[chosen_N]], np.uint64),
        landmarks.landmarks_NLD[chosen_N],
        landmarks.mesh_found_N[chosen_N],
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.mesh_drawings", description="Write the contours of the test pictures' faces."
    )
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv, plain or packed")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--out", type=Path, default=MESHES, help="default: where the package ships them")
    options = parser.parse_args(arguments)
    try:
        dataset = read_fer2013(options.data)
        if not dataset.original_rows:
            raise DataError(f"{options.data} has lost the rows of the original CSV; give fer2013.csv.")
        drawings = drawings_of(dataset, landmarks_of(dataset, options.cache))
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    drawings.write(options.out)
    print(f"{options.out.name}: {len(drawings.rows_N):,} rows, {len(drawings.steps_MPD):,} with a mesh")
    return 0


if __name__ == "__main__":
    # By its own name, so that worker processes find its functions by import.
    from training.mesh_drawings import main as main_of_module

    sys.exit(main_of_module())
