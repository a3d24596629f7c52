"""The study of landmarks: arms on one pixel branch, controls that control, result files, and their tables."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_model.checkpoint import load_card, load_checkpoint
from fusion_model.classifier import Classifier
from fusion_model.evaluation_report import make_report
from fusion_model.seeds import SEEDS_TABLE
from training import landmark_report, landmark_study
from training.data import Asked
from training.dataset import make_samples
from training.landmark_report import Study
from training.landmark_study import ANSWERS, ARMS, LIMITS, Arms, TrainingError
from training.recipe import Recipe
from training.recipes import RECIPES
from training.scoring import logits_of
from training.train import finish

from .conftest import TinyFer

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def folder(tiny_fer: TinyFer, patched: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds, trained small, and their results."""
    for name in ARMS.values():
        patched.setitem(RECIPES, name, small(name))
    folder = tmp_path_factory.mktemp("study")
    assert landmark_study.main(arguments(tiny_fer, folder)) == 0
    return folder


def small(name: str) -> Callable[[], Recipe]:
    recipe = RECIPES[name]()
    small_mlp = {"hidden": 16, "features": 8, "dropout": 0.0}
    changed = {
        "pixels": {"stem": 4, "stages": [4, 8, 8], "blocks": 1},
        "landmarks": small_mlp,
        "extra": small_mlp,
    }
    config = {key: changed.get(key, value) for key, value in recipe.config.items()}
    made = replace(recipe, config=config, epochs=2, batch=8, sides=(), views=min(recipe.views, 1))
    return lambda: made


def arguments(tiny_fer: TinyFer, folder: Path, *more: str) -> list[str]:
    paths = ["--data", tiny_fer.csv, "--votes", tiny_fer.votes, "--cache", tiny_fer.cache]
    paths += ["--runs", folder / "runs", "--out", folder / "results"]
    return [*map(str, paths), "--seeds", *map(str, SEEDS), *more]


def test_every_seed_answers_for_every_test_picture(folder: Path) -> None:
    answers = pd.read_csv(folder / "results" / ANSWERS)
    assert answers["row"].tolist() == list(range(24, 40))
    expected = [f"{arm}_{seed}" for seed in SEEDS for arm in (*ARMS, "fusion_without_mesh")]
    assert answers.columns.tolist() == ["row", *expected]
    assert answers.drop(columns="row").isin(range(7)).all(axis=None)


def test_the_answers_are_those_of_the_classifier(folder: Path, tiny_fer: TinyFer) -> None:
    """The features of the shared branch, computed once, give what the page would answer."""
    answers = pd.read_csv(folder / "results" / ANSWERS)
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks).select(np.arange(24, 40))
    for arm, mesh in (("cnn", "own"), ("fusion", "own"), ("landmarks", "own"), ("shuffled", "shuffled")):
        weights = folder / "runs" / "seed2" / ARMS[arm] / f"{ARMS[arm]}.safetensors"
        logits_NK = logits_of(Classifier.load(weights), samples.with_mesh(mesh, 2), mirrored=True)
        given_N = answers[f"{arm}_2"].to_numpy()
        # The page may compute in half precision: what it likes best may tie, never be far behind.
        behind_N = logits_NK.max(axis=1) - logits_NK[np.arange(16), given_N]
        assert behind_N.max() < 0.05, arm
        assert np.ptp(logits_NK, axis=1).min() > 0.1, arm


def test_all_arms_of_a_seed_stand_on_its_cnn(folder: Path) -> None:
    branches = {}
    for seed in SEEDS:
        for arm in ("cnn", "fusion", "shuffled", "wider"):
            name = ARMS[arm]
            weights = folder / "runs" / f"seed{seed}" / name / f"{name}.safetensors"
            network, card = load_checkpoint(weights)
            assert card.training["seed"] == seed
            branches[seed, arm] = network.get_submodule("pixel_branch").state_dict()["maps.0.weight"]
            assert torch.equal(branches[seed, arm], branches[seed, "cnn"])
    assert not torch.equal(branches[1, "cnn"], branches[2, "cnn"])
    assert load_card(weights).training["recipe"]["mesh"] == "own"


