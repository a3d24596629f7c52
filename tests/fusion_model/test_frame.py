"""The frame of FER-2013: the eyes land where it says, from any picture, without aliasing."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_model.frame import (
    EYE_CENTRE,
    EYE_CORNERS,
    EYE_DISTANCE,
    Frame,
    compose,
    eye_distance,
    eyes_of,
    frame_matrix,
    invert,
)

ANGLES = st.floats(-180, 180)
PLACES = st.floats(-2000, 2000)
FRAMES = (Frame(48), Frame(144, 36))


def eyes_at(x: float, y: float, distance: float, degrees: float) -> np.ndarray:
    half = distance / 2 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    centre = np.array([x, y])
    return np.array([centre - half, centre + half], np.float32)


def in_frame(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def expected_eyes(frame: Frame) -> np.ndarray:
    across = np.array([frame.eye_distance / 2, 0])
    return np.array([frame.centre - across, frame.centre + across])


def test_the_frame_is_that_of_fer2013() -> None:
    frame = Frame(48)
    assert frame.size == 48
    # The centre of the left-most pixel lies half a pixel from the picture's edge.
    np.testing.assert_allclose((frame.centre + 0.5) / 48, EYE_CENTRE)
    assert frame.eye_distance == pytest.approx(48 * EYE_DISTANCE)
    padded = Frame(144, 36)
    assert padded.size == 216
    np.testing.assert_allclose(padded.centre, Frame(144).centre + 36)


@given(x=PLACES, y=PLACES, distance=st.floats(2, 1000), degrees=ANGLES, frame=st.sampled_from(FRAMES))
def test_eyes_are_brought_to_their_places(
    x: float, y: float, distance: float, degrees: float, frame: Frame
) -> None:
    eyes_ED = eyes_at(x, y, distance, degrees)
    matrix = frame_matrix(eyes_ED, None, frame)
    # The tolerance is that of the eyes in float32, enlarged.
    tolerance = 1e-3 * max(1, frame.eye_distance / distance)
    np.testing.assert_allclose(in_frame(matrix, eyes_ED), expected_eyes(frame), atol=tolerance)
    turn = matrix[:, :2]
    np.testing.assert_allclose(turn @ turn.T, np.eye(2) * np.hypot(*turn[0]) ** 2, atol=1e-6)
    assert np.linalg.det(turn) > 0


@given(
    x=st.floats(220, 380),
    y=st.floats(220, 380),
    distance=st.floats(14, 130),
    degrees=st.floats(-180, 180),
)
def test_drawn_eyes_land_where_the_frame_says(x: float, y: float, distance: float, degrees: float) -> None:
    eyes_ED = eyes_at(x, y, distance, degrees)
    rows, columns = np.mgrid[0:600, 0:600].astype(np.float32)
    picture_HW = np.zeros((600, 600), np.float32)
    for eye_x, eye_y in eyes_ED:
        squared = (columns - eye_x) ** 2 + (rows - eye_y) ** 2
        picture_HW += 250 * np.exp(-squared / (2 * (0.1 * distance) ** 2))
    frame = Frame(48)
    crop_HW = frame.cut(picture_HW.astype(np.uint8), frame_matrix(eyes_ED, None, frame)).astype(float)
    assert crop_HW.shape == (48, 48)
    for half, expected in zip((slice(0, 24), slice(24, 48)), expected_eyes(frame), strict=True):
        weights = crop_HW[:, half]
        found_x = (weights * np.arange(48)[half]).sum() / weights.sum()
        found_y = (weights * np.arange(48)[:, None]).sum() / weights.sum()
        np.testing.assert_allclose([found_x, found_y], expected, atol=0.25)


@pytest.mark.parametrize("shape", [(1200, 1200), (1200, 1200, 3)])
@pytest.mark.parametrize("cell", [1, 2, 3])
def test_a_large_picture_is_not_aliased(shape: tuple[int, ...], cell: int) -> None:
    rows, columns = np.indices(shape[:2])
    board = ((rows // cell + columns // cell) % 2 * 255).astype(np.uint8)
    picture = board if len(shape) == 2 else np.repeat(board[:, :, None], 3, axis=2)
    frame = Frame(48)
    crop = frame.cut(picture, frame_matrix(eyes_at(600, 500, 300, 17), None, frame))
    assert crop.shape == (48, 48, *shape[2:])
    assert abs(float(crop.mean()) - 127.5) < 2
    assert crop.std() < 8
    # The same cut without averaging shows a pattern that is not there.
    naive = cv2.warpAffine(picture, frame_matrix(eyes_at(600, 500, 300, 17), None, frame), (48, 48))
    assert naive.std() > 40


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    picture_HW = np.full((40, 40), 90, np.uint8)
    for eyes_ED in (eyes_at(0, 0, 12, 0), eyes_at(-500, 900, 12, 30), eyes_at(20, 20, 400, 0)):
        np.testing.assert_array_equal(Frame(48).cut(picture_HW, frame_matrix(eyes_ED, None, Frame(48))), 90)


def test_the_place_of_a_shrunk_picture_does_not_matter() -> None:
    """A face cut out of a large picture is the same wherever it lies there."""
    face_HW = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (400, 400), dtype=np.uint8), (0, 0), 8
    )
    frame = Frame(48)
    crops = []
    for left, top in ((300, 300), (411, 523)):
        picture_HW = np.full((1200, 1200), 128, np.uint8)
        picture_HW[top : top + 400, left : left + 400] = face_HW
        eyes_ED = eyes_at(left + 200, top + 170, 100, 0)
        crops.append(frame.cut(picture_HW, frame_matrix(eyes_ED, None, frame)).astype(int))
    assert np.abs(crops[0] - crops[1]).max() <= 6


def test_eyes_at_one_place_give_finite_matrices() -> None:
    matrix = frame_matrix(np.zeros((2, 2), np.float32), None, Frame(48))
    assert np.isfinite(matrix).all()


def test_a_turned_head_is_not_enlarged() -> None:
    landmarks_LD = np.zeros((478, 3), np.float32)
    for corners, x, z in zip(EYE_CORNERS, (-10, 10), (-15, 15), strict=True):
        landmarks_LD[list(corners)] = (x, 0, z)
    eyes_ED = eyes_of(landmarks_LD[:, :2])
    assert eye_distance(landmarks_LD) == pytest.approx(np.hypot(20, 30))
    flat = frame_matrix(eyes_ED, None, Frame(48))
    deep = frame_matrix(eyes_ED, landmarks_LD, Frame(48))
    assert np.hypot(*deep[:, 0]) / np.hypot(*flat[:, 0]) == pytest.approx(20 / np.hypot(20, 30))
    np.testing.assert_allclose(in_frame(deep, eyes_ED.mean(axis=0)), Frame(48).centre)


def test_average_eyes_of_a_fer2013_picture_need_no_transform() -> None:
    frame = Frame(48)
    matrix = frame_matrix(frame.eyes(48, 48), None, frame)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-5)


@given(degrees=ANGLES, scale=st.floats(0.1, 10), x=PLACES, y=PLACES)
def test_a_matrix_and_its_inverse_compose_to_nothing(
    degrees: float, scale: float, x: float, y: float
) -> None:
    cosine, sine = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    matrix = np.array([[cosine, -sine, x], [sine, cosine, y]])
    np.testing.assert_allclose(compose(invert(matrix), matrix), [[1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_compose_applies_the_first_matrix_first() -> None:
    double = np.array([[2.0, 0, 0], [0, 2, 0]])
    right = np.array([[1.0, 0, 5], [0, 1, 0]])
    np.testing.assert_array_equal(compose(double, right), [[2, 0, 10], [0, 2, 0]])
