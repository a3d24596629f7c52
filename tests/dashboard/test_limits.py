"""The table of limits is the code's own, and each row has its test."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from bokeh.server.server import DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES

from dashboard import limits
from dashboard.album import LONGEST_NAME, MOST_TROUBLES, AlbumState
from dashboard.views import own, rows, upload

TESTS = Path(__file__).parents[1]
ROOMS = ("dashboard", "fusion_model")
#: Bounds of methods and drawings: none of them limits what a visitor may bring.
OTHERS = {
    "MOST_ROWS", "MOST_BLANK", "MAX_CROP_SIDE", "MAX_TILES_ACROSS", "MAX_TILED_RATIO", "MAX_OVERLAP",
    "MAX_FINE_TILES", "MAX_MOVE", "MAX_GROWTH", "MOST_POINTS", "MOST_VALUES", "MOST_WORDS", "MOST_WARNED",
}  # fmt: skip


def names(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}


def test_the_committed_table_is_up_to_date():
    assert limits.main(["--check"]) == 0


def test_a_stale_table_is_found_and_mended(tmp_path, monkeypatch, capsys):
    doc = tmp_path / "limits.md"
    doc.write_text("a\n<!-- limits -->\n25 GB\n<!-- /limits -->\nb\n", encoding="utf-8")
    monkeypatch.setattr(limits, "DOC", doc)
    assert limits.main(["--check"]) == 1 and "out of date" in capsys.readouterr().err
    assert limits.main([]) == 0 and limits.main(["--check"]) == 0
    text = doc.read_text(encoding="utf-8")
    assert "| file | 25 MB |" in text and "25 GB" not in text and text.startswith("a\n")


def test_every_row_names_a_test_that_there_is():
    for found in limits.limits().values():
        for limit in found:
            file, name = limit.test.split("::")
            assert name in names(file), limit


def test_every_limit_of_the_code_is_in_the_table():
    source = Path(limits.__file__).read_text(encoding="utf-8")
    for room in ROOMS:
        for path in (TESTS.parent / room).rglob("*.py"):
            for name in re.findall(r"^((?:MOST|MAX|LONGEST)_\w+) *(?::|=)", path.read_text(), re.MULTILINE):
                assert name in OTHERS or f".{name}" in source, f"{path.name}: {name}"


def test_troubles_and_names_stay_few_and_short():
    album = AlbumState()
    for number in range(MOST_TROUBLES + 5):
        album.fail(f"{'x' * 5000}{number}.jpg", "no")
    assert len(album.troubles) == MOST_TROUBLES
    assert {len(trouble.name) for trouble in album.troubles} == {LONGEST_NAME}
    assert album.troubles[-1].name.endswith(f"{MOST_TROUBLES + 4}.jpg")


def piece(name, number, data, total=9):
    told = {"name": name, "chunk": number, "total_chunks": total, "data": data, "type": "", "mime_type": ""}
    return SimpleNamespace(event_name="upload_event", data=told)


def test_files_that_never_end_are_given_up(monkeypatch):
    monkeypatch.setattr(upload, "MOST_WAITING", 10_000)
    troubles = []
    arrivals = upload.Arrivals(lambda *_: None, lambda name, why: troubles.append((name, why)))
    for number in range(30):
        arrivals.take(f"{number}.jpg", 1, 9, bytes(1000))
    assert len(arrivals._arriving) < 11 and len(troubles) == 30 - len(arrivals._arriving)
    assert "waiting already" in troubles[0][1]


def test_a_table_past_the_limit_is_thrown_away_where_it_arrives(monkeypatch):
    monkeypatch.setattr(own, "MAX_BYTES", 2500)
    dropper = own.TableDropper()
    for number in range(1, 9):
        dropper._process_event(piece("a.csv", number, bytes(1000)))
    assert sum(map(len, dropper._file_buffer["a.csv"])) == 3000
    dropper._process_event(piece("b.csv", 1, bytes(1000)))
    assert list(dropper._file_buffer) == ["b.csv"]  # one at a time: what never ended is given up


def test_pieces_of_files_fit_a_message():
    assert upload.CHUNK_BYTES * 4 / 3 < DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES / 2


def test_saved_rows_are_bounded():
    source = Path(rows.__file__).read_text(encoding="utf-8")
    assert rows.MOST_SAVED <= 5000 and "places[:MOST_SAVED]" in source


@pytest.mark.parametrize("count", [999, 25_000_000, 60_000_000, 1_000_000_000])
def test_sizes_are_told_as_people_say_them(count):
    assert limits._size(count) in {"0.999 kB", "25 MB", "60 MB", "1,000 MB"}
