"""The overview: sizes against PyTorch's own count, figures against the table's, costs against the cards."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion_model.checkpoint import Base, load_card, load_checkpoint, save_checkpoint
from fusion_model.costs import CostError
from fusion_model.evaluation import model_figures
from fusion_model.labels import EXPRESSIONS
from fusion_model.overview import as_frame, as_text, main, overview
from fusion_model.prediction_table import PredictionTable, table_from_frame

Saved = Callable[..., Path]
COST: dict[str, dict[str, Any]] = {
    "cnn": {"minutes": 10.0, "machine": "a", "begun_from": {"cnn": {"minutes": 5.0, "machine": "b"}}},
    "fusion": {
        "minutes": 2.0,
        "machine": "a",
        "begun_from": {
            "longer": {"minutes": 10.0, "begun_from": {"first": {"minutes": 5.0}}},
            "landmarks": {"minutes": 1.5, "machine": "c"},
        },
    },
}


@pytest.fixture
def table() -> PredictionTable:
    """Answers of three models for 60 rows; the overview is asked for two of them."""
    rng = np.random.default_rng(0)
    frame: dict[str, Any] = {
        "row": np.arange(60),
        "split": "PrivateTest",
        "label": np.array(EXPRESSIONS)[rng.integers(0, 7, 60)],
        "mesh_found": 1,
        "copy_in_training": 0,
    }
    for model in ("fusion", "cnn", "gone"):
        shares_NK = rng.dirichlet(np.ones(7), 60)
        frame |= {f"{model}_{label}": shares_NK[:, code] for code, label in enumerate(EXPRESSIONS)}
    return table_from_frame(pd.DataFrame(frame))


@pytest.fixture
def folder(saved_model: Saved) -> Path:
    """A CNN, a fusion model that stores only what it adds to it, and a model that the table does not have."""
    cnn = saved_model("cnn", title="CNN", order=0, training=COST["cnn"])
    saved_model("landmarks")
    fusion = saved_model("fusion", title="Fusion", order=1, training=COST["fusion"])
    network, card = load_checkpoint(fusion)
    network.get_submodule("pixel_branch").load_state_dict(
        load_checkpoint(cnn)[0].get_submodule("pixel_branch").state_dict()
    )
    save_checkpoint(fusion, network, replace(card, base=Base.of(cnn, cnn.parent, "pixel_branch")))
    return cnn.parent


def test_every_model_has_its_figures_sizes_and_costs(folder: Path, table: PredictionTable) -> None:
    timing = {"cpu_ms": {"median": 7.0, "p5": 6.5, "p95": 9.0}}
    latency = folder / "latency.json"
    latency.write_text(json.dumps({"timings": {"cnn alone": timing}}))
    cnn, fusion = overview(table, folder, latency, resamples=50)
    assert [(model.name, model.cost.title, model.cost.base) for model in (cnn, fusion)] == [
        ("cnn", "CNN", ""),
        ("fusion", "Fusion", "cnn"),
    ]
    for model in (cnn, fusion):
        figures = model_figures(table, model.name, resamples=50)
        assert (model.n, model.accuracy, model.macro_f1) == (60, figures.accuracy, figures.macro_f1)
        assert model.f1 == {item.label: item.f1 for item in figures.classes}
        weights = folder / f"{model.name}.safetensors"
        network, _ = load_checkpoint(weights)
        assert model.cost.parameters == sum(parameter.numel() for parameter in network.parameters())
        assert model.cost.file_bytes == weights.stat().st_size
    assert (cnn.cost.latency_ms.value, cnn.cost.latency_ms.low, cnn.cost.latency_ms.high) == (7.0, 6.5, 9.0)
    assert math.isnan(fusion.cost.latency_ms.value)
    assert (cnn.cost.minutes, cnn.cost.minutes_in_all, cnn.cost.machines) == (10.0, 15.0, ("a", "b"))
    assert (fusion.cost.minutes, fusion.cost.minutes_in_all, fusion.cost.machines) == (2.0, 18.5, ("a", "c"))


def test_the_frame_has_a_row_a_model_and_the_text_too(folder: Path, table: PredictionTable) -> None:
    models = overview(table, folder, folder / "none.json", resamples=20)
    frame = as_frame(models)
    assert frame["name"].tolist() == ["cnn", "fusion"]
    assert {"accuracy_low", "macro_f1_high", *(f"f1_{label}" for label in EXPRESSIONS)} <= set(frame.columns)
    assert frame.loc[1, "base"] == "cnn" and frame["latency_ms"].isna().all()
    lines = as_text(models).splitlines()
    assert len(lines) == 3 and lines[2].endswith("on cnn") and " - " in lines[1]


def test_a_card_without_costs_leaves_them_unknown(folder: Path, table: PredictionTable) -> None:
    path = folder / "cnn.safetensors"
    network, _ = load_checkpoint(path)
    card = replace(load_card(path), training={})
    (folder / "fusion.safetensors").unlink()
    save_checkpoint(path, network, card)
    (cnn,) = overview(table, folder, folder / "none.json", resamples=20)
    assert math.isnan(cnn.cost.minutes) and math.isnan(cnn.cost.minutes_in_all) and cnn.cost.machines == ()


@pytest.mark.parametrize("broken", ["cnn.json", "cnn.safetensors", "latency.json"])
def test_what_cannot_be_read_is_named(broken: str, folder: Path, table: PredictionTable) -> None:
    (folder / broken).write_text("{")
    with pytest.raises(CostError, match=broken):
        overview(table, folder, folder / "latency.json", resamples=20)


def test_the_command_tells_the_committed_models(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--csv"]) == 0
    frame = pd.read_csv(StringIO(capsys.readouterr().out))
    assert {"cnn", "fusion"} <= set(frame["name"])
    assert main(["--table", str(tmp_path / "none.csv")]) == 1
    error = capsys.readouterr().err
    assert "none.csv" in error and error.count("\n") == 1
