"""What every reader of data returns: pictures with labels and official splits, checked once.

Shapes: N pictures, H = W = 48 pixels and a margin, V = 10 kinds of FER+ vote, S = 3 splits, K classes,
L = 478 landmarks, D = 3 coordinates.

FER-2013 comes as it is, 48x48, and is aligned by its landmarks when it becomes samples. Pictures of any other
data are brought to FER-2013's frame when they are read, with a margin for the augmentation (`MARGIN`), and
have their landmarks with them: from there on both go the same way.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_model.fer2013_copy import SIDE
from fusion_model.labels import EXPRESSIONS
from fusion_model.sources import DataError

__all__ = [
    "MARGIN",
    "OFFICIAL_COUNTS",
    "SIDE",
    "SPLITS",
    "DataError",
    "FaceDataset",
    "Landmarks",
    "LeftOut",
    "OwnFaces",
    "fingerprint_of",
]

#: Around the frame of pictures that were brought to it, px: what training's turns, shifts and zooms reach.
MARGIN = 16
SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_COUNTS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}


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


@dataclass(frozen=True)
class LeftOut:
    """A picture that cannot be used, and the reason, as a sentence."""

    path: str
    label: str
    split: str
    reason: str


@dataclass(frozen=True, eq=False)
class OwnFaces:
    """What data other than FER-2013 know of their pictures beside labels, row by row.

    Attributes
    ----------
    rows_N : int64 (N,), places of the pictures in the folder or table that was read, from 0.
    paths : of the files, as the folder or table names them.
    landmarks : in px of the files' pictures, as these were before they were brought to the frame.
    how : "found" or "given as crops"; what the card says of the faces.
    left_out : of every picture that is no row, because it cannot be read or shows no face.
    notes : the data set's, without names of files: what a card says.
    """

    rows_N: npt.NDArray[np.int64]
    paths: tuple[str, ...]
    landmarks: Landmarks
    how: str
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Grey face crops with labels and splits, all in the order of their source.

    Raises
    ------
    ValueError
        If the arrays do not belong together (a mistake of the calling code, not of a file).
    """

    images_NHW: npt.NDArray[np.uint8]  # (N, 48, 48), grey, 0..255; with `own` MARGIN px more on each side
    labels_N: npt.NDArray[np.int64]  # (N,), index into `labels`
    splits_N: npt.NDArray[np.str_]  # (N,), each one of SPLITS
    labels: tuple[str, ...] = EXPRESSIONS  # class names in the order of their codes
    votes_NV: npt.NDArray[np.float32] | None = None  # (N, 10), FER+ votes as counts, columns as VOTE_COLUMNS
    fingerprint: str = ""  # 16 hex digits of the SHA-256 of pictures and labels; computed where left empty
    original_rows: bool = True  # row i is row i of the original CSV, so FER+ votes can be joined
    notes: tuple[str, ...] = ()  # sentences a person should see beside any figure from these data
    name: str = "FER-2013"  # what a card calls the data
    own: OwnFaces | None = None  # of data other than FER-2013: pictures in its frame, with their landmarks

    def __post_init__(self) -> None:
        count, side = len(self.images_NHW), SIDE + 2 * self.margin
        if self.images_NHW.shape != (count, side, side) or self.images_NHW.dtype != np.uint8:
            raise ValueError(f"images_NHW must be uint8 (N, {side}, {side}), not {self.images_NHW.shape}")
        if self.own is not None and len(self.own.paths) != count:
            raise ValueError("own must have one row for each picture")
        if self.labels_N.shape != (count,) or self.splits_N.shape != (count,):
            raise ValueError("images_NHW, labels_N and splits_N must have the same length")
        if not np.isin(self.labels_N, np.arange(len(self.labels))).all():
            raise ValueError(f"labels_N must index the {len(self.labels)} labels")
        if not np.isin(self.splits_N, SPLITS).all():
            raise ValueError(f"splits_N must hold only {SPLITS}")
        if self.votes_NV is not None and len(self.votes_NV) != count:
            raise ValueError("votes_NV must have one row for each picture")
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", fingerprint_of(self.images_NHW, self.labels_N))

    def __len__(self) -> int:
        return len(self.images_NHW)

    @property
    def margin(self) -> int:
        """Around the frame of FER-2013 in every picture, px; 0 for FER-2013 itself."""
        return MARGIN if self.own is not None else 0

    def counts_SK(self) -> npt.NDArray[np.int64]:
        """Count the pictures of each class in each split: (S, K), rows as SPLITS, columns as `labels`."""
        return np.stack(
            [
                np.bincount(self.labels_N[self.splits_N == split], minlength=len(self.labels))
                for split in SPLITS
            ]
        )

    def describe(self) -> str:
        """Return the class counts by split as a small table, then every note, one a line."""
        counts_SK = self.counts_SK()
        names = (*self.labels, "all")
        widths = [max(10, len(name) + 2) for name in names]
        lines = [f"{'':<12}" + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))]
        for split, counts_K in zip(SPLITS, counts_SK, strict=True):
            cells = zip((*counts_K, counts_K.sum()), widths, strict=True)
            lines.append(f"{split:<12}" + "".join(f"{n:>{width},}" for n, width in cells))
        found = dict(zip(SPLITS, counts_SK.sum(axis=1).tolist(), strict=True))
        if self.own is None and found != OFFICIAL_COUNTS:
            lines.append(
                f"Note: these are not the official splits of FER-2013 ({_counts(OFFICIAL_COUNTS)}) "
                f"but {_counts(found)}: figures from them do not compare with published ones."
            )
        lines.extend(f"Note: {note}" for note in self.notes)
        return "\n".join(lines)


def fingerprint_of(images_NHW: npt.NDArray[np.uint8], labels_N: npt.NDArray[np.int64]) -> str:
    """Return 16 hex digits: the start of the SHA-256 of all pixels, then all labels (little-endian int64)."""
    digest = hashlib.sha256(np.ascontiguousarray(images_NHW).data)
    digest.update(labels_N.astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def _counts(by_split: dict[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in by_split.items())
