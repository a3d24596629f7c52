"""Faces drawn from their landmarks: contours of the test pictures of FER-2013, small enough to come along.

The pictures are not ours to pass on; what was measured in them may be. Points are kept to a quarter of a
picture's pixel. Beside each row stands the beginning of a hash of its picture, by which a user's own copy of
the pictures is known to be the right one.

Shape suffixes: N rows, M rows with a mesh, P points of `fusion_model.contours.POINTS`, D coordinate (x, y),
H height, W width.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from fusion_model.catalogue import ASSETS
from fusion_model.contours import POINTS
from fusion_model.errors import ExpressionLensError

__all__ = ["MESHES", "MeshDrawings", "MeshError", "digest_of"]

MESHES = ASSETS / "fer2013_meshes.npz"
#: Steps a pixel, and the pixels left of and above the picture at which they begin: a byte holds -8 to 55.75.
STEPS, MARGIN = 4, 8
_HASH_BYTES = 8


class MeshError(ExpressionLensError):
    """A file of mesh drawings cannot be read."""


def digest_of(image_HW: np.ndarray) -> int:
    """The first 8 bytes of the SHA-256 of a picture's pixels, as a whole number."""
    return int.from_bytes(
        hashlib.sha256(np.ascontiguousarray(image_HW).data).digest()[:_HASH_BYTES], "little"
    )


@dataclass(frozen=True, eq=False)
class MeshDrawings:
    """Contours of faces by row of a data set.

    Attributes
    ----------
    rows_N : (N,) int, row of the original data.
    digests_N : (N,) uint64, `digest_of` each picture.
    found_N : (N,) bool, whether there is a mesh.
    steps_MPD : (M, P, 2) uint8, where the points are, in quarters of a px from (-8, -8).
    """

    rows_N: np.ndarray
    digests_N: np.ndarray
    found_N: np.ndarray
    steps_MPD: np.ndarray

    @classmethod
    def of(
        cls, rows_N: np.ndarray, digests_N: np.ndarray, landmarks_NLD: np.ndarray, found_N: np.ndarray
    ) -> Self:
        """From landmarks (N, 478, 2 or 3) in px of the pictures; points too far out are moved in."""
        points_MPD = landmarks_NLD[found_N][:, POINTS, :2]
        steps_MPD = np.clip(np.rint((points_MPD + MARGIN) * STEPS), 0, 255).astype(np.uint8)
        return cls(
            np.asarray(rows_N, np.int32),
            np.asarray(digests_N, np.uint64),
            np.asarray(found_N, bool),
            steps_MPD,
        )

    @classmethod
    def read(cls, path: Path = MESHES) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        MeshError
            For a file that is missing, damaged, or of other points.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                parts = {name: file[name] for name in ("rows", "digests", "found", "points", "differences")}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise MeshError(f"The mesh drawings {path} cannot be read: {error}.") from error
        if not np.array_equal(parts["points"], POINTS):
            raise MeshError(
                f"{path} was made for other landmarks: write it again with python -m training.mesh_drawings."
            )
        # Modulo 256, as the differences were taken.
        steps_PDM = np.add.accumulate(parts["differences"], axis=0, dtype=np.uint8)
        return cls(parts["rows"], parts["digests"], parts["found"], steps_PDM.transpose(2, 0, 1))

    def write(self, path: Path = MESHES) -> None:
        """Write, aside and then renamed. Neighbours lie close: their differences pack to two thirds."""
        steps_PDM = self.steps_MPD.transpose(1, 2, 0)
        differences_PDM = np.diff(steps_PDM, axis=0, prepend=np.uint8(0))
        aside = path.with_name(f"{path.name}.aside")
        with aside.open("wb") as file:
            np.savez_compressed(
                file,
                rows=self.rows_N,
                digests=self.digests_N,
                found=self.found_N,
                points=POINTS,
                differences=differences_PDM,
            )
        aside.replace(path)

    def points(self, row: int) -> np.ndarray | None:
        """The contours' points of a row, (P, 2) float in px of its picture; None without a mesh, or row."""
        place = self._place_of.get(row)
        if place is None or not self.found_N[place]:
            return None
        return self.steps_MPD[self._mesh_N[place]] / STEPS - MARGIN

    @cached_property
    def _place_of(self) -> dict[int, int]:
        return {int(row): place for place, row in enumerate(self.rows_N)}

    @cached_property
    def _mesh_N(self) -> np.ndarray:
        return np.cumsum(self.found_N) - 1
