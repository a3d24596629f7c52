"""The detectors of the study: one call for all, and thresholds that are heeded."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion_model.boxes import intersection_over_union
from fusion_model.detection import detect_in
from fusion_model.faces import Face, FaceFinder, detection_graph
from fusion_model.frame import Frame, frame_matrix
from training.detectors import OWN, THRESHOLDS, Detector, FormerFinder, detectors
from training.small_detector import SmallDetector, save_small_detector

OTHERS = tuple(name for name in THRESHOLDS if name != OWN)


@pytest.fixture(scope="module")
def compared() -> tuple[Detector, ...]:
    return detectors(OTHERS, Path("nowhere"))


@pytest.fixture(scope="module")
def face(astronaut: np.ndarray) -> Face:
    with FaceFinder() as finder:
        (found,) = finder.find(astronaut)
    return found


@pytest.mark.parametrize("far", [False, True])
def test_mediapipe_heeds_the_threshold_that_it_is_given(far: bool, astronaut: np.ndarray) -> None:
    whole = (0, 0, 512, 512)
    (seen,) = detect_in(detection_graph(far, 0.5), astronaut, whole)
    assert 0.85 < seen.score < 0.95
    assert detect_in(detection_graph(far, 0.97), astronaut, whole) == []


def test_every_detector_finds_the_astronaut(
    compared: tuple[Detector, ...], astronaut: np.ndarray, face: Face
) -> None:
    for detector in compared:
        surest = max(detector.find(astronaut), key=lambda item: item.score)
        assert intersection_over_union(surest.box, face.box) > 0.35, detector.name
        assert surest.score >= THRESHOLDS[detector.name][0]


def test_faces_of_crops_are_told_in_the_crops_own_pixels(
    compared: tuple[Detector, ...], astronaut: np.ndarray, face: Face
) -> None:
    frame = Frame(48)
    crop = frame.cut(astronaut, frame_matrix(face.eyes_ED, face.landmarks_LD, frame))
    grey_HW = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    for detector in compared:
        surest = max(detector.find_in_crop(grey_HW), key=lambda item: item.score)
        left, top, width, height = surest.box
        assert 15 < left + width / 2 < 33 and 15 < top + height / 2 < 36, detector.name
        assert 20 < width < 60, detector.name


def test_the_former_way_finds_what_the_first_look_finds(
    compared: tuple[Detector, ...], astronaut: np.ndarray, face: Face
) -> None:
    with FormerFinder() as former:
        (same,) = former.find(astronaut)
        assert same.box == face.box
        # It took no second look: a face on its side in a large photo was not there for it.
        picture_HWC = np.full((1500, 2000, 3), 110, np.uint8)
        picture_HWC[700:828, 1300:1428] = cv2.resize(np.rot90(astronaut, 2), (128, 128))
        assert former.find(picture_HWC) == []


def test_the_small_one_is_read_from_its_weights(tmp_path: Path, astronaut: np.ndarray) -> None:
    save_small_detector(SmallDetector(), tmp_path / "small.safetensors")
    (small,) = detectors([OWN], tmp_path / "small.safetensors")
    assert small.name == OWN and isinstance(small.find(astronaut[:64, :64]), list)
