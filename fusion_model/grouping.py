"""Rows sorted into groups: by one column or two crossed, by value, or by quarters of a measured number.

Shape suffixes: N rows, G groups.
"""

import itertools

import numpy as np
import pandas as pd

from fusion_model.filters import MOST_VALUES, texts
from fusion_model.prediction_table import TableError
from fusion_model.resampled import Groups
from fusion_model.rows import Rows

__all__ = ["UNIT", "groups_of"]

#: A column of this name tells whose picture it is; pictures of one person are not independent.
UNIT = "person"
BINS = 4
NOT_KNOWN = "not known"
NOT_MEASURED = "not measured"
_FLAGS = {
    "mesh_found": ("no mesh", "mesh found"),
    "copy_in_training": ("no copy", "copy of a training picture"),
    "face_found": ("no face", "face found"),
}


def groups_of(rows: Rows, first: str, second: str = "") -> Groups:
    """Sort rows by one column, or by two crossed; groups without rows are left out.

    A column of more than `MOST_VALUES` different numbers is cut at its quartiles among these rows; categories
    keep their order. Empty fields are a group of their own.

    Raises
    ------
    TableError
        If there are no rows, or the table has no such column.
    """
    if not len(rows):
        raise TableError("No rows are left to compute figures from; choose a wider slice.")
    names, codes_N = _by_column(rows, first)
    if second and second != first:
        more, second_N = _by_column(rows, second)
        names = [f"{left} · {right}" for left in names for right in more]
        codes_N = codes_N * len(more) + second_N
    used, codes_N = np.unique(codes_N, return_inverse=True)
    units_N = None
    if UNIT in rows.table.frame:
        _, units_N = np.unique(texts(rows.column(UNIT)).astype(str), return_inverse=True)
        if len(np.unique(units_N)) == len(units_N):
            units_N = None
    return Groups(tuple(names[code] for code in used), codes_N, units_N)


def _by_column(rows: Rows, name: str) -> tuple[list[str], np.ndarray]:
    if name not in rows.table.frame:
        raise TableError(f"The table has no column '{name}' to group by; choose another.")
    column = rows.column(name)
    if name == "label":
        return list(rows.labels), rows.truth_N
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [str(value) for value in column.cat.categories]
        codes_N = column.cat.codes.to_numpy(dtype=np.int64)
        return [*names, NOT_KNOWN], np.where(codes_N < 0, len(names), codes_N)
    if pd.api.types.is_numeric_dtype(column):
        number_N = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if len(np.unique(number_N[np.isfinite(number_N)])) > MOST_VALUES:
            return _quarters(number_N)
    words_N = texts(column)
    values, codes_N = np.unique(words_N.astype(str), return_inverse=True)
    names = [_named(name, value) for value in values.tolist()]
    if pd.api.types.is_numeric_dtype(column):
        order = np.argsort([float(value) if value else np.inf for value in values.tolist()])
        rank = np.argsort(order)
        return [names[place] for place in order], rank[codes_N]
    return names, codes_N


def _named(column: str, value: str) -> str:
    if column in _FLAGS and value in ("0", "1"):
        return _FLAGS[column][int(value)]
    return value or NOT_KNOWN


def _quarters(number_N: np.ndarray) -> tuple[list[str], np.ndarray]:
    known_N = np.isfinite(number_N)
    cuts = np.unique(np.quantile(number_N[known_N], np.arange(1, BINS) / BINS))
    codes_N = np.where(known_N, np.searchsorted(cuts, number_N), len(cuts) + 1)
    shown = [f"{cut:.3g}".replace("-", "−") for cut in cuts.tolist()]
    names = [f"up to {shown[0]}"]
    names += [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
    return [*names, f"above {shown[-1]}", NOT_MEASURED], codes_N
