"""The prediction table: what it lets in, what it refuses with which sentence, and its way through a file."""

import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_model.errors import ExpressionLensError
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import (
    PredictionTable,
    TableError,
    of_split,
    read_table,
    table_from_frame,
    without_copies,
    write_table,
)

GOOD = """row,split,label,mesh_found,copy_in_training,yaw,m_cat,m_dog,m_owl
4,test,cat,1,0,-3.5,0.7,0.2,0.1
5,test,dog,0,1,,0.25,0.5,0.25
9,other,owl,1,0,12,0,0,1
"""


def random_table(
    n: int, seed: int = 0, labels: tuple[str, ...] = EXPRESSIONS, models: tuple[str, ...] = ("cnn", "fusion")
) -> PredictionTable:
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {
        "row": rng.permutation(10 * n)[:n],
        "split": rng.choice(["PublicTest", "PrivateTest"], n),
        "label": rng.choice(labels, n),
        "mesh_found": rng.random(n) < 0.9,
        "copy_in_training": rng.random(n) < 0.1,
        "yaw": rng.normal(scale=20, size=n),
    }
    for model in models:
        probabilities_NK = rng.dirichlet(np.full(len(labels), 0.3), n)
        columns |= {f"{model}_{label}": probabilities_NK[:, code] for code, label in enumerate(labels)}
    return table_from_frame(pd.DataFrame(columns), labels)


def text_table(text: str, labels: tuple[str, ...] | None = None) -> PredictionTable:
    return read_table(io.StringIO(text), labels)


# Reading


def test_a_small_file_is_read_as_it_stands() -> None:
    table = text_table(GOOD)
    assert table.labels == ("cat", "dog", "owl")
    assert table.models == ("m",)
    assert len(table) == 3
    assert table.truth().tolist() == [0, 1, 2]
    assert table.predicted("m").tolist() == [0, 1, 2]
    assert table.probabilities("m").tolist() == [[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0, 0, 1]]
    assert table.frame["mesh_found"].tolist() == [1, 0, 1]
    assert table.frame["row"].tolist() == [4, 5, 9]
    assert table.frame["yaw"].tolist()[::2] == [-3.5, 12]  # a slice column may have gaps


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("source", ["path", "bytes", "name"])
def test_every_kind_of_source_reads_the_same(packed: bool, source: str, tmp_path: Path) -> None:
    data = gzip.compress(GOOD.encode()) if packed else GOOD.encode()
    path = tmp_path / "misleading.name"  # gzip is told by content, as an upload has no trusted name
    path.write_bytes(data)
    sources: dict[str, Any] = {"path": path, "bytes": io.BytesIO(data), "name": str(path)}
    pd.testing.assert_frame_equal(read_table(sources[source]).frame, text_table(GOOD).frame)


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD + "\n\n", GOOD.rstrip("\n")],
    ids=["BOM", "CRLF", "blank lines at the end", "no newline at the end"],
)
def test_files_as_spreadsheets_write_them(text: str) -> None:
    pd.testing.assert_frame_equal(text_table(text).frame, text_table(GOOD).frame)


def test_the_seven_expressions_are_the_labels_even_if_few_occur() -> None:
    table = random_table(40)
    happy = table.frame[table.frame["label"] == "happy"]
    assert table_from_frame(happy).labels == EXPRESSIONS


def test_six_of_the_seven_expressions_are_classes_of_their_own_in_the_order_of_the_file() -> None:
    labels = tuple(label for label in EXPRESSIONS if label != "disgust")
    table = random_table(60, labels=labels)
    assert table_from_frame(table.frame).labels == labels


def test_labels_that_no_row_shows_can_be_given() -> None:
    only_cats = "\n".join(GOOD.splitlines()[:2])
    assert text_table(only_cats, ("owl", "dog", "cat")).truth().tolist() == [2]
    # Given wrongly, the sums tell.
    two = GOOD.splitlines()[:3]
    with pytest.raises(TableError, match=r"sum.*classes that no row shows"):
        text_table("\n".join(two), ("cat", "dog"))


