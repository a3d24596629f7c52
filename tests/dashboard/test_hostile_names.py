"""Names of files, classes and columns as strangers choose them: they are shown, and do nothing."""

import csv
import io
import re
import zipfile

import panel as pn
import pytest
from bokeh.models import PlainText

from dashboard.album import album_faces, shown_name
from dashboard.album_files import as_csv, json_lines
from dashboard.album_queue import AlbumQueue
from dashboard.archive import members
from dashboard.blocks import Table
from dashboard.cells import cell
from dashboard.charts import quiet_figure
from dashboard.figure_state import FilterState
from dashboard.record import Record
from dashboard.row_pictures import RowPictures
from dashboard.shelf import Shelf
from dashboard.state import PageState
from dashboard.theme import LIGHT
from dashboard.views.album import AlbumPanel
from dashboard.views.own import OwnView
from dashboard.views.saving import PictureSavers

NAMES = [
    "<img src=x onerror=alert(1)>.jpg",
    "</p><script>alert(1)</script>.jpg",
    "&lt;b&gt;.jpg",
    '" onmouseover="alert(1).jpg',
    "**bold** [link](javascript:alert(1)).jpg",
    "$$\\href{javascript:alert(1)}{x}$$.jpg",
    "evil\u202egpj.exe",
    "\u2066left\u2069\u200f.jpg",
    "bell\x07 null\x00 escape\x1b[31m line\nfeed.jpg",
    "../../etc/passwd",
    "/absolute.jpg",
    "C:\\Windows\\system32\\evil.jpg",
    "=cmd|' /C calc'!A0.jpg",
    "@SUM(1+1).jpg",
    "-2+3+cmd|' /C calc'!A0.jpg",
    "CON.jpg",
    ".jpg",
    "",
    "x" * 5000 + ".jpg",
    "\ud800.jpg",
]
TAG = re.compile(r"<(?:img src=x|script)|onmouseover=\"alert|javascript:alert\(1\)\"")
TURNS = re.compile("[\u0000-\u001f\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]")


@pytest.fixture
def page(make_answer, make_face):
    state = PageState()
    for name in NAMES:
        state.album.add(name, make_answer(make_face()))
        state.album.fail(name, "no")
    queue = AlbumQueue(state.album, lambda read: None, lambda: True, lambda *_: None, lambda action: action)
    return state, AlbumPanel(state, queue, lambda _: None, lambda: None)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_shown_is_short_text_that_runs_one_way(name):
    shown = shown_name(name)
    assert 1 <= len(shown) <= 80 and not TURNS.search(shown)
    shown.encode()  # half of a pair of UTF-16, too, is gone


def said(view):
    """All HTML of a page."""
    return " ".join(str(part.object) for part in view.__panel__().select(pn.pane.HTML))


def test_the_album_shows_names_as_text(page):
    _, panel = page
    panel._draw()
    panel._tell_troubles()
    html = said(panel)
    assert "onerror" in html and not TAG.search(html) and not TURNS.search(html.replace("\n", ""))
    # Buttons over thumbnails are named by text, which Bokeh never takes for HTML.
    assert all(isinstance(button.name, str) for button in panel.__panel__().select(pn.widgets.Button))


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_saved_have_plain_names(name, make_answer):
    savers = PictureSavers()
    savers.show(name, make_answer())
    for button in savers.__panel__():
        stem = button.filename.rsplit(".", 1)[0]
        assert stem and re.fullmatch(r"[\w-]{1,70}", stem), button.filename
        assert not TURNS.search(button.filename)


def test_no_cell_of_a_saved_table_is_a_formula(page):
    state, _ = page
    rows = list(csv.reader(io.StringIO(as_csv(album_faces(state.album.pictures)))))
    assert len(rows) == len(NAMES) + 1
    hostile = Table(
        "c", ["=1+1", "n"], [["@x", "-0.5"], ["-1+cmd|x", "+0.6 (-0.1 to +1.3)"], ["\tx", "+3 %"]]
    )
    rows += list(csv.reader(io.StringIO(hostile.csv())))
    for text in (text for row in rows for text in row):
        assert not text.startswith(("=", "@", "\t", "\r")) and not re.match(r"[+-](?![\d.,]+( |$))", text), (
            text
        )
    assert cell("-0.5") == "-0.5" and cell("+0.6 (-0.1 to +1.3)") == "+0.6 (-0.1 to +1.3)"


def test_json_lines_keep_one_line_a_picture(page):
    state, _ = page
    lines = json_lines(state.album.pictures, state.album.troubles).splitlines()
    assert len(lines) == 2 * len(NAMES)
    assert all(line.isascii() for line in lines)


def test_classes_are_no_formulas_of_a_chart():
    for text in ("recall of $$\\frac12$$", "\\(x\\)", "\\[x\\]"):
        plot = quiet_figure(LIGHT, x_axis_label=text, y_axis_label="plain", height=100)
        assert isinstance(plot.xaxis[0].axis_label, PlainText) and plot.xaxis[0].axis_label.text == text
        assert plot.yaxis[0].axis_label == "plain"


def test_a_table_of_hostile_columns_is_shown_as_text(table_files):
    shelf = Shelf(Record(*table_files, table_files[0].with_name("none.csv"), RowPictures()))
    view = OwnView(FilterState(), shelf)
    view._toggle()
    view.receive(NAMES[0], f"label,prediction,{NAMES[1]}\n{NAMES[2]},b,c\nb,b,c\n".encode())
    html = said(view)
    assert "onerror" in html and not TAG.search(html)
    view.receive(NAMES[0], b'label,prediction\n"<script>alert(1)</script>",b\nb,"<b>x</b>"\n,\n')
    assert not TAG.search(said(view))


def test_names_within_an_archive_are_text_too(page):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in NAMES[:9]:
            made.writestr(name, b"no picture")
    assert {member.read() for member in members(out.getvalue())} == {b"no picture"}
