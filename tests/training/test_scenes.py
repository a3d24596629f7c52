"""Composed scenes: faces lie where their boxes say, at the size and turn that they say."""

import cv2
import numpy as np
import pytest

from fusion_model.faces import FaceFinder
from training.scenes import KINDS, TEXTURES, FacePicture, Kind, box_around_eyes, compose, drawn_from, lay

MARKED = Kind("marked", 640, 480, (3, 6), (40, 90), 180)


def marked_face() -> FacePicture:
    """Black but for a white dot in the middle of the box and a grey one at its right edge."""
    pixels = np.zeros((120, 100), np.uint8)
    cv2.circle(pixels, (50, 50), 6, 255, -1)
    cv2.circle(pixels, (74, 50), 6, 128, -1)
    return FacePicture(pixels, (20.0, 20.0, 60.0, 60.0))


@pytest.mark.parametrize("turn", [0, 90, -37])
def test_a_face_lies_where_its_box_says_turned_as_it_says(turn: float) -> None:
    picture_HWC = np.full((300, 400, 3), 60, np.uint8)
    box = lay(picture_HWC, marked_face(), (210.5, 140.5), 120, turn)
    assert box == pytest.approx((150.5, 80.5, 120, 120))
    ys, xs = np.nonzero(picture_HWC[..., 0] > 230)
    assert (xs.mean() + 0.5, ys.mean() + 0.5) == pytest.approx((210.5, 140.5), abs=1.5)
    grey = (picture_HWC[..., 0] > 110) & (picture_HWC[..., 0] < 146)
    ys, xs = np.nonzero(cv2.erode(grey.astype(np.uint8), np.ones((5, 5))))
    across, down = xs.mean() - 210, ys.mean() - 140
    # 24 px of 60 to the right of the middle, twice as large, counter-clockwise.
    assert np.hypot(across, down) == pytest.approx(48, abs=3)
    assert np.degrees(np.arctan2(-down, across)) == pytest.approx(turn, abs=3)


@pytest.mark.parametrize("kind", [*KINDS[:2], MARKED], ids=lambda kind: kind.name)
def test_a_scene_holds_what_its_kind_says(kind: Kind) -> None:
    scene = compose(kind, drawn_from([marked_face()]), "choosing", np.random.default_rng(0))
    assert scene.rgb_HWC.shape == (kind.height, kind.width, 3) and scene.rgb_HWC.dtype == np.uint8
    assert kind.faces[0] <= len(scene.boxes_FB) <= kind.faces[1]
    sides = np.sqrt(scene.boxes_FB[:, 2] * scene.boxes_FB[:, 3])
    assert (sides >= kind.sizes[0] - 1e-6).all() and (sides <= kind.sizes[1] + 1e-6).all()
    assert (np.abs(scene.turns_F) <= kind.turn).all()
    for box_B in scene.boxes_FB:
        x, y = box_B[:2] + box_B[2:] / 2
        assert scene.rgb_HWC[int(y), int(x), 0] > 150  # the white dot
    # No two faces touch.
    middles = scene.boxes_FB[:, :2] + scene.boxes_FB[:, 2:] / 2
    for first in range(len(sides)):
        for second in range(first):
            apart = np.abs(middles[first] - middles[second]).max()
            assert apart > 0.7 * (sides[first] + sides[second])


def test_the_same_numbers_make_the_same_scene() -> None:
    draw = drawn_from([marked_face()])
    first, second = (compose(MARKED, draw, "reporting", np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.rgb_HWC, second.rgb_HWC)


def test_choosing_and_reporting_share_no_texture() -> None:
    assert not set(TEXTURES["choosing"]) & set(TEXTURES["reporting"])


def test_the_box_around_eyes_is_that_of_the_mesh(astronaut: np.ndarray, finder: FaceFinder) -> None:
    (face,) = finder.find(astronaut)
    middle, across = face.eyes_ED.mean(axis=0), face.eyes_ED[1] - face.eyes_ED[0]
    box = box_around_eyes((float(middle[0]), float(middle[1])), float(np.hypot(*across)))
    np.testing.assert_allclose(box, face.box, atol=0.12 * face.box[2])
