"""The prediction table: one row per picture, what it shows, and what each model answered.

Every figure of Evaluate, Compare and Fairness is computed from the rows of such a table that a
filter leaves. It holds no pixels, and it is a plain CSV file (see `read_table`), so that anyone can
open it, and write one.

Shape suffixes: N rows (pictures), K labels.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd

from fusion_model.table_file import TableError, read_csv, write_csv
from fusion_model.table_labels import SUM_TOLERANCE, columns_of, labels_and_models

__all__ = [  # TableError among them: it is what these raise
    "PredictionTable",
    "TableError",
    "of_split",
    "read_table",
    "table_from_frame",
    "without_copies",
    "write_table",
]

REQUIRED_COLUMNS = ("row", "split", "label", "mesh_found", "copy_in_training")
DECIMALS = 5
_UNITS = 10**DECIMALS
_RANGE_TOLERANCE = 1e-6  # a float32 softmax may stand this little outside 0..1


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Checked predictions; make one with `read_table` or `table_from_frame`, narrow it with `select`.

    Attributes
    ----------
    frame : pandas.DataFrame
        N rows, index 0..N-1. ``row`` int >= 0, unique; ``split`` and ``label`` str; ``mesh_found`` and
        ``copy_in_training`` int, 0 or 1; any slice columns; ``<model>_<label>`` float in 0..1. Treat
        it as read-only.
    labels : tuple of str
        The K classes, in the order of every K-axis.
    models : tuple of str
        Those with a column for every label, in the order of the file.
    """

    frame: pd.DataFrame
    labels: tuple[str, ...]
    models: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frame)

    def truth(self) -> np.ndarray:
        """True labels as codes into `labels`, (N,) int."""
        return pd.Index(self.labels).get_indexer(self.frame["label"])

    def probabilities(self, model: str) -> np.ndarray:
        """Probabilities of one model, (N, K) float64 in 0..1, rows summing to 1 within 0.001.

        Raises
        ------
        TableError
            If the table has no such model.
        """
        if model not in self.models:
            raise TableError(f"The table has no model '{model}'; it has {', '.join(self.models)}.")
        return self.frame[columns_of(model, self.labels)].to_numpy(dtype=np.float64)

    def predicted(self, model: str) -> np.ndarray:
        """The most probable label of each row as a code into `labels`, (N,) int; the first on a tie."""
        return self.probabilities(model).argmax(axis=1)

    def select(self, mask_N: np.ndarray) -> "PredictionTable":
        """The rows where `mask_N` ((N,) bool) is true, in the same order, renumbered from 0.

        Raises
        ------
        ValueError
            If the mask is not boolean or not one value a row.
        """
        mask_N = np.asarray(mask_N)
        if mask_N.dtype != np.bool_ or mask_N.shape != (len(self),):
            raise ValueError(f"a mask of {len(self)} booleans is needed, not {mask_N.dtype} {mask_N.shape}")
        return PredictionTable(self.frame[mask_N].reset_index(drop=True), self.labels, self.models)


def of_split(table: PredictionTable, split: str) -> PredictionTable:
    """The rows of one split; a `TableError` names the splits there are if that one is not among them."""
    mask_N = (table.frame["split"] == split).to_numpy(dtype=bool)
    if not mask_N.any():
        known = ", ".join(sorted(table.frame["split"].unique())) or "no rows at all"
        raise TableError(f"The table has no rows of the split '{split}'; it has {known}.")
    return table.select(mask_N)


def without_copies(table: PredictionTable) -> PredictionTable:
    """The rows whose picture is not an exact copy of a training picture."""
    return table.select((table.frame["copy_in_training"] == 0).to_numpy(dtype=bool))


def read_table(source: str | os.PathLike[str] | IO, labels: Sequence[str] | None = None) -> PredictionTable:
    """Read and check a prediction table.

    Parameters
    ----------
    source : path or file-like (bytes or text)
        CSV, plain or gzip (told apart by content), UTF-8. Columns: ``row`` (0-based row of the
        original data), ``split``, ``label`` (the class name), ``mesh_found`` and ``copy_in_training``
        (0 or 1), any slice columns, and for each model one column ``<model>_<label>`` per label.
    labels : sequence of str, optional
        The classes, in order. Default: the seven expressions if a model has a column for each and they
        make up its answer, else those of the first model's columns, in their order, that do: also a class
        that a model knows and no row shows (see `fusion_model.table_labels`).

    Raises
    ------
    TableError
        A file that is missing, cut, empty or not a table of this shape: names row and column.
    """
    frame, name = read_csv(source)
    return table_from_frame(frame, labels, name=name)


def table_from_frame(
    frame: pd.DataFrame, labels: Sequence[str] | None = None, *, name: str = "The table"
) -> PredictionTable:
    """Check a data frame of the columns that `read_table` lists and make a table of it (a copy).

    `name` opens the sentence of a `TableError`; its rows are counted from 1, and its lines as in a CSV
    file with a header. 0/1 columns may be boolean.
    """
    missing = [column for column in REQUIRED_COLUMNS if column not in frame.columns]
    if missing:
        raise TableError(
            f"{name} lacks the column '{missing[0]}'; needed are {', '.join(REQUIRED_COLUMNS)} and "
            "<model>_<label> for every label."
        )
    if frame.empty:
        raise TableError(f"{name} has a header but no rows.")
    frame = frame.reset_index(drop=True)
    for column in ("split", "label"):
        frame[column] = _texts(frame, column, name)
    labels, models = labels_and_models(frame, labels, name)
    _check_labels(frame, labels, name)
    for column in ("row", "mesh_found", "copy_in_training"):
        frame[column] = _whole_numbers(frame, column, name)
    again = frame["row"].duplicated().to_numpy()
    if again.any():
        number = frame["row"][again.argmax()]
        raise TableError(f"{_place(name, again, 'row')}: {number} stands there a second time.")
    for model in models:
        _check_probabilities(frame, model, labels, name)
    return PredictionTable(frame, labels, models)


