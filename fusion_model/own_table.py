"""A table of one's own: guess the roles of its columns, say what is wrong where, make a prediction table.

A label column is needed, and a model's answers: one column of predicted labels, or one column of
probabilities for every label. Everything else can be sliced and grouped by.

Shape suffixes: N rows, K labels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fusion_model.filters import texts
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import PredictionTable, TableError, table_from_frame

__all__ = ["MOST_ROWS", "Roles", "guess_roles", "problems", "table_of_roles"]

MOST_ROWS = 100_000
MOST_LABELS = 50
LABEL_NAMES = (
    "label",
    "true_label",
    "y_true",
    "truth",
    "true",
    "target",
    "expression",
    "emotion",
    "class",
    "actual",
)
SPLIT_NAMES = ("split", "usage", "set", "subset", "fold")
PERSON_NAMES = ("person", "subject", "participant", "person_id", "subject_id", "identity")
PREDICTION = re.compile(
    r"^(?:y_)?(?:pred(?:icted|iction)?|answer)[_ ]?(?:label)?[_ ]?|[_ ](?:pred(?:icted|iction)?|answer)$",
    re.I,
)
_SUM_TOLERANCE = 1e-3
_MOST_TOLD = 5


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes
    ----------
    label : str
        The column of true labels; "" where none was found.
    probabilities : dict of str to (dict of str to str)
        By model: the column of every label.
    predictions : dict of str to str
        By model: the column of predicted labels.
    split, person : str
        Columns, or "".
    labels : tuple of str
        The classes, in order.
    """

    label: str = ""
    probabilities: dict[str, dict[str, str]] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)
    split: str = ""
    person: str = ""
    labels: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return (*self.probabilities, *self.predictions)


def guess_roles(frame: pd.DataFrame, label: str = "") -> Roles:
    """The likeliest roles, from names and contents; `label` tells the label column where it is known."""
    columns = [str(column) for column in frame.columns]
    label = label or _named(columns, LABEL_NAMES) or _texts_column(frame)
    if not label:
        return Roles()
    shown = sorted(set(texts(frame[label])) - {""})
    families = {} if len(shown) > MOST_LABELS else _families(frame, shown, label)
    labels = tuple(shown)
    if set(shown) <= set(EXPRESSIONS):
        wider = _families(frame, list(EXPRESSIONS), label)
        if wider or not families:
            families, labels = wider, EXPRESSIONS if wider else labels
    predictions = {}
    for column in columns:
        if column == label or pd.api.types.is_float_dtype(frame[column]):
            continue
        if PREDICTION.search(column) and len(shown) <= MOST_LABELS:
            name = PREDICTION.sub("", column) or "model"
            predictions[name if name not in families else f"{name} answers"] = column
    said = {value for column in predictions.values() for value in set(texts(frame[column])) - {""}}
    if not families and said - set(labels) and len(said | set(labels)) <= MOST_LABELS:
        labels = tuple(sorted(said | set(labels)))
    return Roles(
        label,
        families,
        predictions,
        split=_named(columns, SPLIT_NAMES),
        person=_named(columns, PERSON_NAMES),
        labels=labels,
    )


def problems(frame: pd.DataFrame, roles: Roles) -> tuple[str, ...]:
    """What keeps a table from being used, one sentence each; empty when nothing does."""
    return tuple(_problems(frame, roles))


def table_of_roles(frame: pd.DataFrame, roles: Roles) -> PredictionTable:
    """The prediction table of a frame.

    A model of predicted labels alone gets the probability 1 for each: its answers can be judged, its
    confidence cannot.

    Raises
    ------
    TableError
        With the first of `problems`, if there are any.
    """
    wrong = problems(frame, roles)
    if wrong:
        raise TableError(wrong[0])
    used = {roles.label, roles.split, roles.person, *roles.predictions.values()}
    used |= {column for family in roles.probabilities.values() for column in family.values()}
    made: dict[str, object] = {
        "row": np.arange(len(frame)),
        "split": np.where(texts(frame[roles.split]) == "", "not told", texts(frame[roles.split]))
        if roles.split
        else "all rows",
        "label": texts(frame[roles.label]),
        "mesh_found": _flag(frame, "mesh_found", 1),
        "copy_in_training": _flag(frame, "copy_in_training", 0),
    }
    if roles.person:
        made["person"] = texts(frame[roles.person])
    for column in frame.columns:
        if column not in used and column not in made:
            made[str(column)] = frame[column].to_numpy()
    for model, family in roles.probabilities.items():
        for label, column in family.items():
            made[f"{model}_{label}"] = frame[column].to_numpy(np.float64)
    for model, column in roles.predictions.items():
        answers = texts(frame[column])
        for label in roles.labels:
            made[f"{model}_{label}"] = (answers == label).astype(np.float64)
    return table_from_frame(pd.DataFrame(made), roles.labels, name="Your table")


