"""Gaps between estimated groups: worked examples in which the true gap is known."""

import math

import numpy as np
import pytest

from fusion_model.group_errors import Assumption, ErrorRates, Mixture, scaled
from fusion_model.measures import measures
from fusion_model.resampled import Groups

ACCURACY, BALANCED, F1, *_ = measures(("yes", "no"))
#: P(estimated | true): of the first group a tenth, of the second a fifth is taken for the other.
RATES = np.array([[0.9, 0.1], [0.2, 0.8]])
MEASURED = np.array([[900, 100], [200, 800]])
NAMES = ("est. first", "est. second")
ENDS = (0, 1)


def mixed(rows, measured=MEASURED, measure=ACCURACY):
    """Rows given as (estimated group, true label, answer, how many)."""
    times = [row[3] for row in rows]
    group_N, truth_N, answer_N = (np.repeat([row[i] for row in rows], times) for i in range(3))
    return Mixture(Groups(NAMES, group_N), truth_N, answer_N, 2, ErrorRates(measured), measure)


def worked_example(rates=RATES, first=(900, 100), second=(600, 400), **options):
    """Two groups of 1,000 with so many right and wrong answers, seen through the error rates."""
    rows = []
    for answer, of_first, of_second in ((0, first[0], second[0]), (1, first[1], second[1])):
        seen_E = rates[0] * of_first + rates[1] * of_second
        rows += [(group, 0, answer, round(seen_E[group])) for group in range(2)]
    return mixed(rows, **options)


def gap(made, times=1.0, wrong_times=1.0):
    return made.corrected(ENDS, Assumption(times, wrong_times)).gap


def test_errors_shrink_a_true_gap_of_30_points_and_the_correction_recovers_it():
    made = worked_example()
    # By hand: first (0.9 x 900 + 0.2 x 600) / 1100 = .8455, second (0.1 x 900 + 0.8 x 600) / 900 = .6333.
    assert gap(made, times=0).value == pytest.approx(930 / 1100 - 570 / 900)
    assert gap(made).value == pytest.approx(0.3)
    found = made.corrected(ENDS, Assumption())
    assert [figure.value for figure in found.figures] == pytest.approx([0.9, 0.6])
    assert found.rows == pytest.approx([1000, 1000])


def test_the_interval_holds_the_true_gap_and_counts_the_doubt_of_the_error_rates():
    found = gap(worked_example())
    few_faces = gap(worked_example(measured=MEASURED // 20))
    assert found.low < 0.3 < found.high
    assert few_faces.high - few_faces.low > 1.2 * (found.high - found.low)


def test_the_interval_covers_the_true_gap_as_often_as_it_says():
    draw = np.random.default_rng(5)
    held = 0
    for trial in range(60):
        true_N = draw.integers(0, 2, 1500)
        right_N = draw.random(1500) < np.array([0.8, 0.7])[true_N]
        seen_N = (draw.random(1500) < RATES[true_N, 1]).astype(int)
        faces = np.stack([draw.multinomial(500, row) for row in RATES])
        rates = ErrorRates(faces, resamples=200, seed=trial)
        truth_N = np.zeros(1500, dtype=int)
        found = gap(Mixture(Groups(NAMES, seen_N), truth_N, 1 - right_N, 2, rates, ACCURACY, seed=trial))
        held += found.low <= 0.1 <= found.high
    assert held >= 52  # of 60: 57 expected; 51 or fewer about once in 200


def test_more_errors_than_measured_make_the_gap_larger():
    made = worked_example()
    assert gap(made, 0).value < gap(made, 0.5).value < gap(made).value < gap(made, 1.5).value
    # Twice the errors: seen = mixed by (.8, .2; .4, .6), solved by hand for hits and rows.
    hits = np.linalg.solve(np.array([[0.8, 0.2], [0.4, 0.6]]).T, [930, 570])
    rows = np.linalg.solve(np.array([[0.8, 0.2], [0.4, 0.6]]).T, [1100, 900])
    shares = hits / rows
    assert gap(made, 2).value == pytest.approx(min(shares[0], 1) - max(shares[1], 0))


def test_estimates_that_say_too_little_give_no_figure():
    found = worked_example().corrected(ENDS, Assumption(times=3.2))
    assert not found.told
    assert math.isnan(found.gap.value)
    assert all(math.isnan(figure.value) for figure in found.figures)


def test_errors_that_follow_wrong_answers_can_be_undone_when_known():
    # Among right answers half as many errors as among wrong ones, 1.5 times as many there; 75 % are right.
    right, wrong = scaled(RATES, 0.8), scaled(RATES, 1.6)
    seen = [
        (group, 0, answer, round(float((rates[0] * first + rates[1] * second)[group])))
        for answer, rates, first, second in ((0, right, 900, 600), (1, wrong, 100, 400))
        for group in range(2)
    ]
    made = mixed(seen)
    assert gap(made, wrong_times=2).value == pytest.approx(0.3, abs=0.002)
    assert gap(made).value != pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("measure", [BALANCED, F1])
def test_measures_that_are_no_share_are_corrected_through_all_counts(measure):
    true_GKK = np.array([[[400, 100], [50, 450]], [[300, 200], [150, 350]]])
    seen_EKK = np.einsum("ge,gkl->ekl", RATES, true_GKK)
    rows = [(e, k, a, round(seen_EKK[e, k, a])) for e in range(2) for k in range(2) for a in range(2)]
    wanted_G = measure.of(true_GKK)
    assert gap(mixed(rows, measure=measure)).value == pytest.approx(wanted_G[0] - wanted_G[1], abs=0.003)


def test_perfect_estimates_leave_all_as_it_is_and_no_room_for_doubt():
    perfect = np.array([[500, 0], [0, 500]])
    made = worked_example(rates=np.eye(2), measured=perfect)
    assert gap(made).value == gap(made, times=0).value == pytest.approx(0.3)
    assert made.bounds(ENDS) == pytest.approx((0.3, 0.3))


def test_bounds_hold_the_gap_whatever_the_errors_depend_on():
    made = worked_example()
    low, high = made.bounds(ENDS)
    assert low < gap(made).value < high
    for wrong_times in (0.5, 1.5, 2.0, 3.0):
        assert low <= gap(made, wrong_times=wrong_times).value <= high
    # By hand: the 1,100 estimated first hold 200 of the second and 170 wrong answers, the 900 estimated
    # second 800 of the second and 330 wrong. At most all wrong answers are of the second group.
    worst_second = (1000 - 170 - 330) / 1000
    assert high == pytest.approx(1.0 - worst_second)


def test_bounds_are_of_shares_of_rows_only():
    assert all(math.isnan(end) for end in worked_example(measure=F1).bounds(ENDS))


def test_scaling_keeps_rows_that_sum_to_one_and_their_proportions():
    rates = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    twice = scaled(rates, 2)
    assert twice.sum(axis=1) == pytest.approx(1)
    assert twice[0] == pytest.approx([0.4, 0.4, 0.2])
    assert scaled(rates, 0) == pytest.approx(np.eye(3))


def test_tipping_is_where_the_corrected_gap_is_gone():
    # A small gap is gone when errors fall a little unevenly; one of 30 points never is.
    small = worked_example(first=(700, 300), second=(690, 310))
    found = small.tipping(ENDS)
    assert 1 / 5 < found < 5
    assert abs(gap(small, wrong_times=found).value) < 0.01
    assert gap(small).value * gap(small, wrong_times=found).value <= 0
    assert math.isnan(worked_example().tipping(ENDS))
