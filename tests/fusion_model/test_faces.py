"""Finding real faces, and none where there are none."""

import threading
from itertools import pairwise

import cv2
import numpy as np
import pytest

from fusion_model.faces import (
    LANDMARKS,
    MAX_CROP_SIDE,
    MAX_TILES_ACROSS,
    MIN_TILED_SIDE,
    TILE_SIDE,
    Face,
    FaceFinder,
    tiles,
)
from fusion_model.frame import Frame, frame_matrix

# Centres of the astronaut's eyes, px, read off the picture.
ASTRONAUT_EYES = np.array([[204, 101], [246, 104]])


def assert_inside(face: Face, picture: np.ndarray) -> None:
    x, y, width, height = face.box
    assert x >= 0 and y >= 0 and width > 0 and height > 0
    assert x + width <= picture.shape[1] and y + height <= picture.shape[0]


def assert_same(found: Face, expected: Face) -> None:
    assert found.box == expected.box
    np.testing.assert_array_equal(found.eyes_ED, expected.eyes_ED)
    assert found.landmarks_LD is not None and expected.landmarks_LD is not None
    np.testing.assert_array_equal(found.landmarks_LD, expected.landmarks_LD)


def test_the_astronaut_is_found_once_with_landmarks(astronaut: np.ndarray, astronaut_face: Face) -> None:
    face = astronaut_face
    assert_inside(face, astronaut)
    assert face.landmarks_LD is not None
    assert face.landmarks_LD.shape == (LANDMARKS, 3)
    assert face.landmarks_LD.dtype == np.float32
    assert face.eyes_ED.dtype == np.float32
    np.testing.assert_allclose(face.eyes_ED, ASTRONAUT_EYES, atol=4)
    assert 0.75 < face.score <= 1
    assert face.area == pytest.approx(face.box[2] * face.box[3])
    # The box is that of the mesh.
    np.testing.assert_allclose(face.landmarks_LD[:, :2].min(axis=0), face.box[:2], atol=1)


