"""The command ``python -m fusion_model.evaluation``: the figures of a prediction table, as text or JSON."""

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion_model.conformal import (
    CALIBRATION_SPLIT,
    LEVELS,
    ConformalError,
    ConformalFigures,
    conformal_figures,
    sets_of_split,
)
from fusion_model.evaluation import ModelFigures, PairedComparison, compare_models, model_figures
from fusion_model.evaluation_text import as_text
from fusion_model.ferplus import ferplus_figures
from fusion_model.prediction_table import PredictionTable, TableError, of_split, read_table, without_copies

TABLE = Path(__file__).parent / "assets" / "fer2013_predictions.csv.gz"
COMPARED = ("cnn", "fusion")
MAIN_SPLIT = "PrivateTest"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; returns the exit status, 1 after one sentence on what is wrong with the table."""
    parser = argparse.ArgumentParser(
        prog="python -m fusion_model.evaluation",
        description="Figures of each model in a prediction table, with 95 %% bootstrap intervals: with and "
        "without exact copies of training pictures, and without test-time augmentation (TTA) where the "
        "table NAME_no_tta stands beside the table NAME.",
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="default: FER-2013's")
    parser.add_argument(
        "--split", help="default: PrivateTest where there is one, else 'all', which is each by itself"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(arguments)
    try:
        report = make_report(options.table, options.split)
    except TableError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1, allow_nan=False) if options.json else as_text(report))
    return 0


def make_report(path: Path, split: str | None = None) -> dict[str, Any]:
    """All figures of the table at `path` for one split or "all", as JSON types (undefined: None).

    None is for PrivateTest, or for "all" where the table does not have that.

    ``{"table", "labels", "splits": {split: {"models": {model: figures}, "comparison", "comparisons"}}}``:
    ``comparisons`` hold every other model against the table's first, ``comparison`` the pair `COMPARED`. The
    figures hold ``n``, ``accuracy`` and so on, ``per_class``, ``confusion``, ``conformal`` (by level, such as
    "0.9"; the sets are calibrated on other rows, see `sets_of_split`), ``ferplus``, the same again under
    ``without_copies`` and, from the sibling table, under ``no_tta``; None where there is nothing to tell.

    Raises
    ------
    TableError
        A table that cannot be read, a split it does not have, a sibling table of other rows.
    """
    table = read_table(path)
    sibling = path.with_name(path.name.replace(".csv", "_no_tta.csv", 1))
    no_tta = read_table(sibling, table.labels) if sibling != path and sibling.exists() else None
    known = sorted(table.frame["split"].unique())
    split = split or (MAIN_SPLIT if MAIN_SPLIT in known else "all")
    splits = known if split == "all" else [split]
    parts = {}
    for name in splits:
        rows = set(of_split(table, name).frame["row"])
        if no_tta is not None and rows != set(of_split(no_tta, name).frame["row"]):
            raise TableError(f"{sibling} has other rows in {name} than {path}; write both tables again.")
        parts[name] = _of_part(table, no_tta, name)
    return _plain({"table": path.name, "labels": table.labels, "splits": parts})


def _of_part(table: PredictionTable, no_tta: PredictionTable | None, split: str) -> dict[str, Any]:
    part = of_split(table, split)
    models = {}
    for model in table.models:
        models[model] = _with_and_without_copies(table, split, model)
        known = no_tta is not None and model in no_tta.models
        models[model]["no_tta"] = _with_and_without_copies(no_tta, split, model) if no_tta and known else None
    first, *others = part.models
    return {
        "models": models,
        "comparison": _compared(part, *COMPARED) if set(COMPARED) <= set(part.models) else None,
        "comparisons": [_compared(part, first, other) for other in others],
    }


def _compared(part: PredictionTable, first: str, second: str) -> dict[str, Any]:
    kept = without_copies(part)
    found = _of_comparison(compare_models(part, first, second))
    found["without_copies"] = _of_comparison(compare_models(kept, first, second)) if len(kept) else None
    return found


def _with_and_without_copies(table: PredictionTable, split: str, model: str) -> dict[str, Any]:
    part = of_split(table, split)
    sets = _sets(table, split, model)
    kept_N = (part.frame["copy_in_training"] == 0).to_numpy(dtype=bool)
    kept = {level: sets_NK[kept_N] for level, sets_NK in sets.items()}
    return {
        **_of_rows(part, model, sets),
        "without_copies": _of_rows(part.select(kept_N), model, kept) if kept_N.any() else None,
    }


def _sets(table: PredictionTable, split: str, model: str) -> dict[float, np.ndarray]:
    """Prediction sets of a split's rows by level; none without rows to calibrate them on."""
    found = {}
    if CALIBRATION_SPLIT in set(table.frame["split"]):
        for level in LEVELS:
            with contextlib.suppress(ConformalError):  # too few of them for this level
                found[level] = sets_of_split(table, split, model, level)
    return found


def _of_rows(rows: PredictionTable, model: str, sets: dict[float, np.ndarray]) -> dict[str, Any]:
    conformal = {
        f"{level:g}": _by_class(conformal_figures(sets_NK, rows.truth(), rows.labels, level))
        for level, sets_NK in sets.items()
    }
    ferplus = ferplus_figures(rows, model)
    return {
        **_of_model(model_figures(rows, model)),
        "conformal": conformal or None,
        "ferplus": dataclasses.asdict(ferplus) if ferplus else None,
    }


def _of_model(figures: ModelFigures) -> dict[str, Any]:
    fields = _by_class(figures)
    del fields["model"]
    fields["confusion"] = fields.pop("confusion_KK")
    return fields


def _by_class(figures: ModelFigures | ConformalFigures) -> dict[str, Any]:
    fields = dataclasses.asdict(figures)
    fields["per_class"] = {entry.pop("label"): entry for entry in fields.pop("classes")}
    return fields


def _of_comparison(comparison: PairedComparison) -> dict[str, Any]:
    return dataclasses.asdict(comparison)


def _plain(value: Any) -> Any:
    """The same in JSON types; floats to six significant digits, nan as None."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
