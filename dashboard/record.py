"""The program's own prediction tables: FER-2013 with and without mirror images, and the London set."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fusion_model
from dashboard.row_pictures import RowPictures
from fusion_model.catalogue import default_models
from fusion_model.conformal import (
    LEVELS,
    ConformalError,
    ConformalFigures,
    calibrated_threshold,
    conformal_figures,
    sets_of_split,
)
from fusion_model.estimated_groups import (
    ERRORS,
    ESTIMATES,
    EstimatedGroups,
    EstimatesError,
    read_estimates,
)
from fusion_model.prediction_table import PredictionTable, TableError, read_table
from fusion_model.rows import Rows

ASSETS = Path(fusion_model.__file__).parent / "assets"
TABLE = ASSETS / "fer2013_predictions.csv.gz"
TABLE_UNMIRRORED = ASSETS / "fer2013_predictions_no_tta.csv.gz"
TABLE_LONDON = ASSETS / "london_predictions.csv.gz"
FER2013, LONDON = "fer2013", "london"
REPORTED = "PrivateTest"
TITLES = {FER2013: "FER-2013", LONDON: "London set"}
NO_TABLE = (
    "There is no prediction table yet, so there are no figures to show. Train the models and run "
    "python -m training.evaluate; it writes the table that this page reads."
)


@dataclass(frozen=True)
class Promise:
    """What sets of one model hold at one level.

    Attributes
    ----------
    threshold : probability, 0 to 1, from which an expression is in a face's set; fitted on PublicTest.
    figures : how such sets did on PrivateTest.
    """

    threshold: float
    figures: ConformalFigures


class Record:
    """Reads the tables when first asked, and keeps them: they belong to no session.

    Parameters
    ----------
    table, unmirrored, london : Path
        Prediction tables; any may be missing.
    pictures : RowPictures, optional
        What faces of FER-2013 look like; the program's own drawings, unless told otherwise.
    estimates, errors : Path
        Groups that a model estimated for the pictures of FER-2013, and how often it errs; may be missing.
    """

    def __init__(
        self,
        table: Path = TABLE,
        unmirrored: Path = TABLE_UNMIRRORED,
        london: Path = TABLE_LONDON,
        pictures: RowPictures | None = None,
        estimates: Path = ESTIMATES,
        errors: Path = ERRORS,
    ) -> None:
        self.pictures = pictures or RowPictures()
        self._paths = {(FER2013, True): table, (FER2013, False): unmirrored, (LONDON, True): london}
        self.rows = functools.cache(self._rows)
        self.sets = functools.lru_cache(maxsize=64)(self._sets)
        self.reported = functools.cache(self._reported)
        self.promise = functools.lru_cache(maxsize=64)(self._promise)
        self.estimates = functools.cache(functools.partial(_estimates, estimates, errors))
        self.estimated_table = functools.cache(self._estimated_table)

    @property
    def trouble(self) -> str:
        """Why there are no figures, as a sentence; empty when there are."""
        if not self._paths[FER2013, True].exists():
            return NO_TABLE
        try:
            self.rows(FER2013, True)
        except TableError as error:
            return str(error)
        return ""

    def warm(self) -> None:
        """Work out what the first picture's words need: what calibrates takes a second to load."""
        rows = self.reported()
        for model in default_models(rows.models) if rows is not None else ():
            for level in LEVELS:
                self.promise(model, level)

    @property
    def titles(self) -> dict[str, str]:
        """What data there is: titles by key."""
        return {key: title for key, title in TITLES.items() if self.has(key, True)}

    def has(self, data: str, mirrored: bool) -> bool:
        """Whether there is such a table and it can be read."""
        path = self._paths.get((data, mirrored))
        try:
            return path is not None and path.exists() and bool(len(self.rows(data, mirrored)))
        except TableError:
            return False

    @property
    def groupings(self) -> tuple[str, ...]:
        """Columns of groups that a model estimated for FER-2013, in the order offered."""
        estimates = self.estimates()
        return () if estimates is None else tuple(estimates.groupings)

    def _estimated_table(self, data: str, mirrored: bool) -> PredictionTable | None:
        """A table with the estimated groups of its pictures; None where there are none."""
        estimates = self.estimates() if data == FER2013 else None
        try:
            return None if estimates is None else estimates.joined(self.rows(data, mirrored).table)
        except EstimatesError:
            return None  # another table was given, of other pictures

    def _rows(self, data: str, mirrored: bool) -> Rows:
        return Rows.of(read_table(self._paths[data, mirrored]))

    def _reported(self) -> Rows | None:
        """The rows of FER-2013 that figures are reported on; None without a table that has some."""
        if not self.has(FER2013, True):
            return None
        rows = self.rows(FER2013, True)
        kept = rows.keep((rows.table.frame["split"] == REPORTED).to_numpy(bool))
        return kept if len(kept) else None

    def _promise(self, model: str, level: float) -> Promise | None:
        """What sets of a model promise at a level; None where the table cannot tell."""
        rows = self.reported()
        if rows is None:
            return None
        try:
            threshold = calibrated_threshold(rows.table, model, level)
            sets_NK = np.asarray(self.sets(FER2013, True, REPORTED, model, level))
        except (ConformalError, TableError):
            return None
        return Promise(threshold, conformal_figures(sets_NK, rows.truth_N, rows.labels, level))

    def _sets(self, data: str, mirrored: bool, split: str, model: str, level: float) -> object:
        return sets_of_split(self.rows(data, mirrored).table, split, model, level)


def _estimates(estimates: Path, errors: Path) -> EstimatedGroups | None:
    """What a model estimated; None where there are no such files, or they are damaged."""
    try:
        return read_estimates(estimates, errors)
    except EstimatesError:
        return None
