"""Heads turned in the crop: what moves, by how much, and what stays."""

import numpy as np
import pytest

from fusion_model.frame import FER_FRAME
from fusion_model.preprocess import SIDE
from training.head_turns import cut_turned, mean_depth

AS_IT_IS = np.eye(2, 3)


def turned(image_HW: np.ndarray, pitch: float = 0.0, yaw: float = 0.0, factor: float = 1.0) -> np.ndarray:
    turn = np.array([np.deg2rad(pitch), np.deg2rad(yaw), factor])
    return cut_turned(image_HW, AS_IT_IS, turn, AS_IT_IS)


def spot(x: float, y: float) -> np.ndarray:
    """A bright spot on black, about 2 px wide."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)).round().astype(np.uint8)


def middle(image_HW: np.ndarray) -> np.ndarray:
    """Where the light of a picture is, x and y."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    light_HW = image_HW / image_HW.sum()
    return np.array([(columns * light_HW).sum(), (rows * light_HW).sum()])


def test_the_mean_faces_nose_is_before_its_eyes_and_its_cheeks_are_behind() -> None:
    depth_HW = mean_depth()
    across, eyes = (round(value) for value in FER_FRAME.centre)
    tip = depth_HW[eyes:, across].argmin() + eyes
    assert depth_HW.shape == (SIDE, SIDE) and np.isfinite(depth_HW).all()
    assert depth_HW[tip, across] < -6 and 8 < tip - eyes < 16
    assert depth_HW[eyes + 8, 2] > 5 and depth_HW[eyes + 8, -3] > 5
    # Both halves of the mean face are alike; its axis lies between two columns.
    np.testing.assert_allclose(depth_HW, depth_HW[:, ::-1], atol=0.5)


def test_a_head_that_stays_as_it_is_is_cut_as_without_turns() -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    np.testing.assert_array_equal(turned(image_HW), image_HW)
    alignment, after = np.array([[1.1, 0.1, -2], [-0.1, 1.1, 1]]), np.array([[0.9, 0, 3], [0, 0.9, 1.5]])
    plain = FER_FRAME.cut(
        image_HW, np.column_stack([0.9 * alignment[:, :2], 0.9 * alignment[:, 2] + (3, 1.5)])
    )
    cut = cut_turned(image_HW, alignment, np.array([0, 0, 1.0]), after)
    assert np.abs(cut.astype(int) - plain).mean() < 2


@pytest.mark.parametrize(("pitch", "yaw"), [(10, 0), (-10, 0), (0, 10), (0, -10)])
def test_what_is_near_moves_by_its_depth_and_the_eyes_stay(pitch: float, yaw: float) -> None:
    across, eyes = FER_FRAME.centre
    below = 12.0
    moved = middle(turned(spot(across, eyes + below), pitch, yaw)) - (across, eyes + below)
    near = -mean_depth()[round(eyes + below), round(across)]
    expected = (-near * np.sin(np.deg2rad(yaw)), -near * np.sin(np.deg2rad(pitch)))
    np.testing.assert_allclose(moved, expected, atol=0.5)
    assert near * np.sin(np.deg2rad(10)) > 0.8  # else the line above says nothing
    eye = across + FER_FRAME.eye_distance / 2
    still = middle(turned(spot(eye, eyes), pitch, yaw)) - (eye, eyes)
    assert np.abs(still).max() < 0.4


def test_stretching_moves_the_mouth_down_and_not_sideways() -> None:
    across, eyes = FER_FRAME.centre
    moved = middle(turned(spot(across - 6, eyes + 15), factor=1.1)) - (across - 6, eyes + 15)
    np.testing.assert_allclose(moved, (0, 1.5), atol=0.15)


def test_what_comes_after_is_applied_to_the_turned_head() -> None:
    image_HW = spot(20, 30)
    shifted = cut_turned(image_HW, AS_IT_IS, np.array([0.2, 0.1, 1.05]), np.array([[1, 0, 4.0], [0, 1, -3]]))
    first = cut_turned(image_HW, AS_IT_IS, np.array([0.2, 0.1, 1.05]), AS_IT_IS)
    np.testing.assert_array_equal(shifted[:-3, 4:], first[3:, :-4])
