"""Curves against scikit-learn, intervals against statsmodels, and worked examples."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from fusion_model.curves import class_curves, reliability, risk_coverage, wilson
from fusion_model.evaluation import calibration_error


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(5)
    truth_N = draw.integers(0, 3, 700)
    scores_NK = draw.normal(size=(700, 3))
    scores_NK[np.arange(700), truth_N] += 1
    p_NK = np.exp(scores_NK) / np.exp(scores_NK).sum(axis=1, keepdims=True)
    return truth_N, p_NK.round(2)  # ties, as a table of few decimals has


def test_areas_are_those_of_scikit_learn(answers):
    truth_N, p_NK = answers
    for code, curve in enumerate(class_curves(truth_N, p_NK, ("a", "b", "c"))):
        is_class = truth_N == code
        assert curve.roc_area == pytest.approx(roc_auc_score(is_class, p_NK[:, code]))
        assert curve.average_precision == pytest.approx(average_precision_score(is_class, p_NK[:, code]))
        assert curve.positives == is_class.sum()


def test_points_are_those_of_scikit_learn(answers):
    truth_N, p_NK = answers
    curve = class_curves(truth_N, p_NK, ("a", "b", "c"))[1]
    alarms, hits, _ = roc_curve(truth_N == 1, p_NK[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(curve.false_alarms_P, alarms)
    np.testing.assert_allclose(curve.hits_P, hits)
    precision, recall, _ = precision_recall_curve(truth_N == 1, p_NK[:, 1])
    last = np.flatnonzero(recall == 1)[-1]  # scikit-learn goes on to thresholds that only lose precision
    np.testing.assert_allclose(curve.recall_P, recall[last:])
    np.testing.assert_allclose(curve.precision_P, precision[last:])


def test_a_class_without_rows_has_no_curve(answers):
    _, p_NK = answers
    curves = class_curves(np.zeros(700, dtype=int), p_NK, ("a", "b", "c"))
    assert all(np.isnan(curve.roc_area) and curve.hits_P.size == 0 for curve in curves)


def test_many_points_are_thinned_and_keep_their_ends():
    draw = np.random.default_rng(0)
    p_N = draw.random(5000)
    curve = class_curves((p_N > draw.random(5000)).astype(int), np.column_stack([1 - p_N, p_N]), ("n", "y"))[
        1
    ]
    assert len(curve.hits_P) <= 200
    assert (curve.hits_P[0], curve.hits_P[-1], curve.recall_P[0], curve.recall_P[-1]) == (0, 1, 1, 0)


def test_bins_are_those_of_scikit_learn_and_of_the_calibration_error(answers):
    truth_N, p_NK = answers
    confidence_N, right_N = p_NK.max(axis=1), p_NK.argmax(axis=1) == truth_N
    found = reliability(confidence_N, right_N)
    right_B, confidence_B = calibration_curve(right_N, confidence_N, n_bins=15)
    np.testing.assert_allclose(found.right_B[found.count_B > 0], right_B)
    np.testing.assert_allclose(found.confidence_B[found.count_B > 0], confidence_B)
    assert found.error == pytest.approx(calibration_error(truth_N, p_NK))
    assert found.overconfidence == pytest.approx(confidence_N.mean() - right_N.mean())


def test_risk_and_coverage_of_a_worked_example():
    found = risk_coverage(np.array([0.5, 0.9, 0.8, 0.6]), np.array([False, True, True, False]))
    assert found.coverage_P.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.risk_P == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert found.area == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert {coverage: interval.value for coverage, interval in found.at}[0.5] == 1


def test_intervals_of_shares_are_those_of_statsmodels():
    hits, total = np.array([0, 3, 50, 120]), np.array([5, 7, 100, 120])
    low, high = wilson(hits, total)
    expected_low, expected_high = proportion_confint(hits, total, method="wilson")
    np.testing.assert_allclose(low, expected_low, atol=1e-12)
    np.testing.assert_allclose(high, expected_high, atol=1e-12)
    assert np.isnan(wilson(np.array([0]), np.array([0]))[0]).all()
