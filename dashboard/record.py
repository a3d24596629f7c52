"""The models' record: figures of the committed prediction tables for what the page asks."""

import functools
from dataclasses import dataclass
from pathlib import Path

import fusion_model
from fusion_model.evaluation import ModelFigures, PairedComparison, compare_models, model_figures
from fusion_model.prediction_table import PredictionTable, TableError, of_split, read_table, without_copies

ASSETS = Path(fusion_model.__file__).parent / "assets"
TABLE = ASSETS / "fer2013_predictions.csv.gz"
TABLE_UNMIRRORED = ASSETS / "fer2013_predictions_no_tta.csv.gz"
NO_TABLE = (
    "There is no prediction table yet, so there are no figures to show. Train the models and run "
    "python -m training.evaluate; it writes the table that this page reads."
)


@dataclass(frozen=True)
class Slice:
    """Which rows of which table.

    Attributes
    ----------
    split : str
        Split of the data set.
    without_copies : bool
        Leave out exact copies of training pictures.
    mirrored : bool
        Probabilities averaged over a picture and its mirror image (test-time augmentation).
    """

    split: str = "PrivateTest"
    without_copies: bool = False
    mirrored: bool = True


class Record:
    """Reads the tables when first asked and keeps the figures of each slice.

    Nothing here belongs to a session: the tables are the program's own.

    Parameters
    ----------
    table, unmirrored : Path
        Prediction tables with and without mirror images; either may be missing.
    """

    def __init__(self, table: Path = TABLE, unmirrored: Path = TABLE_UNMIRRORED) -> None:
        self._paths = {True: table, False: unmirrored}
        self.table = functools.cache(self._table)
        self.figures = functools.lru_cache(maxsize=256)(self._figures)
        self.comparison = functools.lru_cache(maxsize=256)(self._comparison)

    @property
    def trouble(self) -> str:
        """Why there are no figures, as a sentence; empty when there are."""
        if not self._paths[True].exists():
            return NO_TABLE
        try:
            self.table(True)
        except TableError as error:
            return str(error)
        return ""

    @property
    def models(self) -> tuple[str, ...]:
        """Models of the table; empty without one."""
        return () if self.trouble else self.table(True).models

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits of the table, PrivateTest first because that is the one to report."""
        if self.trouble:
            return ()
        return tuple(sorted(self.table(True).frame["split"].unique()))

    @property
    def has_unmirrored(self) -> bool:
        """Whether the table without mirror images is there and can be read."""
        try:
            return self._paths[False].exists() and bool(len(self.table(False)))
        except TableError:
            return False

    def _table(self, mirrored: bool) -> PredictionTable:
        return read_table(self._paths[mirrored])

    def rows(self, asked: Slice) -> PredictionTable:
        """The rows of a slice.

        Raises
        ------
        TableError
            When the table cannot be read or has no such split.
        """
        rows = of_split(self.table(asked.mirrored), asked.split)
        return without_copies(rows) if asked.without_copies else rows

    def _figures(self, asked: Slice, model: str) -> ModelFigures:
        return model_figures(self.rows(asked), model)

    def _comparison(self, asked: Slice, first: str, second: str) -> PairedComparison:
        return compare_models(self.rows(asked), first, second)
