"""Filters of a prediction table: which rows to compute figures from, as a value that fits into an address.

Shape suffixes: N rows.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from fusion_model.prediction_table import REQUIRED_COLUMNS, PredictionTable, TableError

__all__ = [
    "MESH_CHOICES",
    "RowFilter",
    "Rule",
    "SliceColumn",
    "rules_from_text",
    "rules_to_text",
    "slice_columns",
]

MESH_CHOICES = ("any", "found", "missing")
AGREEMENT = "ferplus_agreement"
#: A column with at most so many different values is chosen by value, not by range.
MOST_VALUES = 12
#: Columns that name a picture or a person, not a slice.
NAMES = frozenset({"row", "person", "file", "image", "id"})
_SPLIT, _RANGE, _VALUE = ";", "..", "|"


@dataclass(frozen=True)
class Rule:
    """One column narrowed: to a closed range of numbers, or to some of its values (as text).

    An end that is None is open. A row whose field is empty fits no rule.
    """

    column: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()

    def mask(self, column: pd.Series) -> np.ndarray:
        """Which rows fit, (N,) bool."""
        if self.values:
            return np.isin(texts(column), self.values)
        number_N = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return (number_N >= low) & (number_N <= high)


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a table; the default leaves all.

    Attributes
    ----------
    split : str
        The split, or "" for all.
    without_copies : bool
        Leave out exact copies of training pictures.
    mesh : str
        One of `MESH_CHOICES`: any row, those with a face mesh, those without.
    agreement : float
        Least share, 0..1, of FER+'s taggers behind their most frequent answer; 0 takes all.
    rules : tuple of Rule
        Slice columns, all of which a row must fit.
    """

    split: str = ""
    without_copies: bool = False
    mesh: str = "any"
    agreement: float = 0.0
    rules: tuple[Rule, ...] = field(default=())

    def mask(self, table: PredictionTable) -> np.ndarray:
        """Which rows of the table are left, (N,) bool; none where the table has no such split.

        Raises
        ------
        TableError
            If a rule names a column that the table has not.
        """
        frame = table.frame
        mask_N = np.ones(len(table), dtype=bool)
        if self.split:
            mask_N &= (frame["split"] == self.split).to_numpy(dtype=bool)
        if self.without_copies:
            mask_N &= frame["copy_in_training"].to_numpy() == 0
        if self.mesh != "any":
            mask_N &= frame["mesh_found"].to_numpy() == (self.mesh == "found")
        rules = self.rules
        if self.agreement > 0 and AGREEMENT in frame:
            rules = (*rules, Rule(AGREEMENT, low=self.agreement))
        for rule in rules:
            if rule.column not in frame:
                raise TableError(f"The table has no column '{rule.column}' to filter by; remove that filter.")
            mask_N &= rule.mask(frame[rule.column])
        return mask_N


@dataclass(frozen=True)
class SliceColumn:
    """A column to filter or to group by.

    Attributes
    ----------
    name : str
    values : tuple of str
        Its values in order, where it is chosen by value; empty for a column of many numbers.
    low, high : float
        Range of the numbers; nan where it is chosen by value.
    """

    name: str
    values: tuple[str, ...] = ()
    low: float = math.nan
    high: float = math.nan


def slice_columns(table: PredictionTable) -> tuple[SliceColumn, ...]:
    """Columns that slices can be made of: not the models', not names of pictures, not what is all alike.

    Text of more than 50 different values is taken for names.
    """
    own = {f"{model}_{label}" for model in table.models for label in table.labels}
    own |= set(REQUIRED_COLUMNS) | NAMES
    found = []
    for name in table.frame.columns:
        if name in own:
            continue
        described = _described(str(name), table.frame[name])
        if described is not None:
            found.append(described)
    return tuple(found)


def texts(column: pd.Series) -> np.ndarray:
    """Fields as text, (N,) object: whole numbers without a point, empty fields as ''."""
    if pd.api.types.is_numeric_dtype(column):
        values, codes_N = np.unique(column.to_numpy(dtype=np.float64, na_value=np.nan), return_inverse=True)
        named = ["" if math.isnan(value) else f"{value:g}" for value in values.tolist()]
        return np.array(named, dtype=object)[codes_N]
    return np.where(column.isna(), "", column.astype(str)).astype(object)


def rules_to_text(rules: Iterable[Rule]) -> str:
    """Rules as a short text, for an address: ``yaw:-10..10;gender:female|male``."""
    parts = []
    for rule in rules:
        if rule.values:
            what = _VALUE.join(_quoted(value) for value in rule.values)
        else:
            what = _RANGE.join("" if end is None else f"{end:g}" for end in (rule.low, rule.high))
        parts.append(f"{_quoted(rule.column)}:{what}")
    return _SPLIT.join(parts)


def rules_from_text(text: str) -> tuple[Rule, ...]:
    """The rules of such a text; a part that is none is left out, for addresses are typed by hand too."""
    rules = []
    for part in filter(None, text.split(_SPLIT)):
        column, colon, what = part.partition(":")
        if not colon or not column or not what:
            continue
        ends = what.split(_RANGE)
        if len(ends) == 2 and all(_is_end(end) for end in ends) and any(ends):
            low, high = (float(end) if end else None for end in ends)
            rules.append(Rule(unquote(column), low, high))
        else:
            values = tuple(unquote(value) for value in what.split(_VALUE) if value)
            rules.append(Rule(unquote(column), values=values))
    return tuple(rule for rule in rules if rule.values or rule.low is not None or rule.high is not None)


def _described(name: str, column: pd.Series) -> SliceColumn | None:
    if pd.api.types.is_numeric_dtype(column):
        number_N = column.to_numpy(dtype=np.float64, na_value=np.nan)
        different = np.unique(number_N[np.isfinite(number_N)])
        if len(different) > MOST_VALUES:
            return SliceColumn(name, low=float(different[0]), high=float(different[-1]))
        values = [f"{value:g}" for value in different.tolist()]
    else:
        values = sorted(set(column.dropna().astype(str).unique()) - {""})
    return SliceColumn(name, tuple(values)) if 1 < len(values) <= 50 else None


def _is_end(text: str) -> bool:
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False


def _quoted(text: str) -> str:
    # The full stop too: ".." between two values would read as a range.
    return quote(text, safe=" ").replace(".", "%2E")
