"""Filters against plain pandas, and the text of an address against the rules that wrote it."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_model.filters import RowFilter, Rule, rules_from_text, rules_to_text, slice_columns, texts
from fusion_model.prediction_table import PredictionTable, TableError, table_from_frame
from fusion_model.rows import Rows


def made_up(n: int = 400, models: tuple[str, ...] = ("cnn", "fusion")) -> PredictionTable:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "split": np.where(np.arange(n) % 4 == 0, "PublicTest", "PrivateTest"),
            "label": np.array(["a", "b", "c"])[draw.integers(0, 3, n)],
            "mesh_found": draw.integers(0, 2, n),
            "copy_in_training": draw.integers(0, 2, n),
            "yaw": np.where(draw.random(n) < 0.1, np.nan, draw.normal(0, 20, n)),
            "gender": np.array(["female", "male", None], dtype=object)[draw.integers(0, 3, n)],
            "ferplus_agreement": draw.integers(3, 11, n) / 10,
        }
    )
    for model in models:
        shares = draw.dirichlet(np.ones(3), n)
        for code, label in enumerate("abc"):
            frame[f"{model}_{label}"] = shares[:, code]
    return table_from_frame(frame)


@pytest.fixture(scope="module")
def table() -> PredictionTable:
    return made_up()


@pytest.mark.parametrize(
    ("row_filter", "query"),
    [
        (RowFilter(), "row >= 0"),
        (RowFilter(split="PublicTest"), "split == 'PublicTest'"),
        (RowFilter(split="nowhere"), "row < 0"),
        (RowFilter(without_copies=True), "copy_in_training == 0"),
        (RowFilter(mesh="found"), "mesh_found == 1"),
        (RowFilter(mesh="missing"), "mesh_found == 0"),
        (RowFilter(agreement=0.7), "ferplus_agreement >= 0.7"),
        (RowFilter(rules=(Rule("yaw", -10, 12.5),)), "-10 <= yaw <= 12.5"),
        (RowFilter(rules=(Rule("yaw", low=5),)), "yaw >= 5"),
        (RowFilter(rules=(Rule("gender", values=("female", "male")),)), "gender in ['female', 'male']"),
        (
            RowFilter(
                "PrivateTest", True, "found", 0.5, (Rule("yaw", high=0), Rule("gender", values=("male",)))
            ),
            "split == 'PrivateTest' and copy_in_training == 0 and mesh_found == 1 "
            "and ferplus_agreement >= 0.5 and yaw <= 0 and gender == 'male'",
        ),
    ],
)
def test_a_filter_leaves_the_rows_that_pandas_would(table, row_filter, query):
    left = table.frame.loc[row_filter.mask(table), "row"]
    assert left.tolist() == table.frame.query(query)["row"].tolist()


def test_a_column_that_is_not_there_is_a_sentence(table):
    with pytest.raises(TableError, match="no column 'height'"):
        RowFilter(rules=(Rule("height", 1, 2),)).mask(table)


words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text)
numbers = st.integers(-9999, 9999).map(lambda number: number / 10)
some_rules = st.one_of(
    st.builds(lambda c, v: Rule(c, values=tuple(v)), words, st.lists(words, min_size=1, max_size=4)),
    st.builds(lambda c, a, b: Rule(c, min(a, b), max(a, b)), words, numbers, numbers),
    st.builds(lambda c, a: Rule(c, low=a), words, numbers),
    st.builds(lambda c, a: Rule(c, high=a), words, numbers),
)


@given(st.lists(some_rules, max_size=4))
def test_rules_come_back_from_their_text(rules):
    assert rules_from_text(rules_to_text(rules)) == tuple(rules)


@given(st.text(max_size=60))
def test_any_text_is_rules_or_none_but_never_an_error(text):
    for rule in rules_from_text(text):
        assert rule.column


@given(st.lists(some_rules, max_size=3), st.booleans(), st.sampled_from(["any", "found", "missing"]))
def test_a_further_condition_never_adds_rows(rules, copies, mesh):
    table = made_up(60)
    usable = tuple(Rule("yaw", rule.low, rule.high) for rule in rules if not rule.values)
    wide = RowFilter(without_copies=copies, mesh=mesh).mask(table)
    narrow = RowFilter(without_copies=copies, mesh=mesh, rules=usable).mask(table)
    assert not (narrow & ~wide).any()


def test_slice_columns_are_described(table):
    found = {column.name: column for column in slice_columns(table)}
    assert set(found) == {"yaw", "gender", "ferplus_agreement"}
    assert found["gender"].values == ("female", "male")
    assert found["yaw"].low == pytest.approx(np.nanmin(table.frame["yaw"]))
    assert found["ferplus_agreement"].values[0] == "0.3" and found["ferplus_agreement"].values[-1] == "1"


def test_fields_as_text():
    assert texts(pd.Series([1.0, 2.5, np.nan])).tolist() == ["1", "2.5", ""]
    assert texts(pd.Series(["x", None])).tolist() == ["x", ""]


def test_the_arrays_of_rows_are_those_of_the_table(table):
    mask_N = RowFilter(split="PublicTest", mesh="found").mask(table)
    rows, narrowed = Rows.of(table).keep(mask_N), table.select(mask_N)
    assert rows.truth_N.tolist() == narrowed.truth().tolist()
    for model in rows.models:
        np.testing.assert_array_equal(rows.probabilities[model], narrowed.probabilities(model))
        np.testing.assert_array_equal(rows.answers[model], narrowed.predicted(model))
    assert rows.column("gender").fillna("").tolist() == narrowed.frame["gender"].fillna("").tolist()


def test_a_hundred_thousand_rows_are_filtered_in_a_moment():
    rows = Rows.of(made_up(100_000))
    row_filter = RowFilter("PrivateTest", True, "found", 0.5, (Rule("gender", values=("male",)),))
    start = time.perf_counter()
    left = rows.keep(row_filter.mask(rows.table))
    assert 0 < len(left) < 100_000
    assert time.perf_counter() - start < 3  # 0.1 s on a quiet core