def write_table(table: PredictionTable, path: str | os.PathLike[str]) -> None:
    """Write a table so that `read_table` gives it back; the same table gives the same bytes.

    Written aside, then renamed: the path holds the old file or the new one, never half of one. Gzip
    where the name ends in ``.gz``. Probabilities are written with 5 decimals, by largest remainder:
    every row keeps its sum (to half of the last decimal) and its most probable label.

    Raises
    ------
    TableError
        If the table would not be read back, or the path cannot be written.
    """
    frame = table_from_frame(table.frame, table.labels).frame
    for model in table.models:
        units_NK = _in_units(table.probabilities(model))
        for code, column in enumerate(columns_of(model, table.labels)):
            frame[column] = [f"{units / _UNITS:.{DECIMALS}f}" for units in units_NK[:, code]]
    write_csv(frame, path)


def _in_units(probabilities_NK: np.ndarray) -> np.ndarray:
    """Probabilities as whole numbers of the last decimal, (N, K) int64, same row sum and same argmax."""
    exact_NK = np.clip(probabilities_NK, 0, 1) * _UNITS
    units_NK = np.floor(exact_NK).astype(np.int64)
    short_N = np.rint(exact_NK.sum(axis=1)).astype(np.int64) - units_NK.sum(axis=1)
    rank_NK = np.argsort(np.argsort(units_NK - exact_NK, axis=1, kind="stable"), axis=1)
    units_NK += rank_NK < short_N[:, None]
    # Rounding can make a tie of the first two, and a tie is read as the first in label order.
    rows_N = np.arange(len(units_NK))
    best_N, winner_N = probabilities_NK.argmax(axis=1), units_NK.argmax(axis=1)
    moved_N = (best_N != winner_N).astype(np.int64)
    units_NK[rows_N, best_N] += moved_N
    units_NK[rows_N, winner_N] -= moved_N
    return units_NK


def _place(name: str, wrong_N: np.ndarray, column: str) -> str:
    """Where the first wrong row stands, for the opening of a sentence."""
    first = int(wrong_N.argmax())
    return f"{name}, row {first + 1} (line {first + 2} of the file), column '{column}'"


def _texts(frame: pd.DataFrame, column: str, name: str) -> pd.Series:
    empty_N = (frame[column].isna() | (frame[column].astype(str) == "")).to_numpy()
    if empty_N.any():
        raise TableError(f"{_place(name, empty_N, column)}: is empty.")
    return frame[column].astype(str)


def _numbers(frame: pd.DataFrame, column: str, name: str) -> np.ndarray:
    """One column as (N,) float64, all finite."""
    values_N = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong_N = ~np.isfinite(values_N)
    if wrong_N.any():
        value = frame[column].iloc[int(wrong_N.argmax())]
        what = "is empty" if pd.isna(value) else f"'{value}' is not a number"
        raise TableError(f"{_place(name, wrong_N, column)}: {what}.")
    return values_N


def _whole_numbers(frame: pd.DataFrame, column: str, name: str) -> np.ndarray:
    values_N = _numbers(frame, column, name)
    flag = column != "row"
    wrong_N = (
        ~np.isin(values_N, (0, 1)) if flag else (values_N % 1 != 0) | (values_N < 0) | (values_N > 2**53)
    )
    if wrong_N.any():
        needed = "0 or 1" if flag else "a whole number from 0"
        value = frame[column].iloc[int(wrong_N.argmax())]
        raise TableError(f"{_place(name, wrong_N, column)}: '{value}' where {needed} is needed.")
    return values_N.astype(np.int64)


def _check_labels(frame: pd.DataFrame, labels: tuple[str, ...], name: str) -> None:
    wrong_N = (~frame["label"].isin(labels)).to_numpy()
    if wrong_N.any():
        value = frame["label"].iloc[int(wrong_N.argmax())]
        raise TableError(f"{_place(name, wrong_N, 'label')}: '{value}' is none of {', '.join(labels)}.")


def _check_probabilities(frame: pd.DataFrame, model: str, labels: tuple[str, ...], name: str) -> None:
    columns = columns_of(model, labels)
    for column in columns:
        frame[column] = values_N = _numbers(frame, column, name)
        wrong_N = (values_N < -_RANGE_TOLERANCE) | (values_N > 1 + _RANGE_TOLERANCE)
        if wrong_N.any():
            value = values_N[int(wrong_N.argmax())]
            raise TableError(f"{_place(name, wrong_N, column)}: {value:g} is no probability from 0 to 1.")
    sums_N = frame[columns].to_numpy(dtype=np.float64).sum(axis=1)
    wrong_N = np.abs(sums_N - 1) > SUM_TOLERANCE
    if wrong_N.any():
        raise TableError(
            f"{_place(name, wrong_N, columns[0])} to '{columns[-1]}': the probabilities of '{model}' sum "
            f"to {sums_N[int(wrong_N.argmax())]:.4f}, not 1 (are there classes that no row shows?)."
        )