def test_class_names_that_look_like_numbers_or_missing_values_stay_names() -> None:
    text = (
        "row,split,label,mesh_found,copy_in_training,m_1,m_NA,m_None\n"
        "0,t,1,1,0,1,0,0\n1,t,NA,1,0,0,1,0\n2,t,None,1,0,0,0,1\n"
    )
    assert text_table(text).labels == ("1", "NA", "None")


def test_a_label_that_ends_like_another_does_not_make_a_model() -> None:
    text = (
        "row,split,label,mesh_found,copy_in_training,m_happy,m_very_happy\n"
        "0,t,happy,1,0,1,0\n1,t,very_happy,1,0,0,1\n"
    )
    assert text_table(text).models == ("m",)


def test_rater_votes_are_slices_not_a_broken_model() -> None:
    frame = random_table(30).frame.assign(votes_neutral=3, votes_fear=1, votes_surprise=0, votes_disgust=0)
    assert table_from_frame(frame).models == ("cnn", "fusion")


# Refusing


def changed(line: int, column: str, value: str) -> str:
    rows = [line_.split(",") for line_ in GOOD.splitlines()]
    rows[line - 1][rows[0].index(column)] = value
    return "\n".join(",".join(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("line", "column", "value", "says"),
    [
        (3, "m_dog", "much", "'much' is not a number"),
        (3, "m_dog", "", "is empty"),
        (3, "m_dog", "nan", "is not a number"),
        (3, "m_dog", "inf", "is not a number"),
        (3, "m_dog", "1.5", "1.5 is no probability"),
        (4, "m_owl", "-0.1", "-0.1 is no probability"),
        (3, "label", "", "is empty"),
        (3, "split", "", "is empty"),
        (3, "mesh_found", "2", "0 or 1 is needed"),
        (3, "copy_in_training", "maybe", "'maybe' is not a number"),
        (3, "row", "1.5", "a whole number from 0"),
        (3, "row", "-1", "a whole number from 0"),
        (4, "row", "1e300", "a whole number from 0"),
        (4, "row", "4", "4 stands there a second time"),
    ],
)
def test_a_wrong_value_is_named_by_row_line_and_column(line: int, column: str, value: str, says: str) -> None:
    with pytest.raises(TableError) as caught:
        text_table(changed(line, column, value), ("cat", "dog", "owl"))
    sentence = str(caught.value)
    assert f"row {line - 1} (line {line} of the file), column '{column}'" in sentence
    assert says in sentence
    assert sentence.endswith(".") and "\n" not in sentence


def test_an_unknown_label_is_named_with_the_known_ones() -> None:
    with pytest.raises(TableError, match=r"row 2 \(line 3.*'label': 'dgo' is none of cat, dog, owl"):
        text_table(changed(3, "label", "dgo"), ("cat", "dog", "owl"))
    frame = random_table(20).frame
    frame.loc[6, "label"] = "Happy"
    with pytest.raises(TableError, match=r"row 7 .*'Happy' is none of angry"):
        table_from_frame(frame)


def test_probabilities_must_sum_to_one_within_a_thousandth() -> None:
    assert len(text_table(changed(2, "m_cat", "0.7009"))) == 3
    with pytest.raises(TableError, match=r"row 1 \(line 2 .*'m_cat' to 'm_owl'.* 'm' sum to 1\.0011, not 1"):
        text_table(changed(2, "m_cat", "0.7011"))


@pytest.mark.parametrize("column", ["row", "split", "label", "mesh_found", "copy_in_training"])
def test_a_missing_column_is_named(column: str) -> None:
    frame = random_table(20).frame.drop(columns=column)
    with pytest.raises(TableError, match=f"lacks the column '{column}'"):
        table_from_frame(frame)


@pytest.mark.parametrize("models", [("cnn",), ("cnn", "fusion")])
def test_a_model_that_lost_one_column_is_an_error_not_a_model_less(models: tuple[str, ...]) -> None:
    frame = random_table(50, models=models).frame.drop(columns="cnn_sad")
    with pytest.raises(TableError, match="lacks the column 'cnn_sad' of the model 'cnn'"):
        table_from_frame(frame)


def test_a_table_without_a_model_says_which_columns_it_needs() -> None:
    frame = random_table(50).frame.iloc[:, :6]
    with pytest.raises(TableError, match=r"no model.*<model>_angry"):
        table_from_frame(frame)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (GOOD.splitlines()[0], "a header but no rows"),
        (GOOD.splitlines()[0] + "\n\n\n", "a header but no rows"),
        (GOOD.replace("yaw", "label"), "column 'label' more than once"),
        (GOOD.replace("0.7,", "0.7,0.1,"), "row 1 .line 2 .*: 10 fields where the header has 9"),
        (GOOD.replace("0.5,", "0.5,0.1,"), "row 2 .line 3 .*: 10 fields where the header has 9"),
        (GOOD.replace(",0.25\n", "\n"), "row 2 .line 3 .*'m_owl': is empty"),
        (GOOD.replace("9,other", "\n9,other"), "row 3 .line 4 .*: is empty"),
        (GOOD[: GOOD.index("0.25,0.5")], "row 2 .line 3 .*'m_cat': is empty"),
        (GOOD.replace("cat,1", '"cat,1'), "is not a CSV file"),
        ("just words\nand more", "lacks the column 'row'"),
    ],
)
def test_a_malformed_file_is_refused(text: str, says: str) -> None:
    with pytest.raises(TableError, match=says) as caught:
        text_table(text, ("cat", "dog", "owl"))
    assert "\n" not in str(caught.value)


