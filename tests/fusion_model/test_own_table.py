import gzip
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from fusion_model.labels import EXPRESSIONS
from fusion_model.own_table import MOST_ROWS, guess_roles, problems, table_of_roles
from fusion_model.table_file import TableError, read_csv


def frame(**more):
    return pd.DataFrame({"label": ["cat", "dog", "cat"], **more})


def test_predictions_and_groups_are_found():
    given = frame(
        prediction=["cat", "cat", "bird"], pred_b=["dog", "dog", "cat"], age=[1.5, 2, 3], person=[7, 7, 8]
    )
    roles = guess_roles(given)
    assert roles.label == "label" and roles.person == "person"
    assert roles.predictions == {"model": "prediction", "b": "pred_b"}
    assert roles.labels == ("bird", "cat", "dog")
    table = table_of_roles(given, roles)
    assert table.models == ("model", "b") and table.predicted("model").tolist() == [1, 1, 0]
    assert table.frame["age"].tolist() == [1.5, 2, 3] and table.frame["person"].tolist() == ["7", "7", "8"]


def test_families_of_probabilities_are_found_with_any_or_no_prefix():
    given = frame(a_cat=[0.9, 0.2, 0.5], a_dog=[0.1, 0.8, 0.5], cat=[1, 0, 1], dog=[0, 1, 0])
    roles = guess_roles(given)
    assert roles.probabilities == {
        "a": {"cat": "a_cat", "dog": "a_dog"},
        "model": {"cat": "cat", "dog": "dog"},
    }
    np.testing.assert_allclose(table_of_roles(given, roles).probabilities("a")[:, 0], [0.9, 0.2, 0.5])


def test_the_seven_expressions_keep_their_order_where_not_all_are_shown():
    given = pd.DataFrame(
        {"emotion": ["happy", "neutral"], **{f"m_{name}": [1 / 7] * 2 for name in EXPRESSIONS}}
    )
    roles = guess_roles(given)
    assert roles.labels == EXPRESSIONS and roles.label == "emotion"


def test_labels_may_be_numbers_and_splits_are_kept():
    given = pd.DataFrame({"y_true": [0, 1, 1], "y_pred": [0, 1, 0], "fold": ["a", "a", None]})
    table = table_of_roles(given, guess_roles(given))
    assert table.labels == ("0", "1") and table.predicted("model").tolist() == [0, 1, 0]
    assert table.frame["split"].tolist() == ["a", "a", "not told"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (pd.DataFrame({"x": [1.0, 2.0]}), "No column of true labels"),
        (frame(), "No model was found"),
        (
            frame(prediction=["cat", None, "dog"]),
            "Column 'prediction', row 2 \\(line 3 of the file\\): is empty",
        ),
        (frame(m_cat=[0.5, 0.5, 2], m_dog=[0.5, 0.5, 0]), "Column 'm_cat', row 3 .*'2.0' is no probability"),
        (frame(m_cat=[0.5, 0.7, 0.9], m_dog=[0.5, 0.5, 0.9]), "row 2 .*and 1 more.*sum to 1.2"),
        (frame(prediction=["cat", "dog", "cat"]).iloc[:0], "no rows|No column"),
        (pd.DataFrame({"label": ["a", "b"] * MOST_ROWS, "prediction": "a"}), "at most 100,000"),
        (pd.DataFrame({"label": [None, "b", "c"], "prediction": ["b", "b", "c"]}), "Column 'label', row 1"),
    ],
)
def test_what_is_wrong_is_said_by_column_and_row(given, words):
    roles = guess_roles(given)
    assert problems(given, roles)
    with pytest.raises(TableError, match=words):
        table_of_roles(given, roles)


def test_a_small_file_that_unpacks_without_end_is_refused():
    bomb = gzip.compress(b"label,prediction\n" + b"a,b\n" * 3_000_000)
    with pytest.raises(TableError, match="more than 1 MB"):
        read_csv(BytesIO(bomb), max_bytes=1_000_000)
    assert len(read_csv(BytesIO(gzip.compress(b"a\n1\n")), max_bytes=100)[0]) == 1
    with pytest.raises(TableError, match="damaged gzip"):
        read_csv(BytesIO(bomb[:200]), max_bytes=1_000_000)


