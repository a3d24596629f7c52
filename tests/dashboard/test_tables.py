from html.parser import HTMLParser

from dashboard import tables
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


def test_tables_carry_the_figures(asked):
    first = asked.figures("cnn")
    rows = tables.class_rows(first)[1]
    assert len(rows) == 7 and rows[0][4] == str(first.classes[0].support)
    assert rows[0][2].startswith(f"{first.classes[0].recall.value:.3f} (")
    confusion = tables.confusion_rows(first)[1]
    assert confusion[0][1].startswith(f"{first.confusion_KK[0, 0]} (")


def test_the_four_cells_add_up(asked):
    pair = asked.comparison("cnn", "fusion")
    rows = tables.agreement_rows(pair)[1]
    assert rows[0] == [
        "CNN right",
        *map(str, (pair.both_right, pair.only_first, pair.both_right + pair.only_first)),
    ]
    assert rows[2][3] == "200"


def test_cards_say_accuracy_with_its_interval(asked):
    figures = asked.figures("fusion")
    made = tables.evaluation_cards(figures)
    assert f"{figures.accuracy.value * 100:.1f} %" in made
    assert f"95 %: {figures.accuracy.low * 100:.1f} to {figures.accuracy.high * 100:.1f}" in made
    assert "McNemar" in tables.comparison_cards(
        asked.figures("cnn"), figures, asked.comparison("cnn", "fusion")
    )
