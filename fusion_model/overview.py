"""What every model costs and what it gives, side by side: ``python -m fusion_model.overview [--csv]``.

Accuracy, macro-F1 and F1 of every class come from a prediction table, the rest from `fusion_model.costs`. No
network is loaded.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_model.bootstrap import RESAMPLES, Interval
from fusion_model.catalogue import ASSETS
from fusion_model.costs import LATENCY, ModelCost, model_costs
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation import model_figures
from fusion_model.prediction_table import PredictionTable, of_split, read_table

TABLE = ASSETS / "fer2013_predictions.csv.gz"


@dataclass(frozen=True)
class ModelOverview:
    """One model.

    Attributes
    ----------
    name : by which programs call it.
    n : rows of the table that the figures are of.
    accuracy, macro_f1 : with 95 % intervals, 0 to 1.
    f1 : of every class, likewise.
    cost : ModelCost
    """

    name: str
    n: int
    accuracy: Interval
    macro_f1: Interval
    f1: dict[str, Interval]
    cost: ModelCost


def overview(
    table: PredictionTable,
    folder: Path = ASSETS,
    latency: Path = LATENCY,
    *,
    resamples: int = RESAMPLES,
) -> tuple[ModelOverview, ...]:
    """The models that the table and the folder have, in the order of their cards.

    Parameters
    ----------
    table : the rows to compute figures from
    folder : of weights and cards
    latency : a result of `fusion_model.benchmark`; times are nan where it is missing
    resamples : of the bootstrap

    Raises
    ------
    CostError
        For a card, weights or a result that cannot be read.
    TableError
        For a table without rows.
    """
    found = []
    for name, cost in model_costs(folder, latency).items():
        if name in table.models:
            figures = model_figures(table, name, resamples=resamples)
            f1 = {item.label: item.f1 for item in figures.classes}
            found.append(ModelOverview(name, figures.n, figures.accuracy, figures.macro_f1, f1, cost))
    return tuple(found)


def as_frame(models: Sequence[ModelOverview]) -> pd.DataFrame:
    """A row a model: intervals as three columns, ``accuracy``, ``accuracy_low``, ``accuracy_high``."""
    rows = []
    for model in models:
        cost = model.cost
        row: dict[str, Any] = {"name": model.name, "title": cost.title, "n": model.n}
        intervals = {"accuracy": model.accuracy, "macro_f1": model.macro_f1}
        intervals |= {f"f1_{label}": interval for label, interval in model.f1.items()}
        for name, interval in intervals.items():
            row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        row |= {
            "parameters": cost.parameters,
            "file_bytes": cost.file_bytes,
            "base": cost.base,
            "latency_ms": cost.latency_ms.value,
            "latency_ms_p5": cost.latency_ms.low,
            "latency_ms_p95": cost.latency_ms.high,
            "minutes": cost.minutes,
            "minutes_in_all": cost.minutes_in_all,
            "machines": "; ".join(cost.machines),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the overview; returns the exit status, 1 after one sentence on what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m fusion_model.overview", description="What every model costs and what it gives."
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="default: FER-2013's")
    parser.add_argument("--split", default="PrivateTest", help="default: %(default)s")
    parser.add_argument("--latency", type=Path, default=LATENCY, metavar="FILE", help="of the benchmark")
    parser.add_argument("--csv", action="store_true", help="all columns as CSV instead of a table")
    options = parser.parse_args(arguments)
    try:
        models = overview(of_split(read_table(options.table), options.split), latency=options.latency)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_frame(models).to_csv(index=False) if options.csv else as_text(models), end="")
    return 0


def as_text(models: Sequence[ModelOverview]) -> str:
    """The overview for reading; what is not known is a dash."""
    lines = [
        f"{'':20}{'accuracy, %':>19}{'macro-F1, %':>19}{'parameters':>12}{'MB':>7}{'ms a face':>11}"
        f"{'minutes':>9}"
    ]
    for model in models:
        figures = "".join(
            f"{100 * part.value:.1f} ({100 * part.low:.1f}-{100 * part.high:.1f})".rjust(19)
            for part in (model.accuracy, model.macro_f1)
        )
        lines.append(
            f"{model.name:<20}{figures}{model.cost.parameters:>12,}{model.cost.file_bytes / 1e6:>7.1f}"
            f"{_number(model.cost.latency_ms.value):>11}{_number(model.cost.minutes_in_all):>9}"
            + (f"  on {model.cost.base}" if model.cost.base else "")
        )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