def test_faults_of_the_file_are_told_together_and_the_rest_is_read():
    text = 'label,prediction,label\ncat,cat,x\n"dog\n",cat,y,surplus\n\ncat,dog,z,1,2\n'
    faults = []
    read, _ = read_csv(BytesIO(text.encode()), faults=faults)
    assert faults == [
        "The table has the column 'label' more than once.",
        # The second row ends on line 4, since its first field is of two lines.
        "The table, row 2 (line 4 of the file, and 1 more such row): 4 fields where the header has 3 "
        "columns.",
    ]
    assert read.columns.tolist() == ["label", "prediction", "label, again (1)"]
    assert read["prediction"].fillna("").tolist() == ["cat", "cat", "", "dog"]
    with pytest.raises(TableError, match="more than once"):
        read_csv(BytesIO(text.encode()))


def test_a_file_without_faults_is_read_as_ever():
    text = 'label,note\ncat,"a, b"\ndog,\n'
    faults = []
    read, _ = read_csv(BytesIO(text.encode()), faults=faults)
    assert faults == [] and read.equals(read_csv(BytesIO(text.encode()))[0])


def read(data: bytes, **options):
    faults = []
    return read_csv(BytesIO(data), max_bytes=5_000_000, faults=faults, **{"max_rows": 100} | options)[
        0
    ], faults


def test_no_more_rows_are_read_than_may_be_shown():
    line = b"cat,dog\n"
    assert len(read(b"label,prediction\n" + line * 100)[0]) == 100
    for data in (line * 102, line * 200_000, b"\n" * 3_000_000):
        with pytest.raises(TableError, match=r"more than 100 rows|is empty"):
            read(b"label,prediction\n" + data)


def test_too_many_columns_are_refused():
    with pytest.raises(TableError, match="1,001 columns; at most 1,000"):
        read(b",".join(b"c%d" % number for number in range(1001)) + b"\n")
    with pytest.raises(TableError, match=r"row of more than|columns"):
        read(b"," * 2_000_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'label,note\ncat,"' + b"words, " * 200_000, "more than 1,000,000 characters|field larger"),
        (b'label,note\ncat,"' + b'a"\n,"b\n' * 200_000, "quotation mark left open|no CSV|more than"),
        (b"label,note\ncat," + b"x" * 140_000 + b"\n", "line 2: no CSV .field larger than field limit"),
    ],
)
def test_a_row_without_end_is_refused(data, words):
    with pytest.raises(TableError, match=words):
        read(data)


def test_labels_without_end_are_refused():
    given = pd.DataFrame({"label": [f"l{i}" for i in range(60)], "prediction": ["l1"] * 60})
    assert any("2 to 50 can be" in sentence for sentence in problems(given, guess_roles(given)))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_ends_and_a_byte_order_mark_are_read(ends, mark):
    text = mark + ends.join(["label,prediction", "cat,dog", "dog,dog", ""])
    frame_, faults = read(text.encode())
    assert faults == [] and frame_["label"].tolist() == ["cat", "dog"]
    assert problems(frame_, guess_roles(frame_)) == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("label,prediction\ncat,dög\n".encode("utf-16"), "line 1: not UTF-8"),
        ("label,prediction\ncat,dög\n".encode("cp1252"), "line 2: not UTF-8"),
        (b"label;prediction\ncat;dog\n", "semicolons between its columns; save it with commas"),
        (b"label\tprediction\ncat\tdog\n", "tabs between its columns"),
        (b"\n\n", "is empty"),
        (b"label,prediction\ncat," + b"9" * 400 + b"\ncat,1\n", ""),
        (b"PK\x03\x04\x00\x00", ""),
    ],
)
def test_what_is_no_table_is_a_sentence(data, words):
    try:
        given, faults = read(data)
    except TableError as error:
        said = [str(error)]
    else:
        said = [*faults, *problems(given, guess_roles(given))]
    assert said and words in " ".join(said)
    assert all(sentence.endswith(".") for sentence in said)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "-0.1", "1.1", "NULL"])
def test_a_probability_that_is_none_is_told_by_its_place(value):
    given, _ = read(f"label,m_cat,m_dog\ncat,0.5,0.5\ndog,{value},0.5\n".encode())
    roles = guess_roles(given)
    said = " ".join(problems(given, roles))
    assert "row 2 (line 3 of the file)" in said or "No model was found" in said


def test_nul_signs_do_no_harm():
    given, faults = read(b"label,prediction\nc\0at,dog\ndog,dog\n")
    assert faults == [] and len(given) == 2
