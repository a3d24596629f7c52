"""HTML of tables, cards and small pieces: what a canvas shows, in words that a screen reader can read."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.answered import Answered
from dashboard.charts import OUTLINED_MODELS, percent
from dashboard.theme import expression_colour
from dashboard.wording import interval_text, leading_model, model_name, p_text, points
from fusion_model.evaluation import Interval, ModelFigures, PairedComparison
from fusion_model.model_pairs import PairedFigures

if TYPE_CHECKING:
    from fusion_model.answers import FacePrediction

Row = Sequence[str]


def html_table(
    caption: str,
    head: Row,
    rows: Iterable[Row],
    *,
    chosen: str | None = None,
    muted: frozenset[str] = frozenset(),
    drawn: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A table whose first column heads its rows; all texts are escaped.

    Parameters
    ----------
    caption : str
        What the table shows.
    head : sequence of str
        Column heads.
    rows : iterable of sequence of str
        Cells as text.
    chosen : str, optional
        First cell of the row to emphasise.
    muted : frozenset of str
        First cells of rows to hold back.
    drawn : mapping of str to sequence of str, optional
        Further columns after the first, by head: HTML for each row.
    """
    drawn = drawn or {}
    shown = [*head[:1], *drawn, *head[1:]]
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in shown)
    body = ""
    for place, (first, *rest) in enumerate(rows):
        mark = ' class="chosen"' if first == chosen else ' class="muted"' if first in muted else ""
        cells = "".join(f"<td>{column[place]}</td>" for column in drawn.values())
        cells += "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        body += f'<tr{mark}><th scope="row">{escape(first)}</th>{cells}</tr>'
    # Focusable, so that a table wider than the screen can be scrolled by keyboard.
    name = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table><caption>{name}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def cards(items: Iterable[tuple[str, str, str]]) -> str:
    """Cards of (name, value, note)."""
    return '<div class="cards">' + "".join(
        f'<div class="card"><div class="name">{escape(name)}</div><div class="value">{escape(value)}</div>'
        f'<div class="note">{escape(note)}</div></div>'
        for name, value, note in items
    ) + "</div>"  # fmt: skip


def model_key(models: Iterable[str]) -> str:
    """Which marks are whose: solid or outlined."""
    return '<div class="key">' + "".join(
        f'<span><i class="{"outlined" if model in OUTLINED_MODELS else "solid"}"></i>'
        f"{escape(model_name(model))}</span>"
        for model in models
    ) + "</div>"  # fmt: skip


def class_key(labels: Iterable[str]) -> str:
    """Which colour is which class's."""
    return '<div class="key">' + "".join(
        f'<span><i class="part" style="background:{expression_colour(label)}"></i>{escape(label)}</span>'
        for label in labels
    ) + "</div>"  # fmt: skip


def agreement_key(parts: Iterable[tuple[str, int, str]], n: int) -> str:
    """Names, counts and shares of (part, count, colour)."""
    return (
        '<div class="key num">'
        + "".join(
            f'<span><i class="part" style="background:{colour}"></i>{escape(part)} {count:,} '
            f"({percent(count / n) if n else '–'})</span>"
            for part, count, colour in parts
        )
        + "</div>"
    )


def probability_table(face: Answered, models: Sequence[str] = ()) -> str:
    """All probabilities of models of the same classes for a face; by default of all."""
    models = list(reversed(models or list(face.models)))
    heading = leading_model(face)
    lead = face.models[heading if heading in models else models[0]]
    rows = [
        [label, *(percent(face.models[model].probabilities[label], 1) for model in models)]
        for label in lead.probabilities
    ]
    return html_table(
        "Probability of each expression",
        ["expression", *(model_name(model) for model in models)],
        rows,
        chosen=lead.label,
    )


def crop_picture(face: "FacePrediction") -> str:
    """The aligned crop that the models saw, as an HTML figure."""
    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(face.crop_HW)).save(out, "PNG")
    height, width = face.crop_HW.shape
    source = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    aligned = "turned level by its landmarks" if face.landmarks_found else "cut out without landmarks"
    return (
        f'<figure><img src="{source}" alt="The face as the models saw it">'
        f'<figcaption class="quiet small">What the models saw: the face {aligned}, '
        f"in grey, {width} × {height} pixels.</figcaption></figure>"
    )


