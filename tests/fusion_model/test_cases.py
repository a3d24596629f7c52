"""Cases like the one at hand, counted by hand in a small table."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from fusion_model.cases import dispute_of, raters_of
from fusion_model.prediction_table import table_from_frame
from fusion_model.rows import Rows

LABELS = ("fear", "sad", "happy")


def rows(n: int = 100) -> Rows:
    """Model a says fear to all, 60 % sure on the first 40 and 95 % on the rest; b says sad on the first 35.

    The truth is fear on the even rows, sad on the odd ones.
    """
    row_N = np.arange(n)
    confident_N = np.where(row_N < 40, 0.6, 0.95)
    other_N = np.where(row_N < 35, 0.8, 0.1)
    frame = pd.DataFrame(
        {
            "row": row_N,
            "split": "PrivateTest",
            "label": np.where(row_N % 2 == 0, "fear", "sad"),
            "mesh_found": 1,
            "copy_in_training": 0,
            "ferplus_label": np.where(row_N < 10, "fear", np.where(row_N < 30, "surprise", None)),
            "ferplus_agreement": np.where(row_N < 40, 0.5, 0.9),
            "a_fear": confident_N,
            "a_sad": 1 - confident_N,
            "a_happy": 0.0,
            "b_fear": 1 - other_N,
            "b_sad": other_N,
            "b_happy": 0.0,
        }
    )
    return Rows.of(table_from_frame(frame, LABELS))


def test_raters_are_those_of_pictures_called_so_as_surely() -> None:
    found = raters_of(rows(), "a", "fear", 0.55)
    assert found is not None and (found.low, found.high, found.n) == (0.5, 0.7, 40)
    assert found.agreement == pytest.approx(0.5)
    assert found.majorities == (("surprise", 0.5), ("fear", 0.25)) and found.divided == pytest.approx(0.25)
    sure = raters_of(rows(), "a", "fear", 1.0)
    assert sure is not None and (sure.low, sure.high, sure.n) == (0.9, 1.0, 60)


def test_too_few_alike_are_all_that_are_called_so_and_fewer_are_none() -> None:
    found = raters_of(rows(), "a", "fear", 0.8)
    assert found is not None and (found.low, found.high, found.n) == (0.0, 1.0, 100)
    assert raters_of(rows(), "a", "sad", 0.8) is None


def test_a_table_without_votes_tells_nothing_of_raters() -> None:
    table = rows().table
    bare = table_from_frame(table.frame.drop(columns=["ferplus_label", "ferplus_agreement"]), LABELS)
    assert raters_of(Rows.of(bare), "a", "fear", 0.55) is None


def test_a_dispute_counts_the_pictures_with_these_two_answers() -> None:
    found = dispute_of(rows(), "a", "b", "fear", "sad")
    assert found is not None and (found.first_label, found.second_label, found.n) == ("fear", "sad", 35)
    for share, hits in ((found.first_right, 18), (found.second_right, 17)):
        known = binomtest(hits, 35).proportion_ci(0.95, "wilson")
        assert (share.value, share.low, share.high) == pytest.approx((hits / 35, known.low, known.high))


def test_where_these_are_too_few_all_on_which_the_two_differ_are_counted() -> None:
    found = dispute_of(rows(), "a", "b", "happy", "sad")
    assert found is not None and (found.first_label, found.n) == ("", 35)
    assert dispute_of(rows(), "a", "a", "fear", "sad") is None
