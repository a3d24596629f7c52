"""Group figures against scikit-learn, statsmodels and plain loops."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from fusion_model.evaluation import class_measures, figures_of
from fusion_model.group_figures import LEAST_ROWS, group_report, holm, narrowing, odds_gaps
from fusion_model.grouping import groups_of
from fusion_model.measures import measures
from fusion_model.model_pairs import flips, paired_figures, ranking
from fusion_model.prediction_table import TableError, table_from_frame
from fusion_model.resampled import Groups, group_counts, random_groups
from fusion_model.rows import Rows

LABELS = ("a", "b", "c")


def made_up(n: int = 900, people: int | None = None, models: tuple[str, ...] = ("cnn", "fusion")) -> Rows:
    """Group "y" is answered worse; "few" has 20 rows."""
    draw = np.random.default_rng(11)
    truth_N = draw.integers(0, 3, n)
    group_N = draw.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "split": "test",
            "label": np.array(LABELS)[truth_N],
            "mesh_found": draw.integers(0, 2, n),
            "copy_in_training": 0,
            "group": np.where(np.arange(n) < 20, "few", np.array(["x", "y"])[group_N]),
            "light": np.where(draw.random(n) < 0.05, np.nan, draw.random(n)),
        }
    )
    if people is not None:
        frame["person"] = np.arange(n) % people
    for model in models:
        scores_NK = draw.normal(size=(n, 3))
        scores_NK[np.arange(n), truth_N] += 2.0 - group_N
        p_NK = np.exp(scores_NK) / np.exp(scores_NK).sum(axis=1, keepdims=True)
        for code, label in enumerate(LABELS):
            frame[f"{model}_{label}"] = p_NK[:, code]
    return Rows.of(table_from_frame(frame))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return made_up()


@pytest.fixture(scope="module")
def groups(rows) -> Groups:
    return groups_of(rows, "group")


@pytest.fixture(scope="module")
def counts(rows, groups):
    return group_counts(groups, rows.truth_N, rows.answers, 3)


def measure(key: str):
    return next(item for item in measures(LABELS) if item.key == key)


def test_groups_by_value_by_quarter_and_crossed(rows):
    by_value = groups_of(rows, "group")
    assert by_value.names == ("few", "x", "y") and by_value.sizes_G[0] == 20
    light = rows.column("light").to_numpy()
    quarters = groups_of(rows, "light")
    assert len(quarters.names) == 5 and quarters.names[-1] == "not measured"
    assert quarters.sizes_G[-1] == np.isnan(light).sum()
    expected = pd.qcut(light[np.isfinite(light)], 4, labels=False)
    assert quarters.codes_N[np.isfinite(light)].tolist() == expected.tolist()
    crossed = groups_of(rows, "group", "mesh_found")
    frame = rows.table.frame
    assert crossed.sizes_G.tolist() == frame.groupby(["group", "mesh_found"]).size().tolist()
    assert crossed.names[0] == "few · no mesh"
    assert groups_of(rows, "label").names == LABELS


def test_no_rows_and_no_column_are_sentences(rows):
    with pytest.raises(TableError, match="No rows are left"):
        groups_of(rows.keep(np.zeros(len(rows), dtype=bool)), "group")
    with pytest.raises(TableError, match="no column 'height'"):
        groups_of(rows, "height")


def test_counts_are_the_confusion_matrices_of_the_groups(rows, groups, counts):
    for model in rows.models:
        for code in range(3):
            of_group = groups.codes_N == code
            expected = confusion_matrix(
                rows.truth_N[of_group], rows.answers[model][of_group], labels=[0, 1, 2]
            )
            np.testing.assert_array_equal(counts.counts[model][0, code], expected)
            resampled = counts.counts[model][1:, code]
            assert (resampled.sum(axis=(1, 2)) == of_group.sum()).all()  # group sizes stay
            np.testing.assert_allclose(resampled.mean(axis=0), expected, atol=1.5)


def test_figures_of_groups_are_those_of_scikit_learn(rows, groups, counts):
    truth_N, answer_N = rows.truth_N, rows.answers["cnn"]
    expected = {
        "accuracy": accuracy_score,
        "balanced": balanced_accuracy_score,
        "f1": lambda t, a: f1_score(t, a, average="macro"),
        "recall-b": lambda t, a: recall_score(t == 1, a == 1),
        "precision-b": lambda t, a: precision_score(t == 1, a == 1),
        "alarms-b": lambda t, a: ((t != 1) & (a == 1)).sum() / (t != 1).sum(),
        "share-b": lambda t, a: (a == 1).mean(),
    }
    for key, function in expected.items():
        report = group_report(groups, counts, "cnn", measure(key))
        for code, item in enumerate(report.groups):
            of_group = groups.codes_N == code
            assert item.figure.value == pytest.approx(function(truth_N[of_group], answer_N[of_group])), key
            assert item.figure.low <= item.figure.value <= item.figure.high
        assert report.overall.value == pytest.approx(function(truth_N, answer_N)), key


def test_small_groups_are_shown_and_never_ranked(groups, counts):
    report = group_report(groups, counts, "cnn", measure("accuracy"))
    few, *others = report.groups
    assert not few.ranked and few.n == 20 < LEAST_ROWS and np.isnan(few.p)
    assert {report.highest, report.lowest} == {"x", "y"}
    by_name = {item.name: item.figure.value for item in others}
    assert report.gap.value == pytest.approx(by_name[report.highest] - by_name[report.lowest])
    assert report.ratio.value == pytest.approx(by_name[report.lowest] / by_name[report.highest])


def test_shares_have_wilson_intervals(rows, groups, counts):
    item = group_report(groups, counts, "cnn", measure("accuracy")).groups[1]
    hits = int((rows.right("cnn") & (groups.codes_N == 1)).sum())
    low, high = proportion_confint(hits, item.n, method="wilson")
    assert (item.figure.low, item.figure.high) == pytest.approx((low, high))


def test_a_true_gap_stands_out_of_chance_and_no_gap_does_not(rows, groups, counts):
    lots = random_groups(groups, rows.truth_N, rows.answers, 3)
    report = group_report(groups, counts, "cnn", measure("accuracy"), lots)
    assert report.p < 0.01 and report.gap.low > 0 and report.by_chance < report.gap.value
    assert all(item.p < 0.01 for item in report.groups if item.ranked)
    alike = Groups(("p", "q"), np.random.default_rng(1).integers(0, 2, len(rows)))
    drawn = group_counts(alike, rows.truth_N, rows.answers, 3)
    lots = random_groups(alike, rows.truth_N, rows.answers, 3)
    assert group_report(alike, drawn, "cnn", measure("accuracy"), lots).p > 0.05


def test_pictures_of_one_person_are_drawn_together():
    # Each person's rows are alike: only the number of people tells how sure a figure is.
    people = made_up(600, people=30)
    copied = people.keep(np.arange(600) % 30)
    groups = Groups(("all",), np.zeros(600, dtype=int))
    clustered = Groups(("all",), np.zeros(600, dtype=int), np.arange(600) % 30)
    widths = []
    for by in (groups, clustered):
        drawn = group_counts(by, copied.truth_N, copied.answers, 3)
        interval = group_report(by, drawn, "cnn", measure("accuracy")).groups[0].figure
        widths.append(interval.high - interval.low)
    assert widths[1] > 3 * widths[0]  # the root of 20 is 4.5
    assert clustered.units_G.tolist() == [30] and groups.units_G.tolist() == [600]


def test_a_lot_keeps_people_whole_or_is_not_drawn(rows):
    person_N = np.arange(len(rows)) // 2
    whole = Groups(("p", "q"), (np.arange(len(rows)) >= len(rows) // 2).astype(int), person_N)
    lots = random_groups(whole, rows.truth_N, rows.answers, 3, draws=5)
    assert lots is not None
    assert (lots["cnn"].sum(axis=(2, 3)) == [len(rows) / 2] * 2).all()
    torn = Groups(("p", "q"), np.arange(len(rows)) % 2, person_N)
    assert random_groups(torn, rows.truth_N, rows.answers, 3) is None


def test_equal_opportunity_and_equalised_odds(rows, groups, counts):
    found = odds_gaps(groups, counts, "fusion", LABELS)
    assert [item.label for item in found] == list(LABELS)
    for code, item in enumerate(found):
        shown = rows.truth_N == code
        hits, alarms = [], []
        for group in (1, 2):
            of_group = groups.codes_N == group
            said = rows.answers["fusion"] == code
            hits.append(said[shown & of_group].mean())
            alarms.append(said[~shown & of_group].mean())
        assert item.hits.value == pytest.approx(abs(hits[0] - hits[1]))
        assert item.alarms.value == pytest.approx(abs(alarms[0] - alarms[1]))
        assert item.equalised_odds == max(item.hits.value, item.alarms.value)


def test_a_model_narrows_no_gap_of_its_own(counts):
    same = narrowing(counts, "cnn", "cnn", measure("accuracy"))
    assert (same.value, same.low, same.high) == (0, 0, 0)
    there, back = (
        narrowing(counts, *pair, measure("accuracy")) for pair in (("cnn", "fusion"), ("fusion", "cnn"))
    )
    assert there.value == pytest.approx(-back.value)


def test_holm_is_that_of_statsmodels():
    p_M = np.array([0.04, 0.001, 0.3, 0.02, 0.02])
    np.testing.assert_allclose(holm(p_M), multipletests(p_M, method="holm")[1])
    assert holm(np.zeros(0)).size == 0


def test_paired_differences_are_differences_of_the_figures(rows):
    found = paired_figures(rows, "cnn", "fusion")
    first, second = (figures_of(m, LABELS, rows.truth_N, rows.probabilities[m]) for m in rows.models)
    assert found.macro_f1.value == pytest.approx(second.macro_f1.value - first.macro_f1.value)
    for code in range(3):
        expected = second.classes[code].recall.value - first.classes[code].recall.value
        assert found.recall[code].value == pytest.approx(expected)
        assert found.recall[code].low < expected < found.recall[code].high


def test_the_ranking_holds_every_model_against_the_best(rows):
    best, other = ranking(rows)
    assert best.against_best is None and np.isnan(best.p)
    assert best.figures.accuracy.value >= other.figures.accuracy.value
    assert other.against_best is not None and other.p == pytest.approx(other.against_best.mcnemar_p)


def test_every_row_that_changes_is_in_one_kind_of_flip(rows):
    kinds = flips(rows, "cnn", "fusion")
    assert sum(mask.astype(int) for mask in kinds.values()).max() == 1
    changed = rows.answers["cnn"] != rows.answers["fusion"]
    assert (sum(mask.astype(int) for mask in kinds.values()) == changed).all()


def test_figures_come_in_a_moment():
    """On one quiet core: 80 ms for 3,589 rows and 5 models, 250 ms for 100,000 rows."""
    five = tuple(f"m{i}" for i in range(5))
    for n, bound in ((3589, 1.5), (100_000, 6)):
        many = made_up(n, models=five)
        start = time.perf_counter()
        for model in five:
            figures_of(model, LABELS, many.truth_N, many.probabilities[model])
        assert time.perf_counter() - start < bound
        two = {model: many.answers[model] for model in five[:2]}
        start = time.perf_counter()
        by_group = groups_of(many, "group", "mesh_found")
        drawn = group_counts(by_group, many.truth_N, two, 3)
        group_report(by_group, drawn, "m0", measure("accuracy"))
        assert time.perf_counter() - start < bound
    assert class_measures(drawn.overall("m0")).shape[0] == 1001