def test_text_that_is_not_utf8_is_refused_by_line() -> None:
    with pytest.raises(TableError, match="line 3: not UTF-8"):
        read_table(io.BytesIO(GOOD.replace("dog,0", "d\xf6g,0").encode("latin-1")))


def test_a_cut_or_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(GOOD.encode())
    flipped = packed[:30] + bytes([packed[30] ^ 0xFF]) + packed[31:]
    for damaged in (packed[:5], packed[: len(packed) // 2], packed[:-3], flipped, packed + b"tail"):
        path = tmp_path / "table.csv.gz"
        path.write_bytes(damaged)
        with pytest.raises(TableError, match=r"table\.csv\.gz is a cut or damaged gzip file"):
            read_table(path)


def test_a_path_without_a_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="There is no prediction table at"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path)
    assert issubclass(TableError, ExpressionLensError)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_at_any_place_is_a_table_error_or_a_valid_table(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    stop = data.draw(st.integers(start, min(len(GOOD), start + 8)))
    put = data.draw(st.text(alphabet='0123456789.,-"\n abc\x00\u00e9', max_size=6))
    try:
        table = text_table(GOOD[:start] + put + GOOD[stop:])
    except TableError as error:
        sentence = str(error)
    else:
        sentence = "None is needed."
        assert np.allclose(table.probabilities(table.models[0]).sum(axis=1), 1, atol=1.001e-3)
    assert sentence.endswith(".") and "\n" not in sentence


# Writing


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_a_table_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    table = random_table(500, seed=1)
    write_table(table, tmp_path / name)
    again = read_table(tmp_path / name)
    assert (again.labels, again.models) == (table.labels, table.models)
    assert again.frame.columns.tolist() == table.frame.columns.tolist()
    for column in ("row", "split", "label", "mesh_found", "copy_in_training", "yaw"):
        assert again.frame[column].tolist() == table.frame[column].tolist()
    for model in table.models:
        assert np.abs(again.probabilities(model) - table.probabilities(model)).max() <= 2e-5
        assert np.abs(again.probabilities(model).sum(axis=1) - 1).max() < 1e-9
        assert again.predicted(model).tolist() == table.predicted(model).tolist()


def test_the_same_table_gives_the_same_bytes_and_leaves_nothing_else(tmp_path: Path) -> None:
    first, second = tmp_path / "new folder" / "a.csv.gz", tmp_path / "new folder" / "b.csv.gz"
    write_table(random_table(50), first)
    write_table(read_table(first), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # no time of writing
    assert sorted(path.name for path in first.parent.iterdir()) == ["a.csv.gz", "b.csv.gz"]
    header, row = gzip.decompress(first.read_bytes()).decode().splitlines()[:2]
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert all(len(values[f"cnn_{label}"]) == len("0.12345") for label in EXPRESSIONS)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    write_table(random_table(5), path)
    old = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(TableError, match="cannot be written: No space left on device"):
        write_table(random_table(6), path)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_a_table_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    good = random_table(5)
    bad = PredictionTable(good.frame.assign(cnn_happy=2.0), good.labels, good.models)
    with pytest.raises(TableError, match="cnn_happy"):
        write_table(bad, tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(1e-9, 1, allow_subnormal=False), min_size=3, max_size=3).map(
            lambda weights: [weight / sum(weights) for weight in weights]
        ),
        min_size=1,
        max_size=8,
    )
)
def test_writing_keeps_sum_and_answer_however_close_the_race(rows: list[list[float]]) -> None:
    labels = ("cat", "dog", "owl")
    rows = [*rows, [0.300004, 0.300003, 0.399993], [0.399993, 0.300003, 0.300004], [1 / 3, 1 / 3, 1 / 3]]
    rows += [[0.2, 0.3999996, 0.4000004], [0.2, 0.4000004, 0.3999996]]
    frame = pd.DataFrame(rows, columns=[f"m_{label}" for label in labels])
    frame = frame.assign(row=range(len(rows)), split="t", label="cat", mesh_found=1, copy_in_training=0)
    table = table_from_frame(frame, labels)
    with TemporaryDirectory() as folder:
        write_table(table, Path(folder) / "t.csv")
        again = read_table(Path(folder) / "t.csv", labels)
    assert again.predicted("m").tolist() == table.predicted("m").tolist()
    assert np.abs(again.probabilities("m").sum(axis=1) - 1).max() < 1e-9
    assert np.abs(again.probabilities("m") - table.probabilities("m")).max() <= 2e-5


# Choosing rows

TABLE = random_table(60, seed=3)
MASKS = st.lists(st.booleans(), min_size=60, max_size=60).map(np.array)


@settings(deadline=None)
@given(MASKS, MASKS)
def test_select_keeps_just_the_chosen_rows_in_order(mask_N: np.ndarray, other_N: np.ndarray) -> None:
    chosen = TABLE.select(mask_N)
    assert len(chosen) == mask_N.sum()
    assert chosen.frame.index.tolist() == list(range(len(chosen)))
    assert chosen.frame["row"].tolist() == TABLE.frame["row"][mask_N].tolist()
    assert (chosen.labels, chosen.models) == (TABLE.labels, TABLE.models)
    assert chosen.truth().tolist() == TABLE.truth()[mask_N].tolist()
    for model in TABLE.models:
        assert np.array_equal(chosen.probabilities(model), TABLE.probabilities(model)[mask_N])
    both = TABLE.select(mask_N & other_N)
    pd.testing.assert_frame_equal(chosen.select(other_N[mask_N]).frame, both.frame)


@settings(deadline=None)
@given(MASKS)
def test_slices_commute_with_select(mask_N: np.ndarray) -> None:
    chosen = TABLE.select(mask_N)
    copies_N = TABLE.frame["copy_in_training"].to_numpy() == 1
    pd.testing.assert_frame_equal(without_copies(chosen).frame, TABLE.select(mask_N & ~copies_N).frame)
    of_N = (TABLE.frame["split"] == "PrivateTest").to_numpy()
    if (mask_N & of_N).any():
        pd.testing.assert_frame_equal(
            of_split(chosen, "PrivateTest").frame, TABLE.select(mask_N & of_N).frame
        )


def test_select_leaves_the_table_it_chose_from_as_it_was() -> None:
    before = TABLE.frame.copy()
    chosen = TABLE.select(np.ones(60, dtype=bool))
    chosen.frame.loc[:, "row"] = 0
    pd.testing.assert_frame_equal(TABLE.frame, before)


@pytest.mark.parametrize(
    "mask_N", [np.ones(59, dtype=bool), np.ones(60, dtype=int), np.ones((60, 1), dtype=bool)]
)
def test_a_mask_of_another_kind_is_a_bug(mask_N: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a mask of 60 booleans"):
        TABLE.select(mask_N)


def test_an_unknown_split_or_model_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TableError, match="no rows of the split 'Private'; it has PrivateTest, PublicTest"):
        of_split(TABLE, "Private")
    with pytest.raises(TableError, match="no model 'vgg'; it has cnn, fusion"):
        TABLE.probabilities("vgg")
    with pytest.raises(TableError, match="it has no rows at all"):
        of_split(TABLE.select(np.zeros(60, dtype=bool)), "PrivateTest")