def _problems(frame: pd.DataFrame, roles: Roles) -> Iterator[str]:
    if len(frame) > MOST_ROWS:
        yield f"The table has {len(frame):,} rows; at most {MOST_ROWS:,} can be shown. Cut it into parts."
        return
    if not len(frame):
        yield "The table has a header but no rows."
        return
    if not roles.label:
        yield "No column of true labels was found; choose it, or name it 'label'."
        return
    if not roles.models:
        yield (
            "No model was found. Name a column of predicted labels 'prediction', or give one column of "
            "probabilities for every label, named <model>_<label>."
        )
    if not 2 <= len(roles.labels) <= MOST_LABELS:
        yield (
            f"Column '{roles.label}' has {len(roles.labels)} different labels; 2 to {MOST_LABELS} can be "
            "shown."
        )
        return
    yield from _wrong_labels(frame, roles.label, roles.labels)
    for column in roles.predictions.values():
        yield from _wrong_labels(frame, column, roles.labels)
    for model, family in roles.probabilities.items():
        yield from _wrong_probabilities(frame, model, family)


def _wrong_labels(frame: pd.DataFrame, column: str, labels: tuple[str, ...]) -> Iterator[str]:
    said_N = texts(frame[column])
    wrong_N = ~np.isin(said_N.astype(str), labels)
    if wrong_N.any():
        value = said_N[int(wrong_N.argmax())]
        what = f"'{value}' is none of {', '.join(labels[:12])}" if value else "is empty"
        yield f"{_place(column, wrong_N)}: {what}."


def _wrong_probabilities(frame: pd.DataFrame, model: str, family: dict[str, str]) -> Iterator[str]:
    told = 0
    total_N = np.zeros(len(frame))
    for column in family.values():
        value_N = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong_N = ~((value_N >= -1e-6) & (value_N <= 1 + 1e-6))
        if wrong_N.any() and told < _MOST_TOLD:
            told += 1
            value = frame[column].iloc[int(wrong_N.argmax())]
            what = "is empty" if pd.isna(value) else f"'{value}' is no probability from 0 to 1"
            yield f"{_place(column, wrong_N)}: {what}."
        total_N += value_N
    wrong_N = np.abs(total_N - 1) > _SUM_TOLERANCE
    if not told and wrong_N.any():
        first, *_, last = family.values()
        value = total_N[int(wrong_N.argmax())]
        place = _place(f"{first} to {last}", wrong_N)
        yield f"{place}: the probabilities of '{model}' sum to {value:.4g}, not 1."


def _place(column: str, wrong_N: np.ndarray) -> str:
    """Where it goes wrong: first row, its line in a file with a header, and how many more."""
    first, more = int(wrong_N.argmax()), int(wrong_N.sum()) - 1
    also = f", and {more:,} more" if more else ""
    return f"Column '{column}', row {first + 1} (line {first + 2} of the file{also})"


def _named(columns: list[str], names: tuple[str, ...]) -> str:
    by_lower = {column.lower().strip().replace(" ", "_"): column for column in reversed(columns)}
    return next((by_lower[name] for name in names if name in by_lower), "")


def _texts_column(frame: pd.DataFrame) -> str:
    """The first text column of a few different values, whose name is no prediction's."""
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column]) or PREDICTION.search(str(column)):
            continue
        if 2 <= frame[column].nunique() <= MOST_LABELS:
            return str(column)
    return ""


def _families(frame: pd.DataFrame, labels: list[str], label: str) -> dict[str, dict[str, str]]:
    """Models with a column of numbers for every label: ``<model>_<label>``, or the bare label."""
    found: dict[str, dict[str, str]] = {}
    for column in map(str, frame.columns):
        if column == label or not pd.api.types.is_numeric_dtype(frame[column]):
            continue
        for name in labels:
            if column == name:
                found.setdefault("model", {})[name] = column
            elif column.endswith(f"_{name}"):
                found.setdefault(column.removesuffix(f"_{name}"), {})[name] = column
    return {
        model: {name: family[name] for name in labels}
        for model, family in found.items()
        if len(family) == len(labels) > 1
    }


def _flag(frame: pd.DataFrame, name: str, default: int) -> object:
    """A column of 0 and 1, if the frame has it and it is one."""
    if name in frame and frame[name].isin((0, 1)).all():
        return frame[name].to_numpy(np.int64)
    return default
