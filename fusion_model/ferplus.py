"""FER+ beside the official labels: how often a model is right, by each, where most of ten taggers agree.

The labels of FER-2013 are noisy; for FER+ (Barsoum et al. 2016, https://arxiv.org/abs/1608.01041) ten people
tagged each picture again. A prediction table may tell, in ``ferplus_label``, the expression that more than
half of them gave, or nothing where there is none.
"""

from dataclasses import dataclass

import numpy as np

from fusion_model.bootstrap import Interval, share
from fusion_model.prediction_table import PredictionTable, TableError

__all__ = ["FerplusFigures", "ferplus_figures"]

COLUMN = "ferplus_label"


@dataclass(frozen=True)
class FerplusFigures:
    """One model on the `n` pictures on which most taggers of FER+ gave one of the table's labels.

    Attributes
    ----------
    official : Interval
        Accuracy against the data set's own label, 0..1.
    majority : Interval
        Accuracy against the label of the majority, 0..1.
    labels_agree : Interval
        Share of the pictures, 0..1, on which these two labels are the same.
    """

    n: int
    official: Interval
    majority: Interval
    labels_agree: Interval


def ferplus_figures(table: PredictionTable, model: str) -> FerplusFigures | None:
    """The figures of one model; None where the table has no such column, or no picture with a majority.

    Raises
    ------
    TableError
        If the column holds something that is no label of the table, or the table has no such model.
    """
    predicted_N, truth_N = table.predicted(model), table.truth()
    if COLUMN not in table.frame:
        return None
    column = table.frame[COLUMN]
    said_N = np.where(column.isna(), "", column.astype(str))
    known_N = np.isin(said_N, table.labels)
    wrong = sorted(set(said_N[~known_N]) - {""})
    if wrong:
        raise TableError(
            f"The column '{COLUMN}' holds '{wrong[0]}', which is none of {', '.join(table.labels)}; leave it "
            "empty where most taggers gave none of these."
        )
    if not known_N.any():
        return None
    code_of = {label: code for code, label in enumerate(table.labels)}
    majority_N = np.array([code_of[label] for label in said_N[known_N]])
    predicted_N, truth_N = predicted_N[known_N], truth_N[known_N]
    return FerplusFigures(
        int(known_N.sum()),
        official=share(predicted_N == truth_N),
        majority=share(predicted_N == majority_N),
        labels_agree=share(truth_N == majority_N),
    )
