import pytest

from dashboard.record import NO_TABLE, Record, Slice
from fusion_model.prediction_table import TableError


def test_figures_are_those_of_the_slice(table_files):
    record = Record(*table_files)
    assert record.trouble == "" and record.models == ("cnn", "fusion")
    assert record.splits == ("PrivateTest", "PublicTest") and record.has_unmirrored
    assert record.figures(Slice(), "cnn").n == 200
    assert record.figures(Slice("PublicTest"), "cnn").n == 100
    assert record.figures(Slice(without_copies=True), "cnn").n == 180
    assert record.comparison(Slice(without_copies=True), "cnn", "fusion").n == 180


def test_figures_are_computed_once(table_files):
    record = Record(*table_files)
    assert record.figures(Slice(), "cnn") is record.figures(Slice(), "cnn")


def test_the_table_without_mirror_images_is_another(table_files):
    record = Record(*table_files)
    plain, mirrored = (record.figures(Slice(mirrored=flag), "cnn") for flag in (False, True))
    assert plain.accuracy.value != mirrored.accuracy.value


def test_no_table_is_a_sentence(tmp_path):
    record = Record(tmp_path / "none.csv.gz", tmp_path / "none2.csv.gz")
    assert record.trouble == NO_TABLE and record.models == () and record.splits == ()
    assert not record.has_unmirrored


def test_a_damaged_table_is_a_sentence(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    record = Record(tmp_path / "t.csv", tmp_path / "t.csv")
    assert record.trouble and record.models == () and not record.has_unmirrored


def test_a_split_that_is_not_there_is_an_error(table_files):
    with pytest.raises(TableError, match="Elsewhere"):
        Record(*table_files).figures(Slice("Elsewhere"), "cnn")
