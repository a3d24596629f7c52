"""What models cost: parameters, size of files, time for a face, minutes of training. No network is loaded.

Parameters and size come from the files of weights, minutes and machines from the cards, time for a face from
a result of `fusion_model.benchmark`, in which all models were measured in turns.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from fusion_model.bootstrap import Interval
from fusion_model.catalogue import ASSETS, available_models
from fusion_model.errors import ExpressionLensError

#: Written by ``python -m fusion_model.benchmark --models all --out fusion_model/assets/latency.json``.
LATENCY = ASSETS / "latency.json"
#: Tensors that are no parameters: what a norm has seen.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class CostError(ExpressionLensError):
    """A card, weights or a result file cannot be read."""


@dataclass(frozen=True)
class ModelCost:
    """What one model costs.

    Attributes
    ----------
    title : what people call it.
    parameters : of all that it needs to answer, its base included.
    file_bytes : of its own weights.
    base : name of the model whose weights it stands on; empty for none.
    latency_ms : CPU time for a face, mirrored face included, one model alone: median, 5th and 95th
        percentile; nan where it was not measured.
    minutes : of its training; nan where its card has none.
    minutes_in_all : with the runs that it was begun from.
    machines : that these ran on.
    """

    title: str
    parameters: int
    file_bytes: int
    base: str
    latency_ms: Interval
    minutes: float
    minutes_in_all: float
    machines: tuple[str, ...]


def model_costs(folder: Path = ASSETS, latency: Path = LATENCY) -> dict[str, ModelCost]:
    """The models of a folder by name, in the order of their cards.

    Parameters
    ----------
    folder : of weights and cards
    latency : a result of `fusion_model.benchmark`; times are nan where it is missing

    Raises
    ------
    CostError
        For a card, weights or a result that cannot be read.
    """
    timings = _json(latency)["timings"] if latency.exists() else {}
    return {name: _cost(name, folder, timings) for name in available_models(folder)}


def measured_on(latency: Path = LATENCY) -> str:
    """Processor, threads and precision of the times; empty where there are none."""
    if not latency.exists():
        return ""
    found = _json(latency)
    settings = found["settings"]
    return f"{found['machine']['cpu']}, threads: {settings['threads']}, {settings['precision']}"


def _cost(name: str, folder: Path, timings: dict[str, Any]) -> ModelCost:
    weights = folder / f"{name}.safetensors"
    card = _json(weights.with_suffix(".json"))
    base = card.get("base") or {}
    sizes = _sizes(weights)
    if base:
        part = f"{base['part']}."
        sizes |= {key: size for key, size in _sizes(folder / base["file"]).items() if key.startswith(part)}
    training = card.get("training", {})
    runs = [training, *_begun_from(training).values()]
    machines = (run.get("machine") for run in runs)
    time = timings.get(f"{name} alone", {}).get("cpu_ms", {})
    return ModelCost(
        str(card.get("title") or name),
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
        raise CostError(f"The weights {weights} cannot be read: {error}.") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CostError(f"{path} cannot be read: {error}.") from error
    return values
