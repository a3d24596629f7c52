"""What Evaluate tells of one model's answers: cards, measures by expression, confusions."""

from typing import cast

from dashboard import wording
from dashboard.blocks import Block, Chart, Pick, Table
from dashboard.charts import percent
from dashboard.charts_figures import MEASURE_NAMES, Cells, cell_keys, class_chart, confusion_chart
from dashboard.figure_state import FilterState
from dashboard.readings import mistakes
from dashboard.shelf import View
from dashboard.tables import class_rows, confusion_rows, evaluation_cards
from dashboard.theme import Palette
from fusion_model.evaluation import ModelFigures, figures_of


def model_of(view: View, model: str) -> ModelFigures:
    """The figures of one model on the rows of a view."""
    return figures_of(model, view.rows.labels, view.rows.truth_N, view.rows.probabilities[model])


def overview(view: View, state: FilterState, colours: Palette) -> list[Block]:
    """Cards, measures by expression, the confusion matrix, and the commonest mistakes in words."""
    figures = model_of(view, view.model)
    return [
        Block("", before=evaluation_cards(figures)),
        _by_expression(view, figures, colours),
        _confusions(view, state, figures, colours),
    ]


def _by_expression(view: View, figures: ModelFigures, colours: Palette) -> Block:
    answer_N, truth_N = view.rows.answers[view.model], view.rows.truth_N
    picks, labels = {}, view.rows.labels
    for code, label in enumerate(labels):
        missed_N = (truth_N == code) & (answer_N != code)
        alarm_N = (truth_N != code) & (answer_N == code)
        picks[f"alarm:{label}"] = Pick(f"answered {label}, labelled otherwise", alarm_N)
        picks[f"missed:{label}"] = Pick(f"labelled {label}, answered otherwise", missed_N)
        picks[f"either:{label}"] = Pick(f"{label} wrongly answered or missed", missed_N | alarm_N)
    kinds = {"precision": "alarm", "recall": "missed", "f1": "either"}
    charts = tuple(
        Chart(
            class_chart(figures, measure, colours),
            name,
            keys=[f"{kinds[measure]}:{label}" for label in labels],
        )
        for measure, name in MEASURE_NAMES.items()
    )
    caption = f"{wording.model_name(view.model)} by class, with 95 % intervals"
    head, rows = class_rows(figures)
    return Block(
        "By expression",
        wording.class_reading(figures),
        charts=charts,
        tables=(Table(caption, head, rows),),
        note="A bar lists the pictures that it is lowered by: for precision those answered so wrongly, for "
        "recall "
        "those missed.",
        picks=picks,
    )


def _confusions(view: View, state: FilterState, figures: ModelFigures, colours: Palette) -> Block:
    labels, truth_N, answer_N = view.rows.labels, view.rows.truth_N, view.rows.answers[view.model]
    cells = cast(Cells, state.cells)
    against = state.against if state.against in view.rows.models and state.against != view.model else ""
    minus = model_of(view, against) if against else None
    plot = confusion_chart(figures, cells=cells, colours=colours, minus=minus)
    picks = {}
    for row, truth in enumerate(labels):
        for column, answer in enumerate(labels):
            mask_N = (truth_N == row) & (answer_N == column)
            picks[f"cell:{truth}:{answer}"] = Pick(f"labelled {truth}, answered {answer}", mask_N)
    reading = wording.confusion_reading(figures)
    if minus is not None:
        unit = "pictures" if cells == "count" else "points"
        reading = (
            f"{wording.model_name(view.model)} minus {wording.model_name(against)}, in {unit}: on the "
            "diagonal, "
            "more is better; elsewhere, less is."
        )
    head, rows = confusion_rows(figures)
    return Block(
        "What is taken for what",
        reading,
        charts=(Chart(plot, keys=cell_keys(plot), wide=True),),
        after=_in_words(figures),
        tables=(Table("Rows: the label. Columns: the answer. Counts, and shares of the row", head, rows),),
        picks=picks,
        control=True,
        width=700,
    )


def _in_words(figures: ModelFigures) -> str:
    found = mistakes(figures)
    if not found:
        return ""
    items = "".join(
        f"<li>{truth} taken for <b>{answer}</b>: {percent(count / total)} of {truth} ({count:,} of "
        f"{total:,})</li>"
        for truth, answer, count, total in found
    )
    return f"<h3>The commonest confusions</h3><ul>{items}</ul>"
