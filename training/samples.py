"""What every reader of data returns: pictures with labels and official splits, checked once.

Shapes: N pictures, H = W = 48 pixels, V = 10 kinds of FER+ vote, S = 3 splits, K classes.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_model.errors import ExpressionLensError
from fusion_model.labels import EXPRESSIONS

SIDE = 48
SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_COUNTS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}


class DataError(ExpressionLensError):
    """A data file or folder is not what was expected; the sentence names the place and the expectation."""


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Grey face crops with labels and splits, all in the order of their source.

    Raises
    ------
    ValueError
        If the arrays do not belong together (a mistake of the calling code, not of a file).
    """

    images_NHW: npt.NDArray[np.uint8]  # (N, 48, 48), grey, 0..255
    labels_N: npt.NDArray[np.int64]  # (N,), index into `labels`
    splits_N: npt.NDArray[np.str_]  # (N,), each one of SPLITS
    labels: tuple[str, ...] = EXPRESSIONS  # class names in the order of their codes
    votes_NV: npt.NDArray[np.float32] | None = None  # (N, 10), FER+ votes as counts, columns as VOTE_COLUMNS
    fingerprint: str = ""  # 16 hex digits of the SHA-256 of pictures and labels; computed where left empty
    original_rows: bool = True  # row i is row i of the original CSV, so FER+ votes can be joined
    notes: tuple[str, ...] = ()  # sentences a person should see beside any figure from these data

    def __post_init__(self) -> None:
        count = len(self.images_NHW)
        if self.images_NHW.shape != (count, SIDE, SIDE) or self.images_NHW.dtype != np.uint8:
            raise ValueError(f"images_NHW must be uint8 (N, {SIDE}, {SIDE}), not {self.images_NHW.shape}")
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
        lines = [f"{'':<12}" + "".join(f"{name:>10}" for name in (*self.labels, "all"))]
        for split, counts_K in zip(SPLITS, counts_SK, strict=True):
            lines.append(f"{split:<12}" + "".join(f"{n:>10,}" for n in (*counts_K, counts_K.sum())))
        found = dict(zip(SPLITS, counts_SK.sum(axis=1).tolist(), strict=True))
        if found != OFFICIAL_COUNTS:
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