def test_an_arm_on_another_branch_is_refused(folder: Path, tiny_fer: TinyFer, tmp_path: Path) -> None:
    for name in ARMS.values():
        seed = 2 if name == "fusion_short" else 1
        (tmp_path / name).symlink_to(folder / "runs" / f"seed{seed}" / name)
    with pytest.raises(TrainingError, match="the arm fusion stands on another pixel branch"):
        Arms.load(tmp_path, make_samples(tiny_fer.dataset, tiny_fer.landmarks))


def test_the_arms_share_the_features_of_their_pixels(folder: Path, tiny_fer: TinyFer, tmp_path: Path) -> None:
    """Trained alone, with features of its own, an arm has the same weights."""
    (tmp_path / "cnn_short").symlink_to(folder / "runs" / "seed1" / "cnn_short")
    paths = (tiny_fer.csv, tiny_fer.votes, tiny_fer.cache)
    alone, _ = load_checkpoint(finish("wider_short", *paths, 1, tmp_path / "wider_short"))
    shared, _ = load_checkpoint(folder / "runs" / "seed1" / "wider_short" / "wider_short.safetensors")
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, shared.state_dict()[name]), name


def test_finished_runs_are_not_trained_again_and_results_are_the_same(
    folder: Path, tiny_fer: TinyFer, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [folder / "results" / name for name in (ANSWERS, LIMITS)]
    before = [path.read_bytes() for path in files]
    capsys.readouterr()
    assert landmark_study.main(arguments(tiny_fer, folder)) == 0
    assert "seed" not in capsys.readouterr().out
    assert [path.read_bytes() for path in files] == before


def test_seeds_asked_for_later_are_added_to_the_results(
    folder: Path, tiny_fer: TinyFer, tmp_path: Path
) -> None:
    """On a machine that has the runs of one seed alone, those of the other stay in the files."""
    (tmp_path / "runs").mkdir()
    seeds = [(tmp_path / "runs" / f"seed{seed}", folder / "runs" / f"seed{seed}") for seed in SEEDS]
    whole = {name: pd.read_csv(folder / "results" / name) for name in (ANSWERS, LIMITS)}
    for seed, (link, runs) in zip(SEEDS, seeds, strict=True):
        link.symlink_to(runs)
        assert landmark_study.main([*arguments(tiny_fer, tmp_path)[:-2], str(seed)]) == 0
        link.unlink()
    made = {name: pd.read_csv(tmp_path / "results" / name) for name in (ANSWERS, LIMITS)}
    pd.testing.assert_frame_equal(made[ANSWERS], whole[ANSWERS])
    # The noise before the crop is cut belongs to the first seed asked for: here to both.
    added = made[LIMITS].query("not (what == 'noise_px_whole' and seed == 2)")
    pd.testing.assert_frame_equal(by_seed(added), by_seed(whole[LIMITS]))


def test_results_of_other_pictures_are_not_mixed_in(
    folder: Path, tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").symlink_to(folder / "runs")
    (tmp_path / "results").mkdir()
    other = pd.DataFrame({"row": range(3), "cnn_9": 0})
    other.to_csv(tmp_path / "results" / ANSWERS, index=False)
    assert landmark_study.main(arguments(tiny_fer, tmp_path)) == 1
    assert "is of other pictures" in capsys.readouterr().err
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results" / ANSWERS), other)


def by_seed(limits: pd.DataFrame) -> pd.DataFrame:
    return limits.sort_values(["seed", "what", "level", "arm"], ignore_index=True)


def test_noise_and_missing_meshes_begin_with_the_answers_themselves(folder: Path, tiny_fer: TinyFer) -> None:
    limits = pd.read_csv(folder / "results" / LIMITS)
    answers = pd.read_csv(folder / "results" / ANSWERS).iloc[8:]
    truth_N = tiny_fer.dataset.labels_N[32:]
    assert (limits["n"] == 8).all()
    for row in limits[limits["level"] == 0].itertuples():
        assert row.right == (answers[f"{row.arm}_{row.seed}"] == truth_N).sum(), row
    gone = limits[(limits["what"] == "missing") & (limits["level"] == 1) & (limits["arm"] == "fusion")]
    for row in gone.itertuples():
        assert row.right == (answers[f"fusion_without_mesh_{row.seed}"] == truth_N).sum()
    whole = limits[limits["what"] == "noise_px_whole"]
    assert set(whole["seed"]) == {1} and set(whole["arm"]) == {"cnn", "fusion", "landmarks"}


def study_of(right: dict[str, list[list[int]]], **slices: list[float]) -> Study:
    frame = pd.DataFrame({"label": ["angry", "happy"] * 20, "truth": [0, 3] * 20, **slices})
    arrays = {arm: np.array(right.get(arm, right["cnn"]), bool) for arm in landmark_report.TITLES}
    return Study(frame, arrays, (1, 2), pd.DataFrame())


def test_a_difference_is_the_mean_over_seeds_with_an_interval_over_pictures() -> None:
    # Of 40 pictures fusion is right on 12 more in seed 1, and on 4 more in seed 2.
    cnn = [[1, 1]] * 20 + [[0, 0]] * 20
    fusion = [[1, 1]] * 24 + [[1, 0]] * 8 + [[0, 0]] * 8
    study = study_of({"cnn": cnn, "fusion": fusion})
    value, low, high = study.difference(np.ones(40, bool))
    assert value == pytest.approx(100 * (12 + 4) / 80)
    # Each picture gains 0 (28), 0.5 (8) or 1 (4): standard error of the mean 100 * 0.337 / sqrt(40) = 5.3.
    assert low == pytest.approx(20 - 1.96 * 5.3, abs=2)
    assert high == pytest.approx(20 + 1.96 * 5.3, abs=2)
    assert study.difference(np.arange(40) < 20) == pytest.approx((0, np.nan, np.nan), nan_ok=True)


def test_the_tables_of_the_report_come_from_the_results(
    folder: Path, tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import evaluate

    weights = {
        name: folder / "runs" / "seed1" / recipe / f"{recipe}.safetensors"
        for name, recipe in (("cnn", "cnn_short"), ("fusion", "fusion_short"))
    }
    evaluate.evaluate(Asked(tiny_fer.csv, tiny_fer.votes, tiny_fer.cache), weights, tmp_path)
    table = tmp_path / "fer2013_predictions.csv.gz"
    study = Study.read(folder / "results", table)
    monkeypatch.setattr(Study, "read", lambda: study)
    assert len(study.frame) == 8
    report = make_report(table, "PrivateTest")
    texts = {name: block(report) for name, block in landmark_report.BLOCKS.items()}
    accuracy = 100 * study.right["fusion"][:, 1].mean()
    (row,) = (line for line in texts["landmarks-seeds"].splitlines() if line.startswith("| 2 |"))
    assert row.split(" | ")[2] == f"{accuracy:.1f}"
    assert "| mesh found | 7 |" in texts["landmarks-slices"]
    assert "| no mesh | 1 |" in texts["landmarks-slices"]
    assert texts["landmarks-missing"].count("\n") == 2 + len(landmark_study.MISSING)
    assert all("nan" not in text for text in texts.values())


def test_the_table_of_seeds_in_the_package_is_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "landmark_seeds.csv"
    monkeypatch.setattr(landmark_report, "SEEDS_TABLE", written)
    assert landmark_report.main() == 0
    assert written.read_bytes() == SEEDS_TABLE.read_bytes()
