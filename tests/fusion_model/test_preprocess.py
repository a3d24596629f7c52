"""From a face to the networks' inputs; tests/training/test_scoring.py holds that training has the same."""

import json
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fusion_model.faces import LANDMARKS, Face, FaceFinder
from fusion_model.frame import FER_FRAME, eye_distance, eyes_of, frame_matrix
from fusion_model.mirror import MIRROR_L, mirror_landmarks
from fusion_model.preprocess import (
    MEAN_FACE_LD,
    SIDE,
    FaceInputs,
    Preprocessing,
    face_inputs,
    frontal_landmarks,
    inputs_matrix,
    standardise,
)


@pytest.fixture(scope="module")
def inputs(astronaut: np.ndarray, astronaut_face: Face) -> FaceInputs:
    return face_inputs(astronaut, astronaut_face)


def test_inputs_of_a_real_face(inputs: FaceInputs) -> None:
    assert inputs.crop_HW.shape == (SIDE, SIDE)
    assert inputs.crop_HW.dtype == np.uint8
    assert inputs.landmarks_LD.shape == (LANDMARKS, 3)
    assert inputs.landmarks_LD.dtype == np.float32
    assert inputs.mesh_found


def test_landmarks_are_those_of_a_face_seen_from_the_front(inputs: FaceInputs) -> None:
    np.testing.assert_allclose(inputs.landmarks_LD.mean(axis=0), 0, atol=1e-4)
    left, right = eyes_of(inputs.landmarks_LD)
    assert eye_distance(inputs.landmarks_LD) == pytest.approx(1, abs=0.1)
    # Left of the picture first, level, and equally near.
    np.testing.assert_allclose((right - left)[1:], 0, atol=0.1)
    assert left[0] < 0 < right[0]
    # The chin is below the eyes, and the tip of the nose is nearer than the ears.
    assert inputs.landmarks_LD[152, 1] > left[1] + 1
    assert inputs.landmarks_LD[1, 2] < inputs.landmarks_LD[[127, 356], 2].min() - 0.5
    assert np.linalg.norm(inputs.landmarks_LD - MEAN_FACE_LD, axis=1).mean() < 0.15


def test_a_grey_picture_gives_what_the_same_picture_in_rgb_gives(
    astronaut: np.ndarray, astronaut_face: Face
) -> None:
    grey_HW = np.ascontiguousarray(astronaut[..., 1])
    one = face_inputs(grey_HW, astronaut_face)
    three = face_inputs(np.repeat(grey_HW[..., None], 3, axis=2), astronaut_face)
    np.testing.assert_array_equal(one.crop_HW, three.crop_HW)


def test_a_turned_picture_gives_about_the_same_inputs(
    astronaut: np.ndarray, inputs: FaceInputs, finder: FaceFinder
) -> None:
    turn = cv2.getRotationMatrix2D((224, 110), 30, 1)
    picture_HWC = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (face,) = finder.find(picture_HWC)
    turned = face_inputs(picture_HWC, face)
    assert np.linalg.norm(turned.landmarks_LD - inputs.landmarks_LD, axis=1).mean() < 0.05
    assert np.abs(turned.crop_HW.astype(int) - inputs.crop_HW).mean() < 10


def test_a_picture_twice_as_large_gives_about_the_same_inputs(
    astronaut: np.ndarray, astronaut_face: Face, inputs: FaceInputs
) -> None:
    large = astronaut.repeat(2, axis=0).repeat(2, axis=1)
    scale = np.array([2, 2, 2], np.float32)
    shift = np.array([0.5, 0.5, 0], np.float32)
    assert astronaut_face.landmarks_LD is not None
    face = replace(
        astronaut_face,
        eyes_ED=astronaut_face.eyes_ED * 2 + 0.5,
        landmarks_LD=astronaut_face.landmarks_LD * scale + shift,
    )
    twice = face_inputs(large, face)
    np.testing.assert_allclose(twice.landmarks_LD, inputs.landmarks_LD, atol=1e-4)
    assert np.abs(twice.crop_HW.astype(int) - inputs.crop_HW).mean() < 2


def test_without_a_mesh_the_landmarks_are_zeros_and_said_not_to_be_real(
    astronaut: np.ndarray, astronaut_face: Face
) -> None:
    found = face_inputs(astronaut, replace(astronaut_face, landmarks_LD=None))
    assert not found.mesh_found
    assert found.landmarks_LD.shape == (LANDMARKS, 3)
    assert found.landmarks_LD.dtype == np.float32
    assert not found.landmarks_LD.any()
    np.testing.assert_allclose(
        inputs_matrix(replace(astronaut_face, landmarks_LD=None)),
        frame_matrix(astronaut_face.eyes_ED, None, FER_FRAME),
    )


