"""The figures in the texts come from the committed tables, and a stale one is found."""

from pathlib import Path

import pytest

from fusion_model.evaluation_report import TABLE, make_report
from training.figures import BLOCKS, FILES, main, update


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


def test_the_check_says_which_file_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "stale.md"
    text.write_text("<!-- figures:results -->\n<!-- /figures -->\n", encoding="utf-8")
    monkeypatch.setattr("training.figures.FILES", (text,))
    assert main(["--check"]) == 1
    assert "stale.md: out of date" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--check"]) == 0
