"""What every model costs and what it gives, side by side: ``python -m fusion_model.overview [--csv]``.

Accuracy, macro-F1 and F1 of every class come from a prediction table, parameters and size from the files of
weights, minutes and machines of training from the cards, time for a face from a result of
`fusion_model.benchmark`, in which all models were measured in turns. No network is loaded.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from fusion_model.bootstrap import RESAMPLES, Interval
from fusion_model.catalogue import ASSETS, available_models
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation import model_figures
from fusion_model.prediction_table import PredictionTable, of_split, read_table

TABLE = ASSETS / "fer2013_predictions.csv.gz"
#: Written by ``python -m fusion_model.benchmark --models all --out fusion_model/assets/latency.json``.
LATENCY = ASSETS / "latency.json"
#: Tensors that are no parameters: what a norm has seen.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class OverviewError(ExpressionLensError):
    """A card, weights or a result file cannot be read."""


@dataclass(frozen=True)
class ModelOverview:
    """One model.

    Attributes
    ----------
    name, title : by which programs and people call it.
    n : rows of the table that the figures are of.
    accuracy, macro_f1 : with 95 % intervals, 0 to 1.
    f1 : of every class, likewise.
    parameters : of all that it needs to answer, its base included.
    file_bytes : of its own weights.
    base : name of the model whose weights it stands on; empty for none.
    latency_ms : CPU time for a face, mirrored face included, one model alone: median, 5th and 95th
        percentile; nan where it was not measured.
    minutes : of its training; nan where its card has none.
    minutes_in_all : with the runs that it was begun from.
    machines : that these ran on.
    """

    name: str
    title: str
    n: int
    accuracy: Interval
    macro_f1: Interval
    f1: dict[str, Interval]
    parameters: int
    file_bytes: int
    base: str
    latency_ms: Interval
    minutes: float
    minutes_in_all: float
    machines: tuple[str, ...]


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
    OverviewError
        For a card, weights or a result that cannot be read.
    TableError
        For a table without rows.
    """
    timings = _json(latency)["timings"] if latency.exists() else {}
    return tuple(
        _of_model(name, table, folder, timings, resamples)
        for name in available_models(folder)
        if name in table.models
    )


def as_frame(models: Sequence[ModelOverview]) -> pd.DataFrame:
    """A row a model: intervals as three columns, ``accuracy``, ``accuracy_low``, ``accuracy_high``."""
    rows = []
    for model in models:
        row: dict[str, Any] = {"name": model.name, "title": model.title, "n": model.n}
        intervals = {"accuracy": model.accuracy, "macro_f1": model.macro_f1}
        intervals |= {f"f1_{label}": interval for label, interval in model.f1.items()}
        for name, interval in intervals.items():
            row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        row |= {
            "parameters": model.parameters,
            "file_bytes": model.file_bytes,
            "base": model.base,
            "latency_ms": model.latency_ms.value,
            "latency_ms_p5": model.latency_ms.low,
            "latency_ms_p95": model.latency_ms.high,
            "minutes": model.minutes,
            "minutes_in_all": model.minutes_in_all,
            "machines": "; ".join(model.machines),
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
            f"{model.name:<20}{figures}{model.parameters:>12,}{model.file_bytes / 1e6:>7.1f}"
            f"{_number(model.latency_ms.value):>11}{_number(model.minutes_in_all):>9}"
            + (f"  on {model.base}" if model.base else "")
        )
    return "\n".join(lines) + "\n"


def _of_model(
    name: str, table: PredictionTable, folder: Path, timings: dict[str, Any], resamples: int
) -> ModelOverview:
    weights = folder / f"{name}.safetensors"
    card = _json(weights.with_suffix(".json"))
    figures = model_figures(table, name, resamples=resamples)
    base = card.get("base") or {}
    sizes = _sizes(weights)
    if base:
        part = f"{base['part']}."
        sizes |= {key: size for key, size in _sizes(folder / base["file"]).items() if key.startswith(part)}
    training = card.get("training", {})
    runs = [training, *_begun_from(training).values()]
    machines = (run.get("machine") for run in runs)
    time = timings.get(f"{name} alone", {}).get("cpu_ms", {})
    return ModelOverview(
        name,
        str(card.get("title") or name),
        figures.n,
        figures.accuracy,
        figures.macro_f1,
        {item.label: item.f1 for item in figures.classes},
        sum(sizes.values()),
        weights.stat().st_size,
        Path(base["file"]).stem if base else "",
        Interval(*(float(time.get(key, math.nan)) for key in ("median", "p5", "p95"))),
        float(training.get("minutes", math.nan)),
        sum(float(run.get("minutes", math.nan)) for run in runs),
        tuple(dict.fromkeys(str(machine) for machine in machines if machine)),
    )


def _begun_from(training: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The runs that a run was begun from, and those before them, each once."""
    found: dict[str, dict[str, Any]] = {}
    for source, run in training.get("begun_from", {}).items():
        found |= {source: run} | _begun_from(run)
    return found


def _sizes(weights: Path) -> dict[str, int]:
    """Numbers in every tensor of parameters, by the header of the file."""
    try:
        with safe_open(weights, framework="numpy") as opened:
            return {
                name: math.prod(opened.get_slice(name).get_shape())
                for name in opened.keys()  # noqa: SIM118 - not a dictionary
                if not name.endswith(_STATISTICS)
            }
    except (OSError, SafetensorError) as error:
        raise OverviewError(f"The weights {weights} cannot be read: {error}.") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OverviewError(f"{path} cannot be read: {error}.") from error
    return values


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
