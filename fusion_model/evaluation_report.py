"""The command ``python -m fusion_model.evaluation``: the figures of a prediction table, as text or JSON."""

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion_model.evaluation import ModelFigures, PairedComparison, compare_models, model_figures
from fusion_model.prediction_table import PredictionTable, TableError, of_split, read_table, without_copies

TABLE = Path(__file__).parent / "assets" / "fer2013_predictions.csv.gz"
COMPARED = ("cnn", "fusion")
_OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; returns the exit status, 1 after one sentence on what is wrong with the table."""
    parser = argparse.ArgumentParser(
        prog="python -m fusion_model.evaluation",
        description="Figures of each model in a prediction table, with 95 %% bootstrap intervals: with and "
        "without exact copies of training pictures, and without test-time augmentation (TTA) where the "
        "table NAME_no_tta stands beside the table NAME.",
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="default: FER-2013's")
    parser.add_argument("--split", default="PrivateTest", help="default: PrivateTest; 'all': each by itself")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(arguments)
    try:
        report = make_report(options.table, options.split)
    except TableError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1, allow_nan=False) if options.json else as_text(report))
    return 0


def make_report(path: Path, split: str = "PrivateTest") -> dict[str, Any]:
    """All figures of the table at `path` for one split or "all", as JSON types (undefined: None).

    ``{"table", "labels", "splits": {split: {"models": {model: figures}, "comparison"}}}``, where figures
    hold ``n``, ``accuracy`` and so on, ``per_class``, ``confusion``, the same again under
    ``without_copies`` and, from the sibling table, under ``no_tta``; None where there is nothing to tell.

    Raises
    ------
    TableError
        A table that cannot be read, a split it does not have, a sibling table of other rows.
    """
    table = read_table(path)
    sibling = path.with_name(path.name.replace(".csv", "_no_tta.csv", 1))
    no_tta = read_table(sibling, table.labels) if sibling != path and sibling.exists() else None
    splits = sorted(table.frame["split"].unique()) if split == "all" else [split]
    parts = {}
    for name in splits:
        part = of_split(table, name)
        part_no_tta = None if no_tta is None else of_split(no_tta, name)
        if part_no_tta is not None and set(part.frame["row"]) != set(part_no_tta.frame["row"]):
            raise TableError(f"{sibling} has other rows in {name} than {path}; write both tables again.")
        parts[name] = _of_part(part, part_no_tta)
    return _plain({"table": path.name, "labels": table.labels, "splits": parts})


def _of_part(part: PredictionTable, no_tta: PredictionTable | None) -> dict[str, Any]:
    models = {}
    for model in part.models:
        models[model] = _with_and_without_copies(part, model)
        known = no_tta is not None and model in no_tta.models
        models[model]["no_tta"] = _with_and_without_copies(no_tta, model) if no_tta and known else None
    comparison = None
    if set(COMPARED) <= set(part.models):
        kept = without_copies(part)
        comparison = _of_comparison(compare_models(part, *COMPARED))
        comparison["without_copies"] = _of_comparison(compare_models(kept, *COMPARED)) if len(kept) else None
    return {"models": models, "comparison": comparison}


def _with_and_without_copies(table: PredictionTable, model: str) -> dict[str, Any]:
    kept = without_copies(table)
    return {
        **_of_model(model_figures(table, model)),
        "without_copies": _of_model(model_figures(kept, model)) if len(kept) else None,
    }


def _of_model(figures: ModelFigures) -> dict[str, Any]:
    fields = dataclasses.asdict(figures)
    del fields["model"]
    fields["per_class"] = {entry.pop("label"): entry for entry in fields.pop("classes")}
    fields["confusion"] = fields.pop("confusion_KK")
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


def as_text(report: dict[str, Any]) -> str:
    """A report of `make_report` for reading: percentages with their 95 % intervals."""
    lines = [f"{report['table']}: percent, with 95 % bootstrap intervals"]
    for split, part in report["splits"].items():
        lines += ["", split, f"{'':20}{'n':>7}" + "".join(f"{name:>19}" for name in _OVERALL.values())]
        lines[-1] += f"{'ECE':>7}"
        for model, figures in part["models"].items():
            lines += _overall_lines(model, figures)
        for model, figures in part["models"].items():
            lines += ["", *_class_lines(model, figures["per_class"])]
        if part["comparison"]:
            lines += ["", *_comparison_lines(part["comparison"], "")]
            if part["comparison"]["without_copies"]:
                lines += _comparison_lines(part["comparison"]["without_copies"], ", without copies")
    return "\n".join(lines)


def _overall_lines(model: str, figures: dict[str, Any]) -> list[str]:
    no_tta = figures["no_tta"] or {}
    variants = {
        model: figures,
        "  without copies": figures["without_copies"],
        "  without TTA": no_tta,
        "  without either": no_tta.get("without_copies"),
    }
    return [
        f"{name:<20}{entry['n']:>7,}"
        + "".join(f"{_percent(entry[key]):>19}" for key in _OVERALL)
        + f"{100 * entry['ece']:>7.1f}"
        for name, entry in variants.items()
        if entry
    ]


def _class_lines(model: str, per_class: dict[str, Any]) -> list[str]:
    columns = ("precision", "recall", "f1")
    header = f"{model:<20}{'support':>7}" + "".join(f"{column:>19}" for column in columns)
    return [header] + [
        f"  {label:<18}{entry['support']:>7,}"
        + "".join(f"{_percent(entry[column]):>19}" for column in columns)
        for label, entry in per_class.items()
    ]


def _comparison_lines(comparison: dict[str, Any], where: str) -> list[str]:
    first, second, difference = comparison["first"], comparison["second"], comparison["difference"]
    value, low, high = (100 * difference[key] for key in ("value", "low", "high"))
    return [
        f"{second} minus {first}{where}: {value:+.1f} points of accuracy ({low:+.1f} to {high:+.1f}), "
        f"exact McNemar p = {comparison['mcnemar_p']:.2g}",
        f"  both right {comparison['both_right']:,}, only {first} {comparison['only_first']:,}, "
        f"only {second} {comparison['only_second']:,}, both wrong {comparison['both_wrong']:,}; "
        f"same answer on {100 * comparison['agreement']:.1f} %",
    ]


def _percent(interval: dict[str, float | None]) -> str:
    value, low, high = interval["value"], interval["low"], interval["high"]
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:.1f} ({100 * low:.1f}-{100 * high:.1f})"
