"""Finding real faces, and none where there are none."""

import threading

import cv2
import numpy as np
import pytest

from fusion_model.boxes import overlap
from fusion_model.faces import LANDMARKS, MAX_CROP_SIDE, Face, FaceFinder
from fusion_model.frame import Frame, frame_matrix

# Centres of the astronaut's eyes, px, read off the picture.
ASTRONAUT_EYES = np.array([[204, 101], [246, 104]])
#: Of a face laid on a picture: x and y of its middle, its width, px, and by how many degrees it is turned.
Place = tuple[float, float, float, float]


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
    monkeypatch.setattr(finder, "_second_look", lambda picture, faces: faces)
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


def laid(astronaut: np.ndarray, places: list[Place], size: tuple[int, int]) -> np.ndarray:
    """The astronaut's head laid on grass, once at each place."""
    import skimage.data

    grass_HW = cv2.resize(skimage.data.grass(), size, interpolation=cv2.INTER_CUBIC)
    picture_HWC = np.repeat(grass_HW[..., None], 3, axis=2)
    head_HWC = astronaut[0:260, 110:340]
    for x, y, width, degrees in places:
        matrix = cv2.getRotationMatrix2D((226 - 110, 124), degrees, width / 93)
        matrix[:, 2] += (x - 116, y - 124)
        step = max(1, round(93 / width))
        small = cv2.blur(head_HWC, (step, step))
        cv2.warpAffine(small, matrix, size, picture_HWC, borderMode=cv2.BORDER_TRANSPARENT)
    return picture_HWC


def assert_found(faces: list[Face], places: list[Place]) -> None:
    """One face at each place, and none elsewhere."""
    assert len(faces) == len(places)
    for x, y, width, _ in places:
        near = [
            face
            for face in faces
            if abs(face.box[0] + face.box[2] / 2 - x) < width / 3
            and abs(face.box[1] + face.box[3] / 2 - y) < width / 3
        ]
        assert len(near) == 1
        assert 0.7 * width < np.sqrt(near[0].area) < 1.5 * width


@pytest.mark.parametrize("width", [24, 32, 48, 80])
def test_small_faces_are_found_in_a_large_picture(
    width: int, astronaut: np.ndarray, finder: FaceFinder
) -> None:
    places = [(311.0, 640.0, float(width), 0.0), (905.0, 222.0, float(width), 0.0)]
    assert_found(finder.find(laid(astronaut, places, (1280, 960))), places)


def test_thirty_faces_are_found(astronaut: np.ndarray, finder: FaceFinder) -> None:
    widths = np.linspace(30, 80, 30)
    places = [
        (120.0 + 240 * (index % 6), 110.0 + 200 * (index // 6), float(width), 0.0)
        for index, width in enumerate(widths)
    ]
    faces = finder.find(laid(astronaut, places, (1440, 1000)))
    assert_found(faces, places)
    assert all(face.landmarks_LD is not None for face in faces)


@pytest.mark.parametrize("degrees", [-150, -90, -60, 60, 90, 120, 180])
def test_a_face_turned_by_any_angle_is_found_once_with_its_eyes_in_order(
    degrees: int, astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder
) -> None:
    turn = cv2.getRotationMatrix2D((224, 110), degrees, 1)
    turn[:, 2] += (256 - 224, 256 - 110)
    picture_HWC = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (face,) = finder.find(picture_HWC)
    expected = astronaut_face.eyes_ED @ turn[:, :2].T + turn[:, 2]
    np.testing.assert_allclose(face.eyes_ED, expected, atol=2.5)
    assert face.landmarks_LD is not None


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_held_sideways_shows_its_face_and_no_other(
    quarters: int, astronaut: np.ndarray, finder: FaceFinder
) -> None:
    (face,) = finder.find(np.ascontiguousarray(np.rot90(astronaut, quarters)))
    assert face.score > 0.75 and face.landmarks_LD is not None


def test_a_large_upright_face_is_never_looked_at_twice(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> list[Face]:
        raise AssertionError("a second look at a portrait")

    monkeypatch.setattr(finder, "_second_look", never)
    monkeypatch.setattr(finder, "_seen_again", never)
    (face,) = finder.find(astronaut)
    assert_same(face, astronaut_face)


def test_a_higher_threshold_only_takes_faces_away(astronaut: np.ndarray) -> None:
    places = [(200.0, 200.0, 26.0, 0.0), (500.0, 210.0, 40.0, 30.0), (820.0, 560.0, 90.0, -35.0)]
    picture_HWC = laid(astronaut, places, (1024, 768))
    counts = []
    for threshold in (0.5, 0.7, 0.9, 0.99):
        with FaceFinder(min_score=threshold) as finder:
            faces = finder.find(picture_HWC)
        assert all(face.score >= threshold for face in faces)
        counts.append(len(faces))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 3 and counts[-1] == 0


def test_faces_never_share_a_place(astronaut: np.ndarray, finder: FaceFinder) -> None:
    places = [(150.0 + 160 * index, 300.0, 80.0, 15.0 * index) for index in range(5)]
    faces = finder.find(laid(astronaut, places, (900, 600)))
    assert len(faces) == 5
    for index, face in enumerate(faces):
        assert all(overlap(face.box, other.box) <= 0.3 for other in faces[index + 1 :])