def test_what_was_found_before_does_not_matter(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    finder.find(np.ascontiguousarray(astronaut[:, ::-1]))
    finder.read_crop(astronaut[60:190, 160:290])
    (face,) = finder.find(astronaut)
    assert_same(face, astronaut_face)


def test_two_faces_come_largest_first(astronaut: np.ndarray, finder: FaceFinder) -> None:
    smaller = np.zeros((512, 384, 3), np.uint8)
    smaller[:384] = cv2.resize(astronaut, (384, 384), interpolation=cv2.INTER_AREA)
    picture_HWC = np.concatenate([smaller, astronaut], axis=1)
    first, second = finder.find(picture_HWC)
    assert first.area > second.area
    assert first.box[0] > 384 > second.box[0] + second.box[2]
    for face in (first, second):
        assert_inside(face, picture_HWC)
        assert face.landmarks_LD is not None
        assert face.box[0] <= face.landmarks_LD[:, 0].mean() <= face.box[0] + face.box[2]


def test_at_most_so_many_faces_are_given_the_largest_ones(astronaut: np.ndarray) -> None:
    smaller = np.zeros((512, 384, 3), np.uint8)
    smaller[:384] = cv2.resize(astronaut, (384, 384), interpolation=cv2.INTER_AREA)
    with FaceFinder(max_faces=1) as finder:
        (face,) = finder.find(np.concatenate([smaller, astronaut], axis=1))
    assert face.box[0] > 384


def test_a_small_face_in_a_large_picture_is_found_once(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    picture_HWC = np.full((1500, 2000, 3), 110, np.uint8)
    picture_HWC[700:1212, 1300:1812] = astronaut
    (face,) = finder.find(picture_HWC)
    np.testing.assert_allclose(face.eyes_ED, astronaut_face.eyes_ED + np.array([1300, 700]), atol=3)
    assert face.landmarks_LD is not None


@pytest.mark.parametrize("name", ["brick", "grass", "gravel", "coffee", "coins", "text", "retina"])
def test_no_face_is_found_where_there_is_none(name: str, finder: FaceFinder) -> None:
    import skimage.data

    picture = getattr(skimage.data, name)()
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    assert finder.find(picture) == []


def test_no_face_is_found_in_noise_or_nothing(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert finder.find(noise) == []
    for shape in ((16, 16, 3), (300, 40, 3), (480, 640, 3), (16, 3000, 3)):
        assert finder.find(np.full(shape, 128, np.uint8)) == []


@pytest.mark.parametrize("degrees", [-30, 30])
def test_a_turned_face_is_still_found(
    degrees: int, astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    turn = cv2.getRotationMatrix2D((224, 110), degrees, 1)
    picture_HWC = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (face,) = finder.find(picture_HWC)
    assert_inside(face, picture_HWC)
    expected = astronaut_face.eyes_ED @ turn[:, :2].T + turn[:, 2]
    np.testing.assert_allclose(face.eyes_ED, expected, atol=1.5)


def test_a_face_cut_by_the_edge_keeps_its_box_inside(astronaut: np.ndarray, finder: FaceFinder) -> None:
    picture_HWC = np.ascontiguousarray(astronaut[:, 205:])
    for face in finder.find(picture_HWC):
        assert_inside(face, picture_HWC)


@pytest.mark.parametrize("side", [32, 48])
def test_a_tiny_grey_picture_of_a_face_is_read(
    side: int, astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    frame = Frame(side)
    crop = frame.cut(astronaut, frame_matrix(astronaut_face.eyes_ED, None, frame))
    grey_HW = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    grey_HWC = np.repeat(grey_HW[..., None], 3, axis=2)
    expected = frame.eyes(side, side)
    (face,) = finder.find(grey_HWC)
    assert_inside(face, grey_HWC)
    np.testing.assert_allclose(face.eyes_ED, expected, atol=side / 30)
    # Read as a crop, grey as it is or in three equal channels (which OpenCV rounds a little otherwise).
    read = finder.read_crop(grey_HW)
    assert_inside(read, grey_HW)
    np.testing.assert_allclose(read.eyes_ED, expected, atol=side / 30)
    np.testing.assert_allclose(finder.read_crop(grey_HWC).landmarks_LD, read.landmarks_LD, atol=0.05)


def test_a_crop_larger_or_not_square_is_read_in_its_own_pixels(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    left, top = 160, 50
    crop = astronaut[top : top + 160, left : left + 130]
    face = finder.read_crop(crop)
    assert face.landmarks_LD is not None and astronaut_face.landmarks_LD is not None
    apart_L = np.linalg.norm((face.landmarks_LD - astronaut_face.landmarks_LD)[:, :2] + (left, top), axis=1)
    assert apart_L.mean() < 2


def test_a_crop_without_a_mesh_has_the_eyes_of_fer2013(finder: FaceFinder) -> None:
    face = finder.read_crop(np.full((96, 48), 77, np.uint8))
    assert face.landmarks_LD is None
    assert face.box == (0, 0, 48, 96)
    np.testing.assert_allclose(face.eyes_ED, Frame(48).eyes(48, 96))


def test_only_small_pictures_are_tried_as_face_crops(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "_detect", lambda picture: [])
    frame = Frame(MAX_CROP_SIDE)
    crop = frame.cut(astronaut, frame_matrix(astronaut_face.eyes_ED, None, frame))
    assert len(finder.find(crop)) == 1
    assert finder.find(cv2.resize(crop, (MAX_CROP_SIDE + 1, MAX_CROP_SIDE))) == []


def test_finders_work_in_threads_one_each(astronaut: np.ndarray, astronaut_face: Face) -> None:
    started = threading.Barrier(2)
    found: list[Face] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            started.wait(timeout=60)
            with FaceFinder() as finder:
                for _ in range(3):
                    found.extend(finder.find(astronaut))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert errors == []
    assert len(found) == 6
    for face in found:
        assert_same(face, astronaut_face)


@pytest.mark.parametrize("size", [(800, 600), (1000, 4000), (6000, 4000), (8000, 500), (900, 900)])
def test_tiles_cover_a_large_picture_and_overlap(size: tuple[int, int]) -> None:
    width, height = size
    made = tiles(width, height)
    for x, y, wide, high in made:
        assert x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        assert wide == high >= min(TILE_SIDE, width, height)
    for axis, length in enumerate(size):
        starts, side = sorted({tile[axis] for tile in made}), made[0][2]
        assert starts[0] == 0
        assert starts[-1] + side == length
        assert all(second - first <= 0.76 * side for first, second in pairwise(starts))
    if max(size) < 2 * min(size):
        assert len({tile[0] for tile in made}) <= MAX_TILES_ACROSS


def test_small_pictures_and_strips_have_no_tiles() -> None:
    assert tiles(MIN_TILED_SIDE - 1, MIN_TILED_SIDE - 1) == []
    # A minute's work for nothing otherwise.
    assert tiles(60_000, 16) == tiles(16, 60_000) == []
