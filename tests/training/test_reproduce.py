"""One command from the Kaggle file to the tables, which can be stopped and repeated."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fusion_model.backbones import ARCHITECTURES
from fusion_model.catalogue import available_models
from fusion_model.checkpoint import load_card
from fusion_model.costs import LATENCY
from fusion_model.prediction_table import read_table
from training import (
    census,
    evaluate,
    explain_checks,
    figures,
    london,
    mesh_drawings,
    own_examples,
    photographs,
    reproduce,
    rough,
    surroundings,
    trust,
)
from training.landmark_study import ANSWERS, ARMS
from training.publish import TITLES
from training.published import PUBLISHED, missing, weights_of
from training.recipe import Recipe
from training.recipes import RECIPES

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS, TinyFer


@pytest.fixture
def small_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    backbones = reproduce.backbone_recipes("short").values()
    made = missing(PUBLISHED.values())
    for name in {*made, *ARMS.values(), *backbones}:
        monkeypatch.setitem(RECIPES, name, small(name))


def small(name: str) -> Callable[[], Recipe]:
    recipe = RECIPES[name]()
    changed = {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "extra": SMALL_LANDMARKS}
    config = {key: changed.get(key, value) for key, value in recipe.config.items()}
    changes = {name: min(getattr(recipe, name), 1) for name in ("epochs", "views", "averaging")}
    made = replace(recipe, config=config, batch=8, sides=(), **changes)
    return lambda: made


@pytest.mark.usefixtures("small_recipes")
def test_all_tables_are_made_and_a_second_time_nothing_is_trained(
    tiny_fer: TinyFer,
    tiny_fairface: Path,
    astronaut: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    studio = tmp_path / "london"
    studio.mkdir()
    cv2.imwrite(str(studio / "001_08.jpg"), astronaut[:, :, ::-1])
    rows = [",".join(london.COLUMNS), "001_08.jpg,happy,1,35,female,white"]
    (studio / "labels.csv").write_text("\n".join(rows) + "\n")
    runs = tmp_path / "runs"
    paths = ["--data", tiny_fer.csv, "--votes", tiny_fer.votes, "--cache", tiny_fer.cache, "--runs", runs]
    paths += ["--london", studio, "--photographs", tiny_fairface]
    arguments = [*map(str, paths), "--seeds", "1", "2"]
    assert reproduce.main(arguments) == 0
    told = capsys.readouterr().out
    assert "cnn, PrivateTest: " in told and "% in the package" in told
    table = read_table(runs / "evaluation" / reproduce.TABLE)
    assert table.models == ("cnn", "fusion")
    fusion = weights_of(PUBLISHED["fusion"], runs)
    assert load_card(fusion).training["seed"] == reproduce.SEED
    assert len(read_table(runs / "evaluation" / london.TABLE.name)) == 1
    answers = pd.read_csv(runs / "evaluation" / ANSWERS)
    assert {"fusion_1", "fusion_2"} <= set(answers)

    for module in (rough, photographs):
        counted = pd.read_csv(runs / "evaluation" / module.RESULT.name)
        assert list(counted["model"].unique()) == ["cnn", "fusion"]

    written = fusion.stat().st_mtime_ns
    (runs / "landmarks" / "landmarks.safetensors").unlink()  # what only a finished run was made of
    assert reproduce.main([*arguments, "--without-study"]) == 0
    assert "seed 0" not in capsys.readouterr().out
    assert fusion.stat().st_mtime_ns == written
    fusion.unlink()  # killed before it was written
    assert reproduce.main([*arguments, "--without-study"]) == 0
    told = capsys.readouterr().out
    assert told.index("landmarks, seed 0, resumed") < told.index(f"{PUBLISHED['fusion']}, seed 0, resumed")
    assert "cnn" not in {line.split(": ")[1].split(",")[0] for line in told.splitlines() if "seed 0" in line}


def test_data_that_are_not_there_are_named(
    tiny_fairface: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ["--data", tmp_path / "none.csv", "--votes", tmp_path / "votes.csv", "--runs", tmp_path]
    paths += ["--photographs", tiny_fairface, "--cache", tmp_path]
    assert reproduce.main(list(map(str, paths))) == 1
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.usefixtures("small_recipes")
def test_photographs_are_asked_for_before_anything_is_trained(
    tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    paths = ["--data", tiny_fer.csv, "--votes", tiny_fer.votes, "--cache", tiny_fer.cache, "--runs", runs]
    assert reproduce.main(list(map(str, paths))) == 1
    assert "learns from photographs too: --photographs" in capsys.readouterr().err
    (tmp_path / "other.npz").write_bytes(b"")
    assert reproduce.main([*map(str, paths), "--photographs", str(tmp_path / "other.npz")]) == 1
    assert "no packed FairFace" in capsys.readouterr().err
    assert not runs.exists()


@pytest.mark.usefixtures("small_recipes")
def test_backbones_are_made_and_all_models_published_together(
    tiny_fer: TinyFer,
    tiny_fairface: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assets, runs = tmp_path / "assets", tmp_path / "runs"
    assets.mkdir()
    for module in (evaluate, reproduce):
        monkeypatch.setattr(module, "ASSETS", assets)
    measured: dict[str, list[str]] = {}
    others = (trust, mesh_drawings, census, explain_checks, own_examples, figures)
    for module in (surroundings, rough, photographs, *others):
        name = module.__name__.rpartition(".")[2]
        monkeypatch.setattr(
            module, "main", lambda arguments, name=name: measured.update({name: arguments}) or 0
        )
    monkeypatch.setattr(reproduce, "time_faces", lambda: measured.update(time_faces=[]) or 0)
    paths = ["--data", tiny_fer.csv, "--votes", tiny_fer.votes, "--cache", tiny_fer.cache, "--runs", runs]
    arguments = [*map(str, paths), "--without-study", "--publish"]
    assert reproduce.main([*arguments, "--photographs", str(tiny_fairface)]) == 0
    assert read_table(assets / reproduce.TABLE).models == ("cnn", "fusion")
    assert list(measured) == [
        *(
            "surroundings",
            "rough",
            "photographs",
            "trust",
            "mesh_drawings",
            "census",
            "explain_checks",
            "own_examples",
        ),
        *("time_faces", "figures"),  # the texts last: they tell of all the others
    ]
    assert measured["own_examples"][0] == "contempt"  # the other one needs the London set

    trained = capsys.readouterr().out
    assert "cnn, seed 0" in trained
    assert reproduce.main([*arguments, "--backbones"]) == 0
    trained = capsys.readouterr().out
    assert "cnn, seed 0" not in trained  # what is finished is kept
    expected = [f"{name}{end}" for name in reproduce.BACKBONES for end in ("", "_fusion")]
    assert [
        line.split(", seed")[0].split(": ")[1] for line in trained.splitlines() if ", seed 0" in line
    ] == [f"{name}_short" for name in expected]
    assert available_models(assets) == (
        *("cnn", "fusion", "mobilenet_v2", "mobilenet_v2_fusion", "resnet50", "resnet50_fusion"),
        *("inception_v3", "inception_v3_fusion"),
    )
    table = read_table(assets / reproduce.TABLE)
    assert set(table.models) == {"cnn", "fusion", *expected}
    card = load_card(assets / "resnet50_fusion.safetensors")
    assert card.title == "ResNet50 fusion" and card.base is not None
    assert card.base.file == "resnet50.safetensors"
    for name in ("surroundings", "rough"):
        assert [text.split("=")[0] for text in measured[name][-2:]] == ["cnn", "fusion"]
    assert set(measured["trust"][-1].split(",")) == set(table.models)

    assert measured["photographs"][0] == str(tiny_fairface)
    assert [text.split("=")[0] for text in measured["photographs"][1:3]] == ["cnn", "fusion"]
    assert measured["photographs"][-1] == str(photographs.RESULT)

    # Those that are not made anew keep their answers. Photographs are measured on where they are given.
    measured.clear()
    assert reproduce.main(arguments) == 0
    assert "rough" in measured and "photographs" not in measured
    again = read_table(assets / reproduce.TABLE)
    assert set(again.models) == set(table.models)
    np.testing.assert_array_equal(again.probabilities("resnet50"), table.probabilities("resnet50"))
    assert measured["trust"][-1] == "cnn,fusion"


def test_a_face_is_timed_in_processes_of_their_own_until_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3 if "bfloat16" in command else 0)

    monkeypatch.setattr(reproduce.subprocess, "run", run)
    assert reproduce.time_faces() == 3
    assert [command[:3] for command in commands] == [[sys.executable, "-m", "fusion_model.benchmark"]] * 2
    assert "all" in commands[0] and str(LATENCY) in commands[0]
    assert commands[1][-1].endswith("latency_bfloat16.json") and Path(commands[1][-1]).exists()


def test_every_backbone_has_a_recipe_of_either_budget() -> None:
    assert reproduce.backbone_recipes(None) == {}
    assert set(reproduce.BACKBONES) == set(ARCHITECTURES)
    for budget in reproduce.BUDGETS:
        recipes = reproduce.backbone_recipes(budget)
        assert set(recipes.values()) <= set(RECIPES) and set(recipes) <= set(TITLES)
        for name, recipe in recipes.items():
            base = RECIPES[recipe]().parts.get("pixel_branch")
            assert base is None or base == recipes[name.removesuffix("_fusion")]
