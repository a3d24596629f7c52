"""Mirroring landmarks, held against the mesh of a real mirrored face."""

import numpy as np

from fusion_model.faces import LANDMARKS, Face, FaceFinder
from fusion_model.frame import EYE_CORNERS
from fusion_model.mirror import MIRROR_L, mirror_landmarks
from fusion_model.preprocess import face_inputs


def test_the_mirror_is_an_involution_of_all_landmarks() -> None:
    assert MIRROR_L.shape == (LANDMARKS,)
    np.testing.assert_array_equal(MIRROR_L[MIRROR_L], np.arange(LANDMARKS))
    np.testing.assert_array_equal(np.sort(MIRROR_L), np.arange(LANDMARKS))


def test_the_eyes_change_places() -> None:
    (left_outer, left_inner), (right_inner, right_outer) = EYE_CORNERS
    assert MIRROR_L[left_outer] == right_outer
    assert MIRROR_L[left_inner] == right_inner


def test_mirroring_twice_gives_the_same_landmarks() -> None:
    landmarks_BLD = np.random.default_rng(0).normal(size=(3, LANDMARKS, 3)).astype(np.float32)
    mirrored_BLD = mirror_landmarks(landmarks_BLD)
    assert mirrored_BLD.dtype == np.float32
    assert not np.array_equal(mirrored_BLD, landmarks_BLD)
    np.testing.assert_array_equal(mirror_landmarks(mirrored_BLD), landmarks_BLD)
    np.testing.assert_array_equal(mirror_landmarks(landmarks_BLD[1]), mirrored_BLD[1])


def test_the_mesh_of_a_mirrored_face_is_the_mirrored_mesh(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    straight = face_inputs(astronaut, astronaut_face)
    picture_HWC = np.ascontiguousarray(astronaut[:, ::-1])
    (face,) = finder.find(picture_HWC)
    seen = face_inputs(picture_HWC, face)
    apart_L = np.linalg.norm(seen.landmarks_LD - mirror_landmarks(straight.landmarks_LD), axis=1)
    assert apart_L.mean() < 0.04
    assert apart_L.max() < 0.1
    unswapped_LD = straight.landmarks_LD * np.array([-1, 1, 1])
    assert np.linalg.norm(seen.landmarks_LD - unswapped_LD, axis=1).mean() > 0.5
    assert np.abs(seen.crop_HW.astype(int) - straight.crop_HW[:, ::-1]).mean() < 8
