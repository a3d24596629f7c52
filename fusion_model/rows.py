"""The rows that a filter leaves, as arrays: every figure of a page is computed from these.

A data frame of 100,000 rows is slow to cut; its arrays are not. They are made once a table, then cut.

Shape suffixes: N rows, K labels.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from fusion_model.prediction_table import PredictionTable

__all__ = ["Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a prediction table. Treat the arrays as read-only.

    Attributes
    ----------
    table : PredictionTable
        The whole table, for its other columns.
    index_N : (N,) int
        Which rows of the table these are, ascending.
    truth_N : (N,) int
        True labels as codes into the table's labels.
    probabilities : dict of str to (N, K) float64
        By model.
    answers : dict of str to (N,) int
        The most probable label by model, as a code.
    """

    table: PredictionTable
    index_N: np.ndarray
    truth_N: np.ndarray
    probabilities: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]

    @classmethod
    def of(cls, table: PredictionTable) -> Self:
        """All rows of a table."""
        probabilities = {model: table.probabilities(model) for model in table.models}
        answers = {model: p_NK.argmax(axis=1) for model, p_NK in probabilities.items()}
        return cls(table, np.arange(len(table)), table.truth(), probabilities, answers)

    def __len__(self) -> int:
        return len(self.index_N)

    @property
    def labels(self) -> tuple[str, ...]:
        """The K classes."""
        return self.table.labels

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the table."""
        return self.table.models

    def keep(self, chosen_N: np.ndarray) -> "Rows":
        """These of the rows: a mask (N,) bool, or places (M,) int."""
        return Rows(
            self.table,
            self.index_N[chosen_N],
            self.truth_N[chosen_N],
            {model: p_NK[chosen_N] for model, p_NK in self.probabilities.items()},
            {model: answer_N[chosen_N] for model, answer_N in self.answers.items()},
        )

    def column(self, name: str) -> pd.Series:
        """A column of the table at these rows, numbered from 0."""
        return self.table.frame[name].iloc[self.index_N].reset_index(drop=True)

    def right(self, model: str) -> np.ndarray:
        """Whether the most probable label is the true one, (N,) bool."""
        return self.answers[model] == self.truth_N

    def confidence(self, model: str) -> np.ndarray:
        """The probability of the most probable label, (N,)."""
        return self.probabilities[model].max(axis=1)
