"""What is measured of a face follows what is done to its picture."""

import cv2
import numpy as np
import pytest

from fusion_model.catalogue import ASSETS
from fusion_model.detection import Face
from fusion_model.face_measures import FaceMeasures, likeness, share_outside
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
    assert found.pose is not None and abs(found.pose.yaw) < 30 and found.likeness > 0.3


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


def test_a_mean_face_is_like_a_face_until_a_half_of_it_is_covered() -> None:
    mean_HW = np.loadtxt(ASSETS / "mean_crops.csv.gz", delimiter=",")[3].reshape(48, 48)
    crop = np.clip(128 + 40 * mean_HW, 0, 255).astype(np.uint8)
    assert likeness(crop) > 0.99
    for part in (np.s_[24:], np.s_[:28], np.s_[:, :24], np.s_[:, 24:]):
        hidden = crop.copy()
        hidden[part] = 120
        assert likeness(hidden) < 0.6
    assert likeness(np.full((48, 48), 90, np.uint8)) == 0
    # Light and contrast are no part of it.
    assert likeness((crop // 3) + 20) == pytest.approx(likeness(crop), abs=0.01)
