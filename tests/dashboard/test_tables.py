from html.parser import HTMLParser

import pytest

from dashboard import tables
from dashboard.record import Record, Slice
from fusion_model.labels import EXPRESSIONS


class Cells(HTMLParser):
    """Rows of the tables in a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def record(table_files):
    return Record(*table_files)


def test_texts_are_escaped():
    made = tables.html_table("<b>", ["<i>"], [["<script>", "&"]])
    assert "<script>" not in made and "&lt;script&gt;" in made and "&amp;" in made
    assert "<script>" not in tables.cards([("<script>", "1", "2")])


def test_probabilities_have_a_row_each_and_the_answer_is_marked(make_face):
    made = tables.probability_table(make_face())
    rows = Cells(made).rows
    assert [row[0] for row in rows] == ["expression", *EXPRESSIONS]
    assert rows[0] == ["expression", "Fusion", "CNN"]
    assert rows[1 + EXPRESSIONS.index("happy")] == ["happy", "90.0 %", "60.0 %"]
    assert '<tr class="chosen"><th scope="row">happy' in made


def test_the_crop_is_a_picture_in_the_page(make_face):
    made = tables.crop_picture(make_face(mesh=False))
    assert 'src="data:image/png;base64,' in made and "without landmarks" in made and "48 × 48" in made


def test_the_headline_says_looks(make_face):
    assert "Looks <b>disgusted</b>" in tables.headline(make_face(fusion="disgust"))


def test_tables_carry_the_figures(record):
    first, second = (record.figures(Slice(), model) for model in ("cnn", "fusion"))
    rows = Cells(tables.class_table(first)).rows
    assert len(rows) == 8 and rows[1][4] == str(first.classes[0].support)
    assert rows[1][2].startswith(f"{first.classes[0].recall.value:.3f} (")
    confusion = Cells(tables.confusion_table(first)).rows
    assert confusion[1][1].startswith(f"{first.confusion_KK[0, 0]} (")
    assert len(Cells(tables.difference_table(first, second)).rows) == 8


def test_the_four_cells_add_up(record):
    pair = record.comparison(Slice(), "cnn", "fusion")
    rows = Cells(tables.agreement_table(pair)).rows
    assert rows[1] == [
        "CNN right",
        *map(str, (pair.both_right, pair.only_first, pair.both_right + pair.only_first)),
    ]
    assert rows[3][3] == "200"


def test_cards_say_accuracy_with_its_interval(record):
    figures = record.figures(Slice(), "fusion")
    made = tables.figure_cards(figures)
    assert f"{figures.accuracy.value * 100:.1f} %" in made
    assert f"95 %: {figures.accuracy.low * 100:.1f} to {figures.accuracy.high * 100:.1f}" in made
    assert "McNemar" in tables.comparison_cards(
        record.figures(Slice(), "cnn"), figures, record.comparison(Slice(), "cnn", "fusion")
    )