def evaluation_cards(figures: ModelFigures) -> str:
    """Accuracy and its company for one model."""
    return cards(
        [
            ("Accuracy", percent(figures.accuracy.value, 1), _range(figures.accuracy)),
            (
                "Balanced accuracy",
                percent(figures.balanced_accuracy.value, 1),
                _range(figures.balanced_accuracy),
            ),
            ("Macro F1", f"{figures.macro_f1.value:.3f}", _range(figures.macro_f1, share=False)),
            ("Weighted F1", f"{figures.weighted_f1.value:.3f}", _range(figures.weighted_f1, share=False)),
            ("Pictures", f"{figures.n:,}", "rows of the table"),
        ]
    )


def probability_cards(figures: ModelFigures) -> str:
    """How good one model's probabilities are."""
    return cards(
        [
            ("Calibration error", percent(figures.ece, 1), "ECE, 15 bins; lower is better"),
            ("Brier score", f"{figures.brier:.3f}", "0 to 2; lower is better"),
            ("Log loss", f"{figures.nll:.3f}", "NLL in nats; lower is better"),
            ("Pictures", f"{figures.n:,}", "rows of the table"),
        ]
    )


def class_rows(figures: ModelFigures) -> tuple[Row, list[Row]]:
    """Head and rows: precision, recall, F1 with intervals, and support."""
    rows: list[Row] = [
        [
            item.label,
            interval_text(item.precision),
            interval_text(item.recall),
            interval_text(item.f1),
            f"{item.support:,}",
        ]
        for item in figures.classes
    ]
    return ["expression", "precision", "recall", "F1", "pictures"], rows


def confusion_rows(figures: ModelFigures) -> tuple[Row, list[Row]]:
    """Head and rows: counts with shares of the row."""
    counts_KK = figures.confusion_KK
    labels = [item.label for item in figures.classes]
    rows: list[Row] = []
    for row, label in enumerate(labels):
        total = int(counts_KK[row].sum())
        cells = [f"{count:,} ({percent(count / total) if total else '–'})" for count in counts_KK[row]]
        rows.append([label, *cells, f"{total:,}"])
    return ["labelled", *labels, "all"], rows


def comparison_cards(first: ModelFigures, second: ModelFigures, pair: PairedComparison) -> str:
    """Both accuracies, their difference, the test, and how often the two agree."""
    difference = pair.difference
    return cards(
        [
            (f"{model_name(first.model)} accuracy", percent(first.accuracy.value, 1), _range(first.accuracy)),
            (
                f"{model_name(second.model)} accuracy",
                percent(second.accuracy.value, 1),
                _range(second.accuracy),
            ),
            (
                "Difference, in points",
                points(difference.value),
                f"95 %: {points(difference.low)} to {points(difference.high)}, paired",
            ),
            ("McNemar's test", p_text(pair.mcnemar_p), "exact, on the same pictures"),
            ("Same answer", percent(pair.agreement, 1), f"of {pair.n:,} pictures"),
        ]
    )


def agreement_rows(pair: PairedComparison) -> tuple[Row, list[Row]]:
    """Head and rows of the four cells: which of the two is right."""
    first, second = model_name(pair.first), model_name(pair.second)
    rows: list[Row] = [
        [f"{first} right", *_row(pair.both_right, pair.only_first)],
        [f"{first} wrong", *_row(pair.only_second, pair.both_wrong)],
        ["all", *_row(pair.both_right + pair.only_second, pair.only_first + pair.both_wrong)],
    ]
    return ["", f"{second} right", f"{second} wrong", "all"], rows


def difference_rows(
    first: ModelFigures, second: ModelFigures, paired: PairedFigures
) -> tuple[Row, list[Row]]:
    """Head and rows: F1 of both by class, and the changes in points with paired intervals."""
    rows: list[Row] = []
    for place, (left, right) in enumerate(zip(first.classes, second.classes, strict=True)):
        changes = (paired.f1[place], paired.precision[place], paired.recall[place])
        cells = [f"{points(item.value)} ({points(item.low)} to {points(item.high)})" for item in changes]
        rows.append(
            [left.label, interval_text(left.f1), interval_text(right.f1), *cells, f"{left.support:,}"]
        )
    head = [
        "expression",
        f"F1 {model_name(first.model)}",
        f"F1 {model_name(second.model)}",
        "F1 change",
        "precision change",
        "recall change",
        "pictures",
    ]
    return head, rows


def _row(*counts: int) -> list[str]:
    return [f"{count:,}" for count in (*counts, sum(counts))]


def _range(interval: Interval, *, share: bool = True) -> str:
    if share:
        return f"95 %: {interval.low * 100:.1f} to {interval.high * 100:.1f}"
    return f"95 %: {interval.low:.3f} to {interval.high:.3f}"
