"""The figures in the texts come from the committed tables, and a stale one is found."""

from pathlib import Path

import pytest

from fusion_model.evaluation_report import TABLE, make_report
from fusion_model.prediction_table import of_split, read_table, table_from_frame, write_table
from training.figures import BLOCKS, FILES, main, update
from training.score_blocks import called, conformal, ferplus


def test_the_committed_texts_are_up_to_date() -> None:
    assert update(FILES, TABLE, write=False) == []


def test_every_block_is_used_and_filled() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in FILES)
    for name in BLOCKS:
        assert f"<!-- figures:{name} -->\n<!-- /figures -->" not in texts
        assert f"<!-- figures:{name} -->" in texts


def test_a_figure_typed_by_hand_is_found_and_mended(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text("before\n<!-- figures:results -->\n99.9 %\n<!-- /figures -->\nafter\n", encoding="utf-8")
    assert update((text,), TABLE, write=False) == [text]
    assert "99.9" in text.read_text(encoding="utf-8")
    assert update((text,), TABLE, write=True) == [text]
    mended = text.read_text(encoding="utf-8")
    accuracy = make_report(TABLE)["splits"]["PrivateTest"]["models"]["fusion"]["accuracy"]["value"]
    assert f"{100 * accuracy:.1f}" in mended
    assert "99.9" not in mended
    assert mended.startswith("before\n")
    assert mended.endswith("after\n")
    assert update((text,), TABLE, write=True) == []


def test_an_unknown_block_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text("<!-- figures:nonsense -->\n<!-- /figures -->\n", encoding="utf-8")
    with pytest.raises(KeyError, match="nonsense"):
        update((text,), TABLE, write=False)


def test_sets_are_told_for_every_model_and_level() -> None:
    report = make_report(TABLE, "all")
    told = conformal(report)
    for model, figures in report["splits"]["PrivateTest"]["models"].items():
        entry = figures["conformal"]["0.9"]
        row = next(line for line in told.splitlines() if line.startswith(f"| {called(model)} | 90 %"))
        assert f"| {entry['mean_size']:.2f} |" in row
        assert f"{100 * entry['coverage']['value']:.1f} (" in row
    assert "| disgust | 55 |" in told
    assert "LAC" in told and "RAPS" in told


def test_a_table_without_public_test_or_ferplus_is_a_sentence(tmp_path: Path) -> None:
    table = of_split(read_table(TABLE), "PrivateTest")
    columns = [name for name in table.frame if not str(name).startswith("ferplus")]
    write_table(table_from_frame(table.frame[columns]), tmp_path / "own.csv")
    report = make_report(tmp_path / "own.csv", "all")
    assert conformal(report).startswith("The prediction table has too few rows of PublicTest")
    assert ferplus(report) == "The prediction table has no FER+ columns yet, so there are no such figures.\n"


def test_ferplus_columns_become_a_table(tmp_path: Path) -> None:
    table = of_split(read_table(TABLE), "PrivateTest")
    said = table.frame["label"].where(table.frame["row"] % 2 == 0, "")
    write_table(table_from_frame(table.frame.assign(ferplus_label=said)), tmp_path / "own.csv")
    report = make_report(tmp_path / "own.csv", "all")
    header, _, *rows = ferplus(report).splitlines()
    assert header.startswith("| model | pictures | n |")
    assert len(rows) == 2 * len(table.models)  # with and without copies
    n = int((said != "").sum())
    assert rows[0].startswith(f"| {called(table.models[0])} | all | {n:,} |")
    assert rows[0].endswith("| 100.0 (100.0–100.0) |")  # this majority is the label itself


def test_the_check_says_which_file_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "stale.md"
    text.write_text("<!-- figures:results -->\n<!-- /figures -->\n", encoding="utf-8")
    monkeypatch.setattr("training.figures.FILES", (text,))
    monkeypatch.setattr("training.figures.DOCS", tmp_path / "docs")
    assert main(["--check"]) == 1
    told = capsys.readouterr().out
    assert "stale.md: out of date" in told and "report.md: out of date" in told
    assert main([]) == 0
    assert main(["--check"]) == 0