def test_the_mean_face_is_symmetric_centred_and_measured_in_eye_distances() -> None:
    assert MEAN_FACE_LD.shape == (LANDMARKS, 3)
    np.testing.assert_allclose(mirror_landmarks(MEAN_FACE_LD), MEAN_FACE_LD, atol=1e-4)
    np.testing.assert_allclose(MEAN_FACE_LD.mean(axis=0), 0, atol=1e-4)
    assert eye_distance(MEAN_FACE_LD) == pytest.approx(1, abs=0.02)


@given(
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    scale=st.floats(0.5, 500),
    shift=st.tuples(*[st.floats(-3000, 3000)] * 3),
)
def test_the_pose_place_and_size_of_a_face_do_not_matter(
    turn: tuple[float, ...], scale: float, shift: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(0)
    face_LD = MEAN_FACE_LD + rng.normal(0, 0.03, MEAN_FACE_LD.shape)
    moved_LD = scale * Rotation.from_euler("xyz", turn, degrees=True).apply(face_LD) + shift
    found_LD = frontal_landmarks(moved_LD)
    assert found_LD.dtype == np.float32
    np.testing.assert_allclose(found_LD, frontal_landmarks(face_LD), atol=1e-5)
    # The mean face itself comes out as it is; a face that differs keeps its difference.
    assert np.linalg.norm(found_LD - face_LD, axis=1).max() < 0.02


def test_the_landmarks_of_a_mirrored_picture_are_the_mirrored_landmarks(astronaut_face: Face) -> None:
    seen_LD = astronaut_face.landmarks_LD
    assert seen_LD is not None
    picture_LD = seen_LD[MIRROR_L] * np.array([-1, 1, 1]) + np.array([511, 0, 0])
    expected = mirror_landmarks(frontal_landmarks(seen_LD))
    np.testing.assert_allclose(frontal_landmarks(picture_LD), expected, atol=1e-4)


def test_a_mirror_image_without_the_swap_is_not_reflected_back() -> None:
    reflected_LD = MEAN_FACE_LD * np.array([1, 1, -1]) + np.random.default_rng(0).normal(0, 0.01, (478, 3))
    found_LD = frontal_landmarks(reflected_LD)
    assert np.linalg.norm(found_LD - MEAN_FACE_LD, axis=1).mean() > 0.1
    # What is left is a rotation and a scale: distances keep their proportions.
    apart, before = (np.linalg.norm(mesh[1:] - mesh[0], axis=1) for mesh in (found_LD, reflected_LD))
    np.testing.assert_allclose(apart / before, (apart / before)[0], rtol=1e-3)


def test_a_mesh_that_has_shrunk_to_a_point_gives_zeros() -> None:
    assert not frontal_landmarks(np.full((LANDMARKS, 3), 7, np.float32)).any()


def test_standardised_crops_have_mean_0_and_about_unit_contrast() -> None:
    crops_BHW = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    pixels_BCHW = standardise(crops_BHW)
    assert pixels_BCHW.shape == (3, 1, SIDE, SIDE)
    assert pixels_BCHW.dtype == np.float32
    np.testing.assert_allclose(pixels_BCHW.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(pixels_BCHW.std(axis=(1, 2, 3)), 1, atol=0.1)
    # Each crop by itself, whatever stands beside it.
    np.testing.assert_array_equal(standardise(crops_BHW[1:2])[0], pixels_BCHW[1])


def test_light_and_contrast_hardly_matter() -> None:
    crops_BHW = np.random.default_rng(0).integers(0, 100, (1, SIDE, SIDE), dtype=np.uint8)
    brighter = standardise(crops_BHW * 2 + 50)
    np.testing.assert_allclose(brighter, standardise(crops_BHW), atol=0.2)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_crop_is_zeros_and_not_noise(level: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels_BCHW = standardise(np.full((2, SIDE, SIDE), level, np.uint8))
    assert not pixels_BCHW.any()


def test_preprocessing_survives_json() -> None:
    here = Preprocessing()
    assert Preprocessing.from_json(json.loads(json.dumps(here.to_json()))) == here
    other = Preprocessing(version=99, side=64, eye_centre=(0.5, 0.4), eye_distance=0.3)
    assert Preprocessing.from_json(json.loads(json.dumps(other.to_json()))) == other != here


@pytest.mark.parametrize("change", [{"sharpness": 2}, None])
def test_preprocessing_with_unknown_or_missing_fields_is_refused(change: dict[str, int] | None) -> None:
    values = Preprocessing().to_json()
    if change is None:
        del values["version"]  # never to be taken for this version's
    else:
        values |= change
    with pytest.raises(TypeError, match="version" if change is None else "sharpness"):
        Preprocessing.from_json(values)
