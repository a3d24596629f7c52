"""Groups that a model estimated for FER-2013's test pictures, and how often it errs.

FER-2013 does not say who is in its pictures. A classifier was trained on FairFace, answered for the
test pictures, and was measured on faces that it was not trained on (`training.estimated_groups`). Its
estimates and error rates are kept; its weights are not, so nobody can run it on another picture.

Shape suffixes: G groups.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_model.bootstrap import Interval
from fusion_model.catalogue import ASSETS
from fusion_model.curves import wilson
from fusion_model.errors import ExpressionLensError
from fusion_model.prediction_table import PredictionTable, TableError
from fusion_model.table_file import read_csv

__all__ = [
    "ERRORS",
    "ESTIMATES",
    "PREFIX",
    "SHORT",
    "EstimatedGroups",
    "EstimatesError",
    "Grouping",
    "read_estimates",
    "write_json",
]

ESTIMATES = ASSETS / "fer2013_estimated_groups.csv.gz"
ERRORS = ASSETS / "fer2013_estimated_groups.json"
#: What every column, and every name of a group, of these estimates begins with.
PREFIX, SHORT = "estimated_", "est. "


class EstimatesError(ExpressionLensError):
    """The files of estimated groups cannot be read, or do not belong together."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way of sorting faces, and how well the classifier does it.

    Attributes
    ----------
    column : str
        In a table that the estimates were joined to; begins with `PREFIX`.
    title : str
        For people, such as ``estimated gender presentation``.
    names : tuple of str
        The G groups; each begins with `SHORT`.
    counts_GG : (G, G) int
        Faces it was measured on, by their label (rows) and the estimate (columns).
    calibration_error : float
        ECE of its probabilities there, 0 to 1.
    facts : mapping
        What else was measured, as the file of errors has it.
    """

    column: str
    title: str
    names: tuple[str, ...]
    counts_GG: np.ndarray
    calibration_error: float
    facts: Mapping[str, Any]

    @property
    def n(self) -> int:
        """Faces that it was measured on."""
        return int(self.counts_GG.sum())

    @property
    def rates_GG(self) -> np.ndarray:
        """P(estimated | labelled), (G, G): rows sum to 1."""
        return self.counts_GG / self.counts_GG.sum(axis=1, keepdims=True)

    @property
    def accuracy(self) -> Interval:
        """Share of faces estimated as labelled, with Wilson's interval."""
        return _share(int(np.trace(self.counts_GG)), self.n)

    @property
    def balanced(self) -> float:
        """Mean over the groups of the share estimated as labelled, 0 to 1."""
        return float(np.diag(self.rates_GG).mean())

    @property
    def recalls(self) -> tuple[Interval, ...]:
        """Share of each group's faces that are estimated as labelled, with Wilson's interval."""
        pairs = zip(np.diag(self.counts_GG).tolist(), self.counts_GG.sum(axis=1).tolist(), strict=True)
        return tuple(_share(hits, total) for hits, total in pairs)


@dataclass(frozen=True, eq=False)
class EstimatedGroups:
    """Estimates for pictures, and how often they err.

    Attributes
    ----------
    groupings : dict of str to Grouping
        By column.
    frame : pandas.DataFrame
        Index ``row``, as in the prediction table; for each grouping its column (categorical; missing where
        nothing was estimated) and ``<column>_probability``.
    """

    groupings: dict[str, Grouping]
    frame: pd.DataFrame

    def joined(self, table: PredictionTable) -> PredictionTable:
        """The table with a column more for each grouping; rows without an estimate are empty there.

        Raises
        ------
        EstimatesError
            If none of its rows has an estimate: it is another table than these estimates are for.
        """
        found = self.frame.reindex(table.frame["row"].to_numpy())[list(self.groupings)]
        if len(table) and not found.notna().any(axis=None):
            raise EstimatesError("The estimated groups are of other pictures than this table's.")
        return PredictionTable(table.frame.join(found.reset_index(drop=True)), table.labels, table.models)


def read_estimates(estimates: Path = ESTIMATES, errors: Path = ERRORS) -> EstimatedGroups | None:
    """The estimates and their error rates; None where there are none.

    Raises
    ------
    EstimatesError
        If one of the files is damaged, or they do not belong together.
    """
    if not estimates.exists() and not errors.exists():
        return None
    try:
        told = json.loads(errors.read_text(encoding="utf-8"))
        groupings = dict(_grouping(name, values) for name, values in told["groupings"].items())
        frame, _ = read_csv(estimates)
        for column, grouping in groupings.items():
            unknown = sorted(set(frame[column].dropna()) - set(grouping.names))
            if unknown:
                raise ValueError(f"'{unknown[0]}' is none of the groups of '{column}' that {errors} has")
        columns = {
            column: pd.Categorical(frame[column], categories=list(grouping.names))
            for column, grouping in groupings.items()
        }
        shares = {f"{column}_probability": frame[f"{column}_probability"] for column in groupings}
        return EstimatedGroups(groupings, pd.DataFrame({**columns, **shares}, index=frame["row"]))
    except (OSError, ValueError, KeyError, TypeError, TableError) as error:
        raise EstimatesError(
            f"The estimated groups cannot be read ({error}): take {estimates.name} and {errors.name} from "
            "the same version, or write them again with python -m training.estimated_groups."
        ) from error


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write the file of errors aside, then rename it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def _grouping(name: str, values: Mapping[str, Any]) -> tuple[str, Grouping]:
    names = tuple(SHORT + group for group in values["names"])
    counts_GG = np.array(values["counts"], dtype=np.int64)
    if (
        counts_GG.shape != (len(names), len(names))
        or (counts_GG < 0).any()
        or not counts_GG.any(axis=1).all()
    ):
        raise ValueError(f"the counts of '{name}' are no table of {len(names)} groups with faces of each")
    column = PREFIX + name
    return column, Grouping(
        column, f"estimated {values['title']}", names, counts_GG, float(values["ece"]), values
    )


def _share(hits: int, total: int) -> Interval:
    low, high = wilson(np.array([hits]), np.array([total]))
    return Interval(hits / total if total else np.nan, float(low[0]), float(high[0]))
