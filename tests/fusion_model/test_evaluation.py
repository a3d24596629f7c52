"""Figures of a prediction table against scikit-learn and statsmodels, by hand, and through the command."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn import metrics
from sklearn.calibration import calibration_curve
from statsmodels.stats.contingency_tables import mcnemar

from fusion_model.conformal import conformal_figures, sets_of_split
from fusion_model.evaluation import Interval, compare_models, model_figures
from fusion_model.evaluation_report import main, make_report
from fusion_model.ferplus import ferplus_figures
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import (
    PredictionTable,
    TableError,
    of_split,
    table_from_frame,
    without_copies,
    write_table,
)

ROOT = Path(__file__).parents[2]


def table_of(
    truth: list[str], labels: tuple[str, ...], answers: dict[str, np.ndarray], **columns: Any
) -> PredictionTable:
    """A table of the given true labels and, per model, (N, K) probabilities."""
    fixed: dict[str, Any] = {"row": range(len(truth)), "split": "PrivateTest", "label": truth}
    fixed |= {"mesh_found": 1, "copy_in_training": 0, **columns}
    for model, values_NK in answers.items():
        fixed |= {f"{model}_{label}": values_NK[:, code] for code, label in enumerate(labels)}
    return table_from_frame(pd.DataFrame(fixed), labels)


def random_table(n: int, seed: int = 0, labels: tuple[str, ...] = EXPRESSIONS) -> PredictionTable:
    """Models that are right more often than not, on classes of unequal size."""
    rng = np.random.default_rng(seed)
    shares_K = np.arange(1, len(labels) + 1) / sum(range(len(labels) + 1))
    truth_N = rng.choice(len(labels), n, p=shares_K)
    answers = {}
    for model in ("cnn", "fusion"):
        logits_NK = rng.normal(size=(n, len(labels))) * 1.5
        logits_NK[np.arange(n), truth_N] += 2
        odds_NK = np.exp(logits_NK)
        answers[model] = odds_NK / odds_NK.sum(axis=1, keepdims=True)
    splits = rng.choice(["PublicTest", "PrivateTest"], n)
    copies = rng.random(n) < 0.1
    names = [labels[code] for code in truth_N]
    return table_of(names, labels, answers, split=splits, copy_in_training=copies)


def sure(labels: tuple[str, ...], answers: list[str]) -> np.ndarray:
    """(N, K) probabilities of a model that is always certain."""
    return np.array([[float(label == answer) for label in labels] for answer in answers])


# By hand


def test_a_worked_example() -> None:
    labels = ("cat", "dog", "owl")
    truth = ["cat", "cat", "cat", "cat", "dog", "dog", "owl", "owl"]
    answers = ["cat", "cat", "cat", "dog", "dog", "cat", "owl", "dog"]
    figures = model_figures(table_of(truth, labels, {"m": sure(labels, answers)}), "m")
    assert figures.model == "m" and figures.n == 8
    assert figures.confusion_KK.tolist() == [[3, 1, 0], [1, 1, 0], [0, 1, 1]]
    assert figures.accuracy.value == pytest.approx(5 / 8)
    assert figures.balanced_accuracy.value == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    cat, dog, owl = figures.classes
    assert (cat.label, cat.support, dog.support, owl.support) == ("cat", 4, 2, 2)
    assert [entry.precision.value for entry in (cat, dog, owl)] == pytest.approx([3 / 4, 1 / 3, 1])
    assert [entry.recall.value for entry in (cat, dog, owl)] == pytest.approx([3 / 4, 1 / 2, 1 / 2])
    assert [entry.f1.value for entry in (cat, dog, owl)] == pytest.approx([3 / 4, 2 / 5, 2 / 3])
    assert figures.macro_f1.value == pytest.approx((3 / 4 + 2 / 5 + 2 / 3) / 3)
    assert figures.weighted_f1.value == pytest.approx((4 * 3 / 4 + 2 * 2 / 5 + 2 * 2 / 3) / 8)
    assert figures.ece == pytest.approx(3 / 8)  # always certain, right on 5 of 8
    assert figures.brier == pytest.approx(2 * 3 / 8)  # each mistake costs 1 + 1
    assert figures.nll == pytest.approx(-np.log(5e-6) * 3 / 8)


def test_calibration_error_of_two_bins_by_hand() -> None:
    labels = ("no", "yes")
    p_yes = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    truth = ["yes", "yes", "yes", "no", "no", "no"]
    table = table_of(truth, labels, {"m": np.column_stack([1 - p_yes, p_yes])})
    # Four rows say .9 and three of them are right; two say .6 and none is.
    assert model_figures(table, "m").ece == pytest.approx((abs(3 - 3.6) + abs(0 - 1.2)) / 6)


def test_two_models_compared_by_hand() -> None:
    labels = ("cat", "dog")
    truth = ["cat"] * 20
    first = ["cat"] * 12 + ["dog"] * 8
    second = ["cat"] * 10 + ["dog"] * 2 + ["cat"] * 7 + ["dog"]
    answers = {"first": sure(labels, first), "second": sure(labels, second)}
    comparison = compare_models(table_of(truth, labels, answers), "first", "second")
    assert (comparison.first, comparison.second, comparison.n) == ("first", "second", 20)
    outcomes = (comparison.both_right, comparison.only_first, comparison.only_second, comparison.both_wrong)
    assert outcomes == (10, 2, 7, 1)
    assert comparison.difference.value == pytest.approx(5 / 20)
    assert comparison.agreement == pytest.approx(11 / 20)
    # Two of nine or fewer, both sides: 2 (1 + 9 + 36) / 2^9.
    assert comparison.mcnemar_p == pytest.approx(92 / 512)


def test_agreement_counts_the_same_wrong_answer_and_not_two_different_ones() -> None:
    labels = ("cat", "dog", "owl")
    answers = {"a": sure(labels, ["dog", "dog"]), "b": sure(labels, ["dog", "owl"])}
    comparison = compare_models(table_of(["cat", "cat"], labels, answers), "a", "b")
    assert (comparison.both_wrong, comparison.agreement) == (2, 0.5)
    assert comparison.mcnemar_p == 1
    assert comparison.difference == Interval(0, 0, 0)


# Undefined figures


def test_a_class_never_answered_has_precision_zero_as_in_scikit_learn() -> None:
    labels = ("cat", "dog")
    truth, answers = ["cat", "cat", "dog"], ["cat", "cat", "cat"]
    dog = model_figures(table_of(truth, labels, {"m": sure(labels, answers)}), "m").classes[1]
    expected = metrics.precision_score(truth, answers, labels=labels, average=None, zero_division=0)
    assert dog.precision.value == expected[1] == 0
    assert (dog.recall.value, dog.f1.value) == (0, 0)


def test_a_class_without_rows_has_no_recall_and_one_never_seen_has_no_figures() -> None:
    labels = ("cat", "dog", "owl")
    truth, answers = ["cat", "cat", "cat"], ["cat", "cat", "dog"]
    figures = model_figures(table_of(truth, labels, {"m": sure(labels, answers)}), "m")
    _, dog, owl = figures.classes
    assert (dog.support, dog.precision.value, dog.f1.value) == (0, 0, 0)
    assert np.isnan([dog.recall.value, dog.recall.low, dog.recall.high]).all()
    assert np.isnan([owl.precision.value, owl.recall.value, owl.f1.value, owl.f1.low]).all()
    assert figures.macro_f1.value == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    assert figures.balanced_accuracy.value == pytest.approx(2 / 3)


def test_no_rows_left_is_a_sentence() -> None:
    table = random_table(10)
    empty = table.select(np.zeros(10, dtype=bool))
    with pytest.raises(TableError, match="No rows are left"):
        model_figures(empty, "cnn")
    with pytest.raises(TableError, match="No rows are left"):
        compare_models(empty, "cnn", "fusion")
    with pytest.raises(TableError, match="no model 'vgg'"):
        compare_models(table, "cnn", "vgg")
    with pytest.raises(ValueError, match="at least one resample"):
        model_figures(table, "cnn", resamples=0)


# Against scikit-learn and statsmodels


@pytest.mark.parametrize("labels", [EXPRESSIONS, ("no", "yes"), tuple("abcdefghijkl")])
@pytest.mark.parametrize("n", [8, 60, 3589])
def test_every_value_is_that_of_scikit_learn(labels: tuple[str, ...], n: int) -> None:
    table = random_table(n, seed=n, labels=labels)
    figures = model_figures(table, "fusion", resamples=20)
    truth_N, p_NK = table.truth(), table.probabilities("fusion")
    answer_N, codes = p_NK.argmax(axis=1), range(len(labels))
    assert np.array_equal(figures.confusion_KK, metrics.confusion_matrix(truth_N, answer_N, labels=codes))
    assert figures.accuracy.value == pytest.approx(metrics.accuracy_score(truth_N, answer_N))
    recall_of_shown = metrics.recall_score(truth_N, answer_N, labels=np.unique(truth_N), average="macro")
    assert figures.balanced_accuracy.value == pytest.approx(recall_of_shown)
    assert figures.macro_f1.value == pytest.approx(metrics.f1_score(truth_N, answer_N, average="macro"))
    assert figures.weighted_f1.value == pytest.approx(metrics.f1_score(truth_N, answer_N, average="weighted"))
    ours = np.array([[c.precision.value, c.recall.value, c.f1.value] for c in figures.classes]).T
    *theirs, support = metrics.precision_recall_fscore_support(
        truth_N, answer_N, labels=codes, zero_division=0
    )
    assert np.allclose(np.nan_to_num(ours), theirs)
    assert [entry.support for entry in figures.classes] == support.tolist()
    one_hot_NK = np.eye(len(labels))[truth_N]
    assert figures.brier == pytest.approx(len(labels) * metrics.mean_squared_error(one_hot_NK, p_NK))
    assert figures.nll == pytest.approx(metrics.log_loss(truth_N, p_NK, labels=codes), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_balanced_accuracy_and_brier_by_their_own_names(seed: int) -> None:
    table = random_table(400, seed)
    figures = model_figures(table, "cnn", resamples=20)
    truth_N, p_NK = table.truth(), table.probabilities("cnn")
    expected = metrics.balanced_accuracy_score(truth_N, p_NK.argmax(axis=1))
    assert figures.balanced_accuracy.value == pytest.approx(expected)
    assert figures.brier == pytest.approx(metrics.brier_score_loss(truth_N, p_NK, labels=range(7)))


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_that_of_scikit_learns_reliability_curve(seed: int) -> None:
    table = random_table(700, seed)
    p_NK = table.probabilities("cnn").round(2)  # puts many a value right on an edge between bins
    p_NK[:, 0] += 1 - p_NK.sum(axis=1)
    p_NK = np.clip(p_NK, 0, 1)
    table = table_of(
        table.frame["label"].tolist(), EXPRESSIONS, {"m": p_NK / p_NK.sum(axis=1, keepdims=True)}
    )
    p_NK = table.probabilities("m")
    confidence_N = p_NK.max(axis=1)
    right_N = p_NK.argmax(axis=1) == table.truth()
    shares, means = calibration_curve(right_N, confidence_N, n_bins=15, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence_N)
    weights = np.bincount(bins)[np.bincount(bins) > 0] / len(table)
    assert model_figures(table, "m", resamples=5).ece == pytest.approx((weights * abs(shares - means)).sum())


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_is_that_of_statsmodels_and_of_the_binomial(seed: int) -> None:
    table = random_table(60 * 4**seed, seed)
    comparison = compare_models(table, "cnn", "fusion", resamples=20)
    right = [table.predicted(model) == table.truth() for model in ("cnn", "fusion")]
    crossed = pd.crosstab(*right).to_numpy()
    assert comparison.mcnemar_p == pytest.approx(mcnemar(crossed, exact=True).pvalue)
    fewer = min(comparison.only_first, comparison.only_second)
    by_hand = 2 * binom.cdf(fewer, comparison.only_first + comparison.only_second, 0.5)
    assert comparison.mcnemar_p == pytest.approx(min(1, by_hand))


# Intervals


def test_intervals_are_those_of_resampling_the_rows() -> None:
    table = random_table(400, seed=5)
    figures = model_figures(table, "cnn", resamples=4000)
    truth_N, answer_N = table.truth(), table.predicted("cnn")
    rng = np.random.default_rng(11)
    drawn = []
    for _ in range(1000):
        rows = rng.integers(0, len(table), len(table))
        truth, answer = truth_N[rows], answer_N[rows]
        scores = metrics.precision_recall_fscore_support(truth, answer, labels=range(7), zero_division=0)
        precision_K, recall_K, f1_K, support_K = scores
        overall = [
            np.mean(truth == answer),
            recall_K.mean(),
            f1_K.mean(),
            np.average(f1_K, weights=support_K),
        ]
        drawn.append([*overall, *precision_K, *recall_K, *f1_K])
    low_F, high_F = np.percentile(drawn, [2.5, 97.5], axis=0)
    ours = [figures.accuracy, figures.balanced_accuracy, figures.macro_f1, figures.weighted_f1]
    for part in ("precision", "recall", "f1"):
        ours += [getattr(entry, part) for entry in figures.classes]
    width_F = high_F - low_F
    assert (np.abs(np.array([entry.low for entry in ours]) - low_F) < 0.1 * width_F + 0.004).all()
    assert (np.abs(np.array([entry.high for entry in ours]) - high_F) < 0.1 * width_F + 0.004).all()


def test_the_interval_of_accuracy_is_the_binomial_one() -> None:
    table = random_table(3589, seed=2)
    accuracy = model_figures(table, "cnn", resamples=20_000).accuracy
    low, high = binom.ppf([0.025, 0.975], 3589, accuracy.value) / 3589
    assert (accuracy.low, accuracy.high) == pytest.approx((low, high), abs=6e-4)


def test_the_paired_interval_is_that_of_resampling_the_pairs() -> None:
    table = random_table(800, seed=4)
    comparison = compare_models(table, "cnn", "fusion", resamples=20_000)
    gain_N = 1.0 * (table.predicted("fusion") == table.truth()) - (table.predicted("cnn") == table.truth())
    rows = np.random.default_rng(1).integers(0, 800, (20_000, 800))
    low, high = np.percentile(gain_N[rows].mean(axis=1), [2.5, 97.5])
    assert (comparison.difference.low, comparison.difference.high) == pytest.approx((low, high), abs=2.6e-3)
    assert comparison.difference.value == pytest.approx(gain_N.mean())


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    table = random_table(300)
    assert model_figures(table, "cnn").macro_f1 == model_figures(table, "cnn").macro_f1
    assert model_figures(table, "cnn").macro_f1 != model_figures(table, "cnn", seed=1).macro_f1


def test_swapping_the_models_turns_the_comparison_round() -> None:
    table = random_table(500)
    there, back = compare_models(table, "cnn", "fusion"), compare_models(table, "fusion", "cnn")
    assert there.difference.value == -back.difference.value
    assert (there.only_first, there.mcnemar_p) == (back.only_second, back.mcnemar_p)


# Slices

TABLE = random_table(80, seed=9)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), min_size=80, max_size=80).map(np.array))
def test_the_parts_of_a_table_add_up_to_the_whole(mask_N: np.ndarray) -> None:
    whole = model_figures(TABLE, "cnn", resamples=5)
    parts = [TABLE.select(part_N) for part_N in (mask_N, ~mask_N) if part_N.any()]
    figures = [model_figures(part, "cnn", resamples=5) for part in parts]
    assert sum(part.n for part in figures) == whole.n
    assert np.array_equal(sum(part.confusion_KK for part in figures), whole.confusion_KK)
    for name in ("brier", "nll"):
        weighted = sum(getattr(part, name) * part.n for part in figures) / whole.n
        assert weighted == pytest.approx(getattr(whole, name))
    assert sum(part.accuracy.value * part.n for part in figures) / whole.n == pytest.approx(
        whole.accuracy.value
    )


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(80)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    shuffled = table_from_frame(TABLE.frame.iloc[order])
    ours, theirs = (model_figures(table, "cnn", resamples=50) for table in (TABLE, shuffled))
    assert ours.classes == theirs.classes and ours.macro_f1 == theirs.macro_f1
    assert ours.ece == pytest.approx(theirs.ece)


def test_the_confusion_matrix_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        model_figures(TABLE, "cnn").confusion_KK[0, 0] = 1


def test_figures_of_a_full_test_split_take_under_30_ms() -> None:
    table = random_table(3589)
    times = []
    for _ in range(15):
        start = time.process_time()
        model_figures(table, "cnn", resamples=1000)
        times.append(time.process_time() - start)
    assert min(times) < 0.030  # the fastest of them: the machine may be busy


# The command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "faces.csv.gz"
    write_table(random_table(300, seed=7), path)
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "fusion_model.evaluation", *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_json_holds_the_figures_of_the_table(path: Path) -> None:
    done = run("--json", "--table", path)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["labels"] == list(EXPRESSIONS)
    assert list(report["splits"]) == ["PrivateTest"]
    part = report["splits"]["PrivateTest"]
    assert list(part["models"]) == ["cnn", "fusion"]
    table = of_split(random_table(300, seed=7), "PrivateTest")
    for rows, entry in (
        (table, part["models"]["cnn"]),
        (without_copies(table), part["models"]["cnn"]["without_copies"]),
    ):
        figures = model_figures(rows, "cnn")
        assert entry["n"] == figures.n == len(rows)
        assert entry["confusion"] == figures.confusion_KK.tolist()
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1"):
            interval = getattr(figures, name)
            assert entry[name] == pytest.approx(
                {"value": interval.value, "low": interval.low, "high": interval.high}, rel=1e-5
            )
        assert entry["ece"] == pytest.approx(figures.ece, rel=1e-3)  # five decimals in the file
        assert entry["brier"] == pytest.approx(figures.brier, rel=1e-3)
        assert entry["nll"] == pytest.approx(figures.nll, rel=1e-3)
        assert list(entry["per_class"]) == list(EXPRESSIONS)
        assert entry["per_class"]["sad"]["support"] == figures.classes[4].support
        assert entry["per_class"]["sad"]["f1"]["value"] == pytest.approx(
            figures.classes[4].f1.value, rel=1e-5
        )
    assert part["models"]["cnn"]["no_tta"] is None
    comparison = compare_models(table, "cnn", "fusion")
    assert part["comparison"]["mcnemar_p"] == pytest.approx(comparison.mcnemar_p, rel=1e-5)
    assert part["comparison"]["only_second"] == comparison.only_second
    assert part["comparison"]["without_copies"]["n"] == len(without_copies(table))


def test_the_sibling_table_gives_the_figures_without_tta(path: Path) -> None:
    table = random_table(300, seed=7)
    swapped = table.frame.rename(columns=lambda name: name.replace("cnn_", "x_").replace("fusion_", "cnn_"))
    write_table(table_from_frame(swapped), path.with_name("faces_no_tta.csv.gz"))
    models = make_report(path)["splits"]["PrivateTest"]["models"]
    assert models["cnn"]["no_tta"]["accuracy"] == models["fusion"]["accuracy"]
    assert models["cnn"]["no_tta"]["without_copies"]["n"] == models["cnn"]["without_copies"]["n"]
    assert models["fusion"]["no_tta"] is None  # the sibling has no such model

    write_table(table.select(table.frame["row"].to_numpy() != 5), path.with_name("faces_no_tta.csv.gz"))
    with pytest.raises(
        TableError, match=r"faces_no_tta\.csv\.gz has other rows in .*; write both tables again"
    ):
        make_report(path, "all")


def test_all_splits_are_reported_each_by_itself(path: Path) -> None:
    splits = make_report(path, "all")["splits"]
    assert sorted(splits) == ["PrivateTest", "PublicTest"]
    assert sum(part["models"]["cnn"]["n"] for part in splits.values()) == 300
    assert splits["PublicTest"] == make_report(path, "PublicTest")["splits"]["PublicTest"]


def test_undefined_figures_are_null_in_json_and_dashes_in_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = random_table(200)
    happy = table.select((table.frame["label"] == "happy").to_numpy(dtype=bool))
    only = table_from_frame(happy.frame.assign(copy_in_training=1, split="mine").filter(regex="^(?!fusion)"))
    write_table(only, tmp_path / "own.csv")
    part = make_report(tmp_path / "own.csv", "mine")["splits"]["mine"]
    assert part["models"]["cnn"]["per_class"]["sad"]["recall"] == {"value": None, "low": None, "high": None}
    assert part["models"]["cnn"]["without_copies"] is None
    assert part["comparison"] is None
    assert main(["--table", str(tmp_path / "own.csv"), "--split", "mine"]) == 0
    sad = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  sad"))
    assert sad.split()[:1] == ["sad"] and " - " in sad


def test_text_tells_both_models_and_the_comparison(path: Path) -> None:
    write_table(random_table(300, seed=7), path.with_name("faces_no_tta.csv.gz"))
    done = run("--table", path, "--split", "all")
    assert (done.returncode, done.stderr) == (0, "")
    figures = model_figures(of_split(random_table(300, seed=7), "PrivateTest"), "cnn")
    assert f"{100 * figures.accuracy.value:.1f} ({100 * figures.accuracy.low:.1f}-" in done.stdout
    for part in ("PublicTest", "PrivateTest", "without copies", "without TTA", "without either", "surprise"):
        assert part in done.stdout
    assert "fusion minus cnn" in done.stdout and "exact McNemar p = " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_every_other_model_is_compared_with_the_first(tmp_path: Path) -> None:
    table = random_table(200)
    third = {f"mobilenet_v2_fusion_{label}": table.frame[f"fusion_{label}"] for label in table.labels}
    write_table(table_from_frame(table.frame.assign(**third)), tmp_path / "three.csv")
    part = make_report(tmp_path / "three.csv", "PrivateTest")["splits"]["PrivateTest"]
    pairs = [(pair["first"], pair["second"]) for pair in part["comparisons"]]
    assert pairs == [("cnn", "fusion"), ("cnn", "mobilenet_v2_fusion")]
    assert part["comparison"] == part["comparisons"][0]
    done = run("--table", tmp_path / "three.csv")
    assert "mobilenet_v2_fusion minus cnn" in done.stdout and "fusion minus cnn" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_sets_are_reported_for_every_level_with_and_without_copies(path: Path) -> None:
    table = random_table(300, seed=7)
    for split in ("PrivateTest", "PublicTest"):
        rows = of_split(table, split)
        kept_N = (rows.frame["copy_in_training"] == 0).to_numpy(dtype=bool)
        entry = make_report(path, split)["splits"][split]["models"]["cnn"]
        assert list(entry["conformal"]) == ["0.8", "0.9", "0.95"]
        sets_NK = sets_of_split(table, split, "cnn", 0.9)
        for mask_N, part in ((kept_N | True, entry), (kept_N, entry["without_copies"])):
            figures = conformal_figures(sets_NK[mask_N], rows.truth()[mask_N], EXPRESSIONS, 0.9)
            told = part["conformal"]["0.9"]
            assert told["n"] == figures.n == part["n"]
            assert told["coverage"]["low"] == pytest.approx(figures.coverage.low, rel=1e-5)
            assert told["mean_size"] == pytest.approx(figures.mean_size, rel=1e-5)
            assert told["size_shares"] == pytest.approx(figures.size_shares, rel=1e-5)
            sad = told["per_class"]["sad"]
            assert sad["coverage"]["value"] == pytest.approx(figures.classes[4].coverage.value, rel=1e-5)
            assert sad["support"] == figures.classes[4].support


def test_sets_need_public_test_and_enough_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = random_table(300, seed=7)
    split_N = table.frame["split"].to_numpy()
    few_N = (split_N == "PrivateTest") | (np.cumsum(split_N == "PublicTest") <= 12)
    for mask_N, levels in ((split_N == "PrivateTest", None), (few_N, ["0.8", "0.9"])):
        write_table(table.select(mask_N), tmp_path / "own.csv")
        conformal = make_report(tmp_path / "own.csv")["splits"]["PrivateTest"]["models"]["cnn"]["conformal"]
        assert (conformal and list(conformal)) == levels
    assert main(["--table", str(tmp_path / "own.csv")]) == 0
    sets = capsys.readouterr().out.split("prediction sets", 1)[1]
    assert "Calibrated on PublicTest." in sets and "90 %" in sets and "95 %" not in sets
    write_table(table.select(split_N == "PrivateTest"), tmp_path / "own.csv")
    assert main(["--table", str(tmp_path / "own.csv")]) == 0
    assert "sets" not in capsys.readouterr().out


def test_text_says_how_sets_of_public_test_were_calibrated(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--table", str(path), "--split", "PublicTest"]) == 0
    text = capsys.readouterr().out
    assert "Calibrated on PublicTest, each half on the other." in text
    figures = make_report(path, "PublicTest")["splits"]["PublicTest"]["models"]["fusion"]["conformal"]["0.95"]
    line = next(line for line in text.splitlines() if line.startswith("fusion") and "95 %" in line)
    *_, size, one, two, three, more = line.split()
    assert size == f"{figures['mean_size']:.2f}"
    assert [one, two, three] == [f"{100 * share:.1f}" for share in figures["size_shares"][:3]]
    assert float(one) + float(two) + float(three) + float(more) == pytest.approx(100, abs=0.21)


def test_ferplus_is_reported_where_the_table_has_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_report(path)["splits"]["PrivateTest"]["models"]["cnn"]["ferplus"] is None
    assert main(["--table", str(path)]) == 0
    assert "FER+" not in capsys.readouterr().out
    table = random_table(300, seed=7)
    said_N = np.where(np.arange(300) % 3 > 0, table.frame["label"], "")
    said_N[::6] = "sad"
    said = table_from_frame(table.frame.assign(ferplus_label=said_N, ferplus_agreement=0.7), EXPRESSIONS)
    write_table(said, path)
    rows = of_split(said, "PrivateTest")
    part = make_report(path)["splits"]["PrivateTest"]["models"]["fusion"]
    for entry, part_of in ((part, rows), (part["without_copies"], without_copies(rows))):
        figures = ferplus_figures(part_of, "fusion")
        assert figures is not None and entry["ferplus"]["n"] == figures.n < len(part_of)
        for name in ("official", "majority", "labels_agree"):
            interval = getattr(figures, name)
            expected = {"value": interval.value, "low": interval.low, "high": interval.high}
            assert entry["ferplus"][name] == pytest.approx(expected, rel=1e-5)
    assert main(["--table", str(path)]) == 0
    text = capsys.readouterr().out
    lines = text.split("FER+ majority", 1)[1].splitlines()
    line = next(line for line in lines if line.startswith("fusion"))
    assert line.split()[1] == str(part["ferplus"]["n"])
    assert f"{100 * part['ferplus']['majority']['value']:.1f} (" in line
    assert max(map(len, text.splitlines())) <= 110


def test_a_table_that_cannot_be_used_is_one_sentence_and_status_1(path: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(path.read_bytes()[:2000])
    for arguments, says in (
        (("--table", cut), "cut or damaged gzip"),
        (("--table", tmp_path / "none.csv", "--json"), "There is no prediction table"),
        (("--table", path, "--split", "Private"), "no rows of the split 'Private'"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert says in done.stderr and len(done.stderr.splitlines()) == 1
