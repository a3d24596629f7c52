"""Exact duplicates among the pictures of a data set, found by hash.

Shapes: N pictures.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.samples import SPLITS, FaceDataset


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which pictures are identical to the last pixel, and how many."""

    first_N: npt.NDArray[np.int64]  # (N,), row of the first picture identical to this one (often itself)
    copies_N: npt.NDArray[np.bool_]  # (N,), in a test split and identical to a Training picture
    distinct: int  # distinct pictures
    groups: int  # groups of two or more identical pictures
    conflicting: int  # those groups whose pictures do not all have one label
    copies: dict[str, int]  # copies of Training pictures in each test split

    def describe(self) -> str:
        """Return the counts as one sentence."""
        copies = " and ".join(f"{count:,} {split}" for split, count in self.copies.items())
        return (
            f"{self.distinct:,} distinct pictures of {len(self.first_N):,}; {self.groups:,} groups of "
            f"identical ones, {self.conflicting:,} with conflicting labels; {copies} pictures are exact "
            "copies of Training pictures."
        )


def find_duplicates(dataset: FaceDataset) -> Duplicates:
    """Group the pictures of `dataset` by the SHA-256 of their pixels (0.1 s for all of FER-2013)."""
    first_of: dict[bytes, int] = {}
    first_N = np.array(
        [
            first_of.setdefault(hashlib.sha256(image_HW.tobytes()).digest(), row)
            for row, image_HW in enumerate(dataset.images_NHW)
        ],
        np.int64,
    )
    size_N = np.bincount(first_N, minlength=len(first_N))  # at a group's first row: its size
    other_label_N = dataset.labels_N != dataset.labels_N[first_N]
    training_N = dataset.splits_N == SPLITS[0]
    copies_N = ~training_N & np.isin(first_N, first_N[training_N])
    return Duplicates(
        first_N=first_N,
        copies_N=copies_N,
        distinct=len(first_of),
        groups=int((size_N > 1).sum()),
        conflicting=len(np.unique(first_N[other_label_N])),
        copies={split: int(copies_N[dataset.splits_N == split].sum()) for split in SPLITS[1:]},
    )


def copies_of_training(dataset: FaceDataset) -> npt.NDArray[np.bool_]:
    """Flag, (N,), the pictures of the test splits that are exact pixel copies of any Training picture."""
    return find_duplicates(dataset).copies_N
