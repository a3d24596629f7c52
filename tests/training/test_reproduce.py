"""One command from the Kaggle file to the tables, which can be stopped and repeated."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fusion_model.checkpoint import load_card
from fusion_model.prediction_table import read_table
from training import london, reproduce
from training.landmark_study import ANSWERS, ARMS
from training.recipe import Recipe
from training.recipes import RECIPES

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS, TinyFer


@pytest.fixture
def small_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*reproduce.ORDER, *ARMS.values()}:
        monkeypatch.setitem(RECIPES, name, small(name))


def small(name: str) -> Callable[[], Recipe]:
    recipe = RECIPES[name]()
    changed = {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "extra": SMALL_LANDMARKS}
    config = {key: changed.get(key, value) for key, value in recipe.config.items()}
    made = replace(recipe, config=config, epochs=1, batch=8, sides=(), views=min(recipe.views, 1))
    return lambda: made


@pytest.mark.usefixtures("small_recipes")
def test_all_tables_are_made_and_a_second_time_nothing_is_trained(
    tiny_fer: TinyFer, astronaut: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = tmp_path / "london"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "001_08.jpg"), astronaut[:, :, ::-1])
    rows = [",".join(london.COLUMNS), "001_08.jpg,happy,1,35,female,white"]
    (photographs / "labels.csv").write_text("\n".join(rows) + "\n")
    runs = tmp_path / "runs"
    paths = ["--data", tiny_fer.csv, "--votes", tiny_fer.votes, "--cache", tiny_fer.cache, "--runs", runs]
    paths += ["--london", photographs]
    arguments = [*map(str, paths), "--seeds", "1", "2"]
    assert reproduce.main(arguments) == 0
    told = capsys.readouterr().out
    assert "cnn, PrivateTest: " in told and "% in the package" in told
    table = read_table(runs / "evaluation" / reproduce.TABLE)
    assert table.models == ("cnn", "fusion")
    assert load_card(runs / "fusion" / "fusion.safetensors").training["seed"] == reproduce.SEED
    assert len(read_table(runs / "evaluation" / london.TABLE.name)) == 1
    answers = pd.read_csv(runs / "evaluation" / ANSWERS)
    assert {"fusion_1", "fusion_2"} <= set(answers)

    written = (runs / "fusion" / "fusion.safetensors").stat().st_mtime_ns
    (runs / "landmarks" / "landmarks.safetensors").unlink()  # killed before it was written
    assert reproduce.main([*arguments, "--without-study"]) == 0
    assert "landmarks, seed 0, resumed" in capsys.readouterr().out
    assert (runs / "fusion" / "fusion.safetensors").stat().st_mtime_ns == written


def test_data_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ["--data", tmp_path / "none.csv", "--votes", tmp_path / "votes.csv", "--runs", tmp_path]
    assert reproduce.main(list(map(str, paths))) == 1
    assert "none.csv" in capsys.readouterr().err
