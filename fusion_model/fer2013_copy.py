"""A user's own copy of FER-2013: the pictures of the test rows, known by their hashes, in memory only.

The pictures do not come with this program. Whoever has them can point at Kaggle's CSV, plain or packed, or at
the folder that it lies in.

Shape suffixes: H = W = 48 pixels.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fusion_model.mesh_drawings import MeshDrawings, digest_of
from fusion_model.sources import DataError, Place, read_rows

__all__ = ["CSV_NAMES", "SIDE", "csv_in", "pixels_of", "read_copy"]

#: In order of preference, as torchvision has it.
CSV_NAMES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
#: Of its pictures, px.
SIDE = 48
_PIXELS = SIDE * SIDE
# Looking the 256 possible words up is faster than int(), and refuses '+1', '1_0' and other digits of Unicode.
_VALUE_OF = {str(value): value for value in range(256)}


def read_copy(path: Path, known: MeshDrawings) -> dict[int, np.ndarray]:
    """The pictures (48, 48) uint8 of the known rows, by row.

    Parameters
    ----------
    path : fer2013.csv or icml_face_data.csv, plain, .gz or .zip, the challenge's .tar.gz, or a folder of one
    known : rows and hashes of their pictures; where a row stands in the file does not matter

    Raises
    ------
    DataError
        Where it cannot be read, or does not hold all of these pictures.
    """
    path = path.expanduser()
    table = csv_in(path) if path.is_dir() else path
    if table is None:
        raise DataError(
            f"{path} holds none of {', '.join(CSV_NAMES[:2])}. The folder release will not do: its pictures "
            "are JPEGs, which differ a little and have lost their rows."
        )
    wanted = set(known.digests_N.tolist())
    found = _pictures(table, wanted)
    if len(found) < len(wanted):
        raise DataError(
            f"{table} holds {len(found):,} of the {len(wanted):,} different test pictures of FER-2013: it is "
            "cut, changed, or another data set. The whole of fer2013.csv or icml_face_data.csv is needed, as "
            "Kaggle has them."
        )
    rows = zip(known.rows_N.tolist(), known.digests_N.tolist(), strict=True)
    return {row: found[digest] for row, digest in rows}


def csv_in(directory: Path) -> Path | None:
    """Find a CSV of FER-2013 by its known name, plain or packed, in a directory or its `fer2013/`."""
    for name in (*CSV_NAMES, "test.csv"):  # the last only for its reader to say why it will not do
        for place in (directory, directory / "fer2013"):
            for suffix in ("", ".gz", ".zip"):
                if (place / (name + suffix)).is_file():
                    return place / (name + suffix)
    return None


def pixels_of(place: Place, text: str) -> bytes:
    """The pixels of a row: 48 times 48 whole numbers, 0 to 255; a `DataError` names what is none."""
    words = text.split()
    if len(words) != _PIXELS:
        raise place.error(f"expected {_PIXELS} pixel values, found {len(words)}.")
    try:
        return bytes(map(_VALUE_OF.__getitem__, words))
    except KeyError as error:
        position = next(i for i, word in enumerate(words) if word not in _VALUE_OF)
        shown = repr(words[position] if len(words[position]) <= 40 else words[position][:37] + "...")
        raise place.error(
            f"expected whole pixel values from 0 to 255, found {shown} as value {position + 1}."
        ) from error


def _pictures(table: Path, wanted: set[int]) -> dict[int, np.ndarray]:
    """Pictures of a CSV by hash, of those wanted; rows that say that they are Training's are passed over."""
    rows = read_rows(table, CSV_NAMES)
    place, header = next(rows)
    columns: Mapping[str, int] = {name.strip().lower(): position for position, name in enumerate(header)}
    if "pixels" not in columns:
        raise place.error("expected a column named pixels, as in fer2013.csv.")
    found = {}
    for place, fields in rows:
        usage = fields[columns["usage"]].strip() if len(fields) > columns.get("usage", len(fields)) else ""
        if usage == "Training":
            continue
        text = fields[columns["pixels"]] if len(fields) > columns["pixels"] else ""
        image_HW = np.frombuffer(pixels_of(place, text), np.uint8).reshape(SIDE, SIDE)
        digest = digest_of(image_HW)
        if digest in wanted:
            found[digest] = image_HW
    return found
