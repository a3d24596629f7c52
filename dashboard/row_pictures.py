"""What faces of FER-2013 look like: contours drawn from landmarks, and pictures of a user's own copy.

Shape suffixes: P points, D coordinate (x, y).
"""

import base64
import functools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from fusion_model.contours import CONTOURS
from fusion_model.fer2013_copy import SIDE, read_copy
from fusion_model.mesh_drawings import MESHES, MeshDrawings, MeshError

HOW = (
    "Row numbers are those of Kaggle's fer2013.csv, counted from 0. The pictures are not ours to pass on, so "
    "faces are drawn by the contours of their landmarks. If you have that file, start the program with "
    "--fer2013 and its path: then the pictures stand here too."
)
WITH_PICTURES = (
    "Row numbers are those of Kaggle's fer2013.csv, counted from 0. The pictures are those of your own copy "
    "of it. They stay in the memory of this program, and are in no report that is saved here."
)


class RowPictures:
    """Drawings by row, read when first asked for; they belong to no session.

    Parameters
    ----------
    meshes : Path
        File of the drawings; without it there are none.
    copy : Path, optional
        The user's own FER-2013. It is read and checked at once.

    Raises
    ------
    DataError, MeshError
        For a copy that is not FER-2013's, or that there are no drawings to check against.
    """

    def __init__(self, meshes: Path = MESHES, copy: Path | None = None) -> None:
        self._path = meshes
        self._pictures: Mapping[int, np.ndarray] = {}
        if copy is not None:
            self._pictures = read_copy(copy, MeshDrawings.read(meshes))

    @property
    def note(self) -> str:
        """Where row numbers, drawings and pictures come from."""
        return WITH_PICTURES if self._pictures else HOW

    def columns(self, rows: Sequence[int], labels: Iterable[str]) -> dict[str, list[str]]:
        """Cells of HTML by the head of their column; a column that no row has anything for is left out.

        Parameters
        ----------
        rows : of FER-2013
        labels : of these rows, for those who hear the page
        """
        named = [f"Row {row}, labelled {label}" for row, label in zip(rows, labels, strict=True)]
        columns = {
            "picture": [self._picture(row, name) for row, name in zip(rows, named, strict=True)],
            "landmarks": [self._drawing(row, name) for row, name in zip(rows, named, strict=True)],
        }
        return {head: [cell or "–" for cell in cells] for head, cells in columns.items() if any(cells)}

    @functools.cached_property
    def _meshes(self) -> MeshDrawings | None:
        try:
            return MeshDrawings.read(self._path)
        except MeshError:
            return None

    def _drawing(self, row: int, name: str) -> str:
        points_PD = None if self._meshes is None else self._meshes.points(row)
        return "" if points_PD is None else mesh_svg(points_PD, f"{name}: contours of its landmarks")

    def _picture(self, row: int, name: str) -> str:
        image_HW = self._pictures.get(row)
        if image_HW is None:
            return ""
        out = BytesIO()
        Image.fromarray(image_HW).save(out, "PNG")
        source = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
        return f'<img class="face" src="{source}" alt="{escape(name)}">'


def mesh_svg(points_PD: np.ndarray, name: str) -> str:
    """The contours of a face (P, 2), px of its picture, in the frame of that picture."""
    lines, start = [], 0
    for contour in CONTOURS:
        part_PD = points_PD[start : start + len(contour.landmarks)]
        start += len(contour.landmarks)
        lines.append("M" + " ".join(f"{x:g},{y:g}" for x, y in part_PD) + ("z" if contour.closed else ""))
    return (
        f'<svg class="face" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(name)}">'
        f'<path d="{"".join(lines)}"/></svg>'
    )
