"""Which classes and models a prediction table has, by the names of its columns and what they sum to.

A model answers in columns ``<model>_<label>``, and its probabilities sum to 1: that tells its columns from
others with a like name, and also the classes that it knows and no row shows.

Shape suffixes: N rows (pictures), K labels.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion_model.labels import EXPRESSIONS
from fusion_model.table_file import TableError

SUM_TOLERANCE = 1e-3
Found = tuple[tuple[str, ...], tuple[str, ...]]


def columns_of(model: str, labels: Sequence[str]) -> list[str]:
    """The columns of a model's answers, in the order of the labels."""
    return [f"{model}_{label}" for label in labels]


def labels_and_models(
    frame: pd.DataFrame, labels: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes, as `read_table` says, and the models that answer for all of them; else a `TableError`.

    A prefix that lacks just one of three or more columns is a model with a column lost, and an error; one
    that lacks more is a family of slice columns, such as rater votes under their own class names.
    """
    columns = [str(column) for column in frame.columns]
    seen = tuple(sorted(frame["label"].unique()))
    if labels is None and (own := _own_classes(frame, seen)) is not None:
        return own
    candidates = (EXPRESSIONS, seen) if labels is None else (tuple(labels),)
    for classes in candidates:
        found = _prefixes(columns, classes)
        models = tuple(prefix for prefix, has in found.items() if len(has) == len(classes) > 1)
        if models:
            _check_none_lost(found, classes, name)
            if labels is None and classes is seen:
                classes = tuple(sorted(seen, key=lambda label: columns.index(f"{models[0]}_{label}")))
            return classes, models
    classes = EXPRESSIONS if labels is None and set(seen) <= set(EXPRESSIONS) else candidates[-1]
    _check_none_lost(_prefixes(columns, classes), classes, name)
    listed = ", ".join(f"<model>_{label}" for label in classes[:12]) + (", ..." if len(classes) > 12 else "")
    raise TableError(f"{name} has no model with a column for every one of two or more labels: {listed}.")


def _own_classes(frame: pd.DataFrame, seen: tuple[str, ...]) -> Found | None:
    """Classes and models by columns that sum to 1; None where the seven expressions do, or nothing does."""
    columns = [str(column) for column in frame.columns]
    if set(seen) <= set(EXPRESSIONS):
        whole = [p for p, has in _prefixes(columns, EXPRESSIONS).items() if len(has) == len(EXPRESSIONS)]
        if any(_sums_to_one(frame, columns_of(prefix, EXPRESSIONS)) for prefix in whole):
            return None
    prefixes = [p for p, has in _prefixes(columns, seen).items() if len(has) == len(seen)]
    for prefix in prefixes:
        others = tuple(f"{other}_" for other in prefixes if other.startswith(f"{prefix}_"))
        all_of_it = [column for column in columns if column.startswith(f"{prefix}_")]
        # "cnn_big" may be another model than "cnn", or "big_..." its classes: what sums to 1 tells.
        for family in ([column for column in all_of_it if not column.startswith(others)], all_of_it):
            if len(family) > 1 and _sums_to_one(frame, family):
                labels = tuple(column.removeprefix(f"{prefix}_") for column in family)
                found = _prefixes(columns, labels)
                return labels, tuple(name for name, has in found.items() if len(has) == len(labels))
    return None


def _sums_to_one(frame: pd.DataFrame, columns: list[str]) -> bool:
    """Whether these columns do in most rows: a few wrong ones are told as such later."""
    values_NK = frame[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return float(np.mean(np.abs(values_NK.sum(axis=1) - 1) <= SUM_TOLERANCE)) > 0.5


def _prefixes(columns: Sequence[str], labels: Sequence[str]) -> dict[str, set[str]]:
    """The labels for which a column ``<prefix>_<label>`` stands, by prefix, in the order of the columns."""
    found: dict[str, set[str]] = {}
    for column in columns:
        for label in labels:
            prefix = column.removesuffix(f"_{label}")
            if prefix and prefix != column:
                found.setdefault(prefix, set()).add(label)
    return found


def _check_none_lost(found: dict[str, set[str]], labels: Sequence[str], name: str) -> None:
    for prefix, present in found.items():
        if len(labels) > 2 and len(present) == len(labels) - 1:
            lost = next(label for label in labels if label not in present)
            raise TableError(f"{name} lacks the column '{prefix}_{lost}' of the model '{prefix}'.")
