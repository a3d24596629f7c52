"""What stands beside the answers for own pictures: their groups, and the pictures without an answer."""

import dataclasses
from pathlib import Path

import pandas as pd

from fusion_model.table_file import read_csv, write_csv
from training.listing import COLUMNS, some
from training.samples import DataError, FaceDataset


def with_groups(facts: pd.DataFrame, groups: Path, dataset: FaceDataset) -> pd.DataFrame:
    """The facts with the columns of a CSV, joined by ``path``; its label and split, if any, are not taken.

    Parameters
    ----------
    facts : of pictures, one row each, with the column ``path``
    groups : CSV, plain or gzip, with the column ``path`` and any others
    dataset : own data that the pictures are of

    Raises
    ------
    DataError
        Without own data or that column; for a path that stands there twice or is none of the data's; for a
        column that the table has already.
    TableError
        For a file that is no CSV.
    """
    if dataset.own is None:
        raise DataError("Groups are joined by the path of own pictures: leave --groups out for FER-2013.")
    frame, _ = read_csv(groups)
    if "path" not in frame.columns:
        raise DataError(f"{groups} has no column 'path' to join groups by.")
    paths = frame["path"].astype(str)
    twice = sorted(paths[paths.duplicated()])
    known = {*dataset.own.paths, *(picture.path for picture in dataset.own.left_out)}
    unknown = sorted(set(paths) - known)
    columns = [column for column in frame.columns if column not in COLUMNS]
    taken = [column for column in columns if column in facts.columns]
    for wrong, sentence in (
        (twice, "names pictures more than once"),
        (unknown, f"names pictures that are not in the data (whose paths look like '{min(known)}')"),
        (taken, "has columns that the table has already"),
    ):
        if wrong:
            raise DataError(f"{groups} {sentence}: {some(wrong)}.")
    joined = frame[columns].set_axis(paths, axis=0).reindex(facts["path"])
    return pd.concat([facts, joined.reset_index(drop=True)], axis=1)


def write_left_out(dataset: FaceDataset, out: Path) -> None:
    """Write which own pictures have no answer, and why, into a folder; an old list is removed."""
    if dataset.own is None:
        return
    path = out / f"{dataset.name}_left_out.csv"
    path.unlink(missing_ok=True)
    if dataset.own.left_out:
        write_csv(pd.DataFrame([dataclasses.asdict(picture) for picture in dataset.own.left_out]), path)
        print(f"{path}: {len(dataset.own.left_out)} pictures without an answer")
