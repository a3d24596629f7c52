"""What is measured of a face follows what is done to its picture."""

import cv2
import numpy as np
import pytest

from fusion_model.detection import Face
from fusion_model.face_measures import FaceMeasures, plain_share, share_outside
from fusion_model.frame import FER_FRAME, Frame, frame_matrix
from fusion_model.preprocess import face_inputs


def measures(picture: np.ndarray, face: Face) -> FaceMeasures:
    height, width = picture.shape[:2]
    return FaceMeasures.of(face, face_inputs(picture, face).crop_HW, width, height)


def test_a_real_face_is_measured_in_its_own_pixels(astronaut: np.ndarray, astronaut_face: Face) -> None:
    found = measures(astronaut, astronaut_face)
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    mesh_LD = astronaut_face.landmarks_LD
    assert mesh_LD is not None
    nearer = Face(astronaut_face.box, (astronaut_face.eyes_ED + 0.5) / 2 - 0.5, mesh_LD / 2, 1.0)
    smaller = measures(half, nearer)
    assert smaller.size == pytest.approx(found.size / 2, rel=0.01)
    # The crop has 48 px in either case: neither light nor sharpness know of the size.
    assert smaller.brightness == pytest.approx(found.brightness, abs=2)
    assert smaller.sharpness == pytest.approx(found.sharpness, rel=0.25)
    assert found.pose is not None and abs(found.pose.yaw) < 30


def test_a_picture_of_fer2013_is_a_frame_of_48_px_that_lies_inside() -> None:
    eyes_ED = FER_FRAME.eyes(48, 48)
    crop = np.random.default_rng(0).integers(0, 255, (48, 48), np.uint8)
    found = measures(crop, Face((0, 0, 48, 48), eyes_ED, None, 1.0))
    assert found.size == pytest.approx(48, rel=1e-3) and found.outside == 0
    assert found.pose is None and found.brightness == pytest.approx(crop.mean(), abs=0.5)


@pytest.mark.parametrize(
    ("shift", "share"), [((0, 0), 0.0), ((-12, 0), 0.25), ((0, -24), 0.5), ((-96, 0), 1)]
)
def test_what_lies_beyond_the_edge_is_counted(shift: tuple[int, int], share: float) -> None:
    eyes_ED = FER_FRAME.eyes(48, 48) + np.array(shift)
    assert share_outside(frame_matrix(eyes_ED, None, Frame(48)), 48, 48) == pytest.approx(share, abs=0.01)


def test_what_is_plain_is_a_share_of_the_face() -> None:
    crop = np.random.default_rng(0).integers(60, 200, (48, 48), np.uint8)
    assert plain_share(crop) < 0.02
    hidden = crop.copy()
    hidden[28:] = 120  # half of the 36 rows of a face
    assert plain_share(hidden) == pytest.approx(0.5, abs=0.04)
    assert plain_share(np.full((48, 48), 90, np.uint8)) == 1
    # Light and contrast are no part of it.
    assert plain_share((hidden // 2) + 20) == pytest.approx(plain_share(hidden), abs=0.02)


def test_a_covered_half_of_a_real_face_is_plain(astronaut: np.ndarray, astronaut_face: Face) -> None:
    crop_HW = face_inputs(astronaut, astronaut_face).crop_HW
    hidden_HW = crop_HW.copy()
    hidden_HW[24:] = 120
    assert plain_share(crop_HW) < 0.15 and plain_share(hidden_HW) > 0.4
