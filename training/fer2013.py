"""FER-2013 as people have it, with its official splits: Kaggle's CSV files, packed or not, or the folders.

Accepted by `read_fer2013`, told apart by content:

- `fer2013.csv` (`emotion,pixels,Usage`) and `icml_face_data.csv` (the same columns in another order, with
  spaces in its header), plain, gzip, zip, or the challenge's `fer2013.tar.gz`;
- `train.csv` of the ICML challenge (`emotion,pixels`): all its rows are Training;
- a directory that holds one of these, itself or in `fer2013/`, as torchvision's `FER2013` wants it;
- the folder release, a directory or a zip (see `training.folder`).

Source: Goodfellow et al. 2013, "Challenges in Representation Learning", https://arxiv.org/abs/1307.0414.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from fusion_model.fer2013_copy import CSV_NAMES, csv_in, pixels_of
from fusion_model.labels import EXPRESSIONS
from fusion_model.sources import Place, is_zip, read_rows, zip_names
from training.duplicates import copies_of_training
from training.folder import class_file, has_pictures, read_folder_release
from training.listing import SUFFIXES, is_table
from training.samples import SIDE, SPLITS, DataError, FaceDataset
from training.votes import VOTE_COLUMNS, read_votes

__all__ = [
    "CSV_NAMES",
    "SPLITS",
    "VOTE_COLUMNS",
    "DataError",
    "FaceDataset",
    "copies_of_training",
    "read_fer2013",
    "read_votes",
]

_CODE_OF = {str(code): code for code in range(len(EXPRESSIONS))}


def read_fer2013(path: str | Path) -> FaceDataset:
    """Read FER-2013 from a CSV file (plain or packed), or from a directory or zip of the folder release.

    Parameters
    ----------
    path
        A file or directory; the module's text lists what is accepted.

    Returns
    -------
    FaceDataset
        All pictures in the order of the source; `describe()` compares their counts with the official ones.

    Raises
    ------
    DataError
        If the source is missing, cut or wrong; the sentence names the row or file and what was expected.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist: expected fer2013.csv or the folder release of FER-2013.")
    if path.is_dir():
        table = csv_in(path)
        return read_folder_release(path) if table is None else _read_csv(table)
    if is_zip(path):
        names = zip_names(path)
        known = any(PurePosixPath(name).name in CSV_NAMES for name in names)
        if not known and has_pictures(names):
            return read_folder_release(path)
    return _read_csv(path)


def is_fer2013_table(path: Path) -> bool:
    """Tell whether a file is a CSV of FER-2013, plain or packed, whole or not, or a directory holds one."""
    if path.is_dir():
        table = csv_in(path)
        return table is not None and not is_table(table)
    if is_zip(path):
        return not any(class_file(name, SUFFIXES) for name in zip_names(path))
    return True


def _read_csv(path: Path) -> FaceDataset:
    """Read one CSV file into arrays; memory stays near the 2,304 bytes a picture takes."""
    rows = read_rows(path, CSV_NAMES)
    place, header = next(rows)
    columns = _columns(place, header)
    pixels = bytearray()
    labels: list[int] = []
    splits: list[str] = []
    for place, fields in rows:
        pixels += pixels_of(place, _field(place, fields, columns, "pixels"))
        labels.append(_emotion(place, _field(place, fields, columns, "emotion")))
        splits.append(_usage(place, fields, columns))
    if not labels:
        raise DataError(f"{path.name} has a header but no rows: expected one row for each picture.")
    notes = (
        () if "usage" in columns else (f"{path.name} has no Usage column: all its rows count as Training.",)
    )
    return FaceDataset(
        images_NHW=np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE),
        labels_N=np.array(labels, np.int64),
        splits_N=np.array(splits, f"<U{max(map(len, SPLITS))}"),
        notes=notes,
    )


def _columns(place: Place, header: list[str]) -> dict[str, int]:
    """Map the lower-case names of the columns to their positions."""
    columns = {name.strip().lower(): position for position, name in enumerate(header)}
    if "pixels" in columns and "emotion" not in columns:
        raise place.error(
            "pictures without labels (no emotion column), as in test.csv of the ICML challenge: "
            "expected fer2013.csv or icml_face_data.csv, which label the same pictures."
        )
    if not {"emotion", "pixels"} <= columns.keys():
        raise place.error(f"expected the columns emotion,pixels,Usage, found {_shown(','.join(header))}.")
    return columns


def _field(place: Place, fields: list[str], columns: Mapping[str, int], name: str) -> str:
    if columns[name] >= len(fields):
        raise place.error(f"expected {len(columns)} columns, found {len(fields)}: is the file cut?")
    return fields[columns[name]]


def _emotion(place: Place, text: str) -> int:
    code = _CODE_OF.get(text.strip())
    if code is None:
        named = ", ".join(f"{code} {name}" for code, name in enumerate(EXPRESSIONS))
        raise place.error(f"expected an emotion from 0 to 6 ({named}), found {_shown(text)}.")
    return code


def _usage(place: Place, fields: list[str], columns: Mapping[str, int]) -> str:
    if "usage" not in columns:
        return SPLITS[0]
    usage = _field(place, fields, columns, "usage").strip()
    if usage not in SPLITS:
        raise place.error(f"expected Usage Training, PublicTest or PrivateTest, found {_shown(usage)}.")
    return usage


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
