"""Classes and models told from a table's columns: those that a row shows, and those that none does."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import TableError, table_from_frame

EIGHT = (*EXPRESSIONS, "contempt")


def frame_of(labels: tuple[str, ...], models: tuple[str, ...], shown: tuple[str, ...]) -> pd.DataFrame:
    """Nine rows that show these labels in turn, answered by each model with random probabilities."""
    rng = np.random.default_rng(0)
    turns = itertools.cycle(shown)
    columns: dict[str, object] = {
        "row": np.arange(9),
        "split": "PrivateTest",
        "label": [next(turns) for _ in range(9)],
        "mesh_found": 1,
        "copy_in_training": 0,
        "group": "a",
    }
    for model in models:
        answers_NK = rng.dirichlet(np.ones(len(labels)), 9)
        columns |= {f"{model}_{label}": answers_NK[:, code] for code, label in enumerate(labels)}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("shown", [EIGHT, ("contempt",), ("happy", "sad"), ("happy", "contempt")])
def test_an_eighth_class_is_read_whether_or_not_a_row_shows_it(shown: tuple[str, ...]) -> None:
    table = table_from_frame(frame_of(EIGHT, ("cnn", "fusion"), shown))
    assert table.labels == EIGHT
    assert table.models == ("cnn", "fusion")


@pytest.mark.parametrize("shown", [("smiling", "not_smiling"), ("smiling",), ("not_smiling",)])
def test_two_classes_of_which_one_ends_as_the_other(shown: tuple[str, ...]) -> None:
    table = table_from_frame(frame_of(("not_smiling", "smiling"), ("cnn", "cnn_big"), shown))
    assert table.labels == ("not_smiling", "smiling")
    assert table.models == ("cnn", "cnn_big")


def test_seven_expressions_keep_their_order_whatever_that_of_the_columns() -> None:
    frame = frame_of(EXPRESSIONS[::-1], ("cnn",), ("happy",))
    assert table_from_frame(frame).labels == EXPRESSIONS


def test_columns_that_only_share_a_beginning_are_no_classes() -> None:
    frame = frame_of(("cat", "dog", "owl"), ("m",), ("cat", "dog", "owl")).assign(m_certainty=0.9)
    table = table_from_frame(frame)  # as the rows show them: the sum tells that m_certainty is no class
    assert table.labels == ("cat", "dog", "owl")


def test_a_broken_model_beside_a_whole_one_is_told() -> None:
    frame = frame_of(EIGHT, ("cnn", "fusion"), EIGHT)
    frame.loc[2, "fusion_contempt"] += 0.5
    with pytest.raises(TableError, match=r"row 3 .*'fusion' sum to 1\.5"):
        table_from_frame(frame)
