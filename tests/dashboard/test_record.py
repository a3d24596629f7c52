from dashboard.record import FER2013, LONDON, NO_TABLE, Record


def test_tables_are_read_once(table_files):
    record = Record(*table_files)
    assert record.trouble == "" and list(record.titles) == [FER2013, LONDON]
    assert record.rows(FER2013, True) is record.rows(FER2013, True)
    assert len(record.rows(FER2013, True)) == 300 and record.has(FER2013, False)


def test_the_table_without_mirror_images_is_another(table_files):
    record = Record(*table_files)
    plain, mirrored = (record.rows(FER2013, flag).probabilities["cnn"] for flag in (False, True))
    assert (plain != mirrored).any()


def test_no_table_is_a_sentence(tmp_path):
    record = Record(tmp_path / "none.csv.gz", tmp_path / "none2.csv.gz", tmp_path / "none3.csv.gz")
    assert record.trouble == NO_TABLE and record.titles == {}
    assert not record.has(FER2013, False)


def test_a_damaged_table_is_a_sentence(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    record = Record(tmp_path / "t.csv", tmp_path / "t.csv")
    assert record.trouble and FER2013 not in record.titles and not record.has(FER2013, False)
