"""Counting hits of face detectors, against an example worked out by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_recall_fscore_support

from training.detection_scores import (
    Convention,
    Counts,
    Found,
    assign,
    best_threshold,
    convention_of,
    counts_at,
)

FACES_FB = np.array([[0.0, 0, 100, 100], [200, 0, 100, 100], [400, 0, 50, 50]])
#: On the first face twice, near the second one (they share a third), on the third, and on nothing.
SEEN = [
    Found((10, 0, 100, 100), 0.7),
    Found((0, 0, 100, 100), 0.9),
    Found((250, 0, 100, 100), 0.8),
    Found((400, 0, 50, 60), 0.4),
    Found((700, 0, 90, 90), 0.6),
]


def test_the_surest_detection_hits_a_face_and_each_face_counts_once() -> None:
    assert assign(SEEN, FACES_FB, Convention()) == [-1, 0, -1, 2, -1]


def test_counts_are_those_worked_out_by_hand() -> None:
    scores_D = np.array([item.score for item in SEEN])
    hit_D = np.array(assign(SEEN, FACES_FB, Convention())) >= 0
    all_of_them = counts_at(scores_D, hit_D, 3, 0.0)
    assert all_of_them == Counts(faces=3, hits=2, detections=5)
    assert all_of_them.precision == pytest.approx(2 / 5)
    assert all_of_them.recall == pytest.approx(2 / 3)
    assert all_of_them.f1 == pytest.approx(2 * 2 / 8)
    assert counts_at(scores_D, hit_D, 3, 0.85) == Counts(3, 1, 1)
    assert np.isnan(counts_at(scores_D, hit_D, 3, 0.95).precision)
    assert counts_at(scores_D, hit_D, 3, 0.95).f1 == 0


def test_pictures_answered_yes_or_no_score_as_scikit_learn_has_it() -> None:
    rng = np.random.default_rng(0)
    shown_N, scores_N = rng.random(300) < 0.7, rng.random(300)
    counts = counts_at(scores_N, shown_N, int(shown_N.sum()), 0.4)
    expected = precision_recall_fscore_support(shown_N, scores_N >= 0.4, average="binary")
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx(expected[:3])
    assert counts.f_half == pytest.approx(fbeta_score(shown_N, scores_N >= 0.4, beta=0.5))


def test_a_higher_threshold_never_finds_more() -> None:
    rng = np.random.default_rng(1)
    scores_D, hit_D = rng.random(200), rng.random(200) < 0.5
    found = [counts_at(scores_D, hit_D, 150, at) for at in np.linspace(0, 1, 21)]
    assert [item.hits for item in found] == sorted((item.hits for item in found), reverse=True)
    assert [item.detections for item in found] == sorted((item.detections for item in found), reverse=True)


def test_the_best_threshold_has_the_highest_f_half_and_of_equals_is_the_highest() -> None:
    scores_D, hit_D = np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, False])
    assert best_threshold(scores_D, hit_D, 2, np.array([0.1, 0.25, 0.4, 0.5, 0.85])) == 0.5


def test_a_detector_that_draws_other_boxes_is_brought_to_the_known_ones() -> None:
    # It draws half of each face's width and height, about a middle that lies a tenth of the face too low.
    drawn = [
        Found((left + 0.25 * wide, top + 0.35 * high, wide / 2, high / 2), 1.0)
        for left, top, wide, high in FACES_FB
    ]
    assert assign(drawn, FACES_FB, Convention()) == [-1, -1, -1]
    convention = convention_of([(drawn, FACES_FB)])
    assert (convention.right, convention.down) == pytest.approx((0, -0.2))
    assert (convention.wide, convention.high) == pytest.approx((2, 2))
    assert assign(drawn, FACES_FB, convention) == [0, 1, 2]
    for item, known in zip(drawn, FACES_FB, strict=True):
        assert convention.known(item.box) == pytest.approx(tuple(known))


def test_nothing_found_is_no_convention() -> None:
    assert convention_of([([], FACES_FB)]) == Convention()
