"""A model against the official label and against the majority of FER+'s taggers."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion_model.ferplus import ferplus_figures
from fusion_model.prediction_table import PredictionTable, TableError, read_table, table_from_frame

LABELS = ("cat", "dog", "owl")


def table_of(truth: list[str], answers: list[str], **columns: Any) -> PredictionTable:
    frame = {"row": range(len(truth)), "split": "PrivateTest", "label": truth}
    frame |= {"mesh_found": 1, "copy_in_training": 0, **columns}
    frame |= {f"m_{label}": [float(label == answer) for answer in answers] for label in LABELS}
    return table_from_frame(pd.DataFrame(frame), LABELS)


TRUTH = ["cat", "cat", "dog", "dog", "owl", "owl"]
ANSWERS = ["cat", "dog", "dog", "cat", "owl", "cat"]
SAID = ["cat", "dog", "cat", "dog", "", ""]


@pytest.mark.parametrize("empty", ["", None, np.nan])
def test_figures_by_hand(empty: Any) -> None:
    table = table_of(TRUTH, ANSWERS, ferplus_label=[said or empty for said in SAID], ferplus_agreement=0.7)
    figures = ferplus_figures(table, "m")
    assert figures is not None and figures.n == 4  # the last two have no majority
    assert figures.official.value == 2 / 4
    assert figures.majority.value == 2 / 4
    assert figures.labels_agree.value == 2 / 4
    assert figures.official.low < 0.5 < figures.official.high
    one = ferplus_figures(table.select(np.arange(6) == 1), "m")
    assert one is not None
    assert (one.n, one.official.value, one.majority.value, one.labels_agree.value) == (1, 0, 1, 0)


def test_a_file_gives_the_same_as_a_frame() -> None:
    table = table_of(TRUTH, ANSWERS, ferplus_label=SAID)
    text = io.StringIO(table.frame.to_csv(index=False))
    assert ferplus_figures(read_table(text, LABELS), "m") == ferplus_figures(table, "m")


def test_without_the_column_or_without_a_majority_there_is_nothing_to_tell() -> None:
    assert ferplus_figures(table_of(TRUTH, ANSWERS), "m") is None
    assert ferplus_figures(table_of(TRUTH, ANSWERS, ferplus_label=[""] * 6), "m") is None
    assert ferplus_figures(table_of(TRUTH, ANSWERS, ferplus_label=[np.nan] * 6), "m") is None


def test_a_label_that_the_table_does_not_know_is_a_sentence() -> None:
    table = table_of(TRUTH, ANSWERS, ferplus_label=[*SAID[:5], "contempt"])
    with pytest.raises(TableError, match="'ferplus_label' holds 'contempt', which is none of cat, dog, owl"):
        ferplus_figures(table, "m")
    with pytest.raises(TableError, match="no model 'x'"):
        ferplus_figures(table, "x")
