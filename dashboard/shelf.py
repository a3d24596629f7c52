"""What a session's pages draw from: the program's tables and the session's own, cut by the filter bar."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dashboard.figure_state import FilterState
from dashboard.record import FER2013, Record
from fusion_model.conformal import CALIBRATION_SPLIT
from fusion_model.estimated_groups import Grouping
from fusion_model.filters import SliceColumn, slice_columns
from fusion_model.rows import Rows

ALL = "all"
OWN = "own"
FLAG_COLUMNS = ("mesh_found", "face_found", "copy_in_training")


@dataclass(frozen=True, eq=False)
class View:
    """What the state asks for, resolved against the data there is.

    Attributes
    ----------
    data, title : str
        Key and title of the data.
    split, splits : str, tuple of str
        The split ("" for all) and those there are.
    model, first, second : str
        Models by role.
    whole : Rows
        Of the data and the split, before the other filters.
    rows : Rows
        Those that the filters leave.
    columns : tuple of SliceColumn
        That slices and groups can be made of.
    flags : tuple of str
        Columns of 0 and 1 that differ between rows.
    mirrored : bool
        Whether probabilities are averaged with the mirror image's.
    has_estimates : bool
        Whether a model estimated groups for these pictures.
    estimated : mapping of str to Grouping
        These groupings by column, where the visitor chose to see them; no slices can be made of them.
    """

    data: str
    title: str
    split: str
    splits: tuple[str, ...]
    model: str
    first: str
    second: str
    whole: Rows
    rows: Rows
    columns: tuple[SliceColumn, ...]
    flags: tuple[str, ...]
    mirrored: bool
    has_estimates: bool = False
    estimated: Mapping[str, Grouping] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The rows in words: ``3,301 of 3,589 pictures``."""
        n, whole = len(self.rows), len(self.whole)
        return f"{n:,} pictures" if n == whole else f"{n:,} of {whole:,} pictures"

    def sets(self, record: Record, level: float) -> np.ndarray | None:
        """Conformal sets of the rows, (N, K) bool, calibrated on others; None where that cannot be."""
        if self.data != FER2013 or not self.split or CALIBRATION_SPLIT not in self.splits:
            return None
        sets_MK = np.asarray(record.sets(self.data, self.mirrored, self.split, self.model, level))
        place_N = np.searchsorted(self.whole.index_N, self.rows.index_N)
        return sets_MK[place_N]


class Shelf:
    """The data that one session can look at.

    Parameters
    ----------
    record : Record
        The program's tables.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self._own: Rows | None = None
        self._own_title = ""

    @property
    def titles(self) -> dict[str, str]:
        """Titles of the data by key."""
        own = {OWN: self._own_title} if self._own is not None else {}
        return self.record.titles | own

    def take(self, rows: Rows, title: str) -> None:
        """Put the session's own table on the shelf, in place of an earlier one."""
        self._own, self._own_title = rows, title

    def forget(self) -> None:
        """Let the session's own table go."""
        self._own, self._own_title = None, ""

    def view(self, state: FilterState) -> View:
        """The rows and names that the state stands for.

        Raises
        ------
        TableError
            If a slice names a column that the data has not.
        """
        titles = self.titles
        data = state.data if state.data in titles else next(iter(titles))
        mirrored = state.mirrored or not self.record.has(data, False)
        everything = self._own if data == OWN and self._own is not None else self.record.rows(data, mirrored)
        frame = everything.table.frame
        splits = tuple(sorted(frame["split"].unique()))
        split = state.split if state.split in splits else splits[0]
        if state.split == ALL or len(splits) == 1:
            split = ""
        whole = everything.keep((frame["split"] == split).to_numpy(bool)) if split else everything
        known = {column.name for column in slice_columns(everything.table)}
        row_filter = state.row_filter(split)
        if any(rule.column not in frame for rule in row_filter.rules):
            # Of other data than this; the bar shows what is in force.
            row_filter = replace(row_filter, rules=tuple(r for r in row_filter.rules if r.column in known))
        rows = everything.keep(row_filter.mask(everything.table))
        estimated_table = self.record.estimated_table(data, mirrored)
        estimates = self.record.estimates() if state.estimated and estimated_table is not None else None
        if estimated_table is not None and estimates is not None:
            rows = replace(rows, table=estimated_table)
        models = everything.models
        last = "fusion" if "fusion" in models else models[-1]
        other = "cnn" if "cnn" in models else models[0]
        return View(
            data,
            titles[data],
            split,
            splits,
            model=state.model if state.model in models else last,
            first=state.first if state.first in models else other,
            second=state.second if state.second in models else last,
            whole=whole,
            rows=rows,
            columns=slice_columns(everything.table),
            flags=tuple(name for name in FLAG_COLUMNS if name in frame and frame[name].nunique() > 1),
            mirrored=mirrored,
            has_estimates=estimated_table is not None,
            estimated=estimates.groupings if estimates is not None else {},
        )
