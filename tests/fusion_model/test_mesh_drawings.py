"""Contours of the test faces: small, exact to a quarter of a pixel, and those of the shipped table's rows."""

from pathlib import Path

import numpy as np
import pytest

from fusion_model.contours import CONTOURS, POINTS
from fusion_model.evaluation_report import TABLE
from fusion_model.mesh_drawings import MESHES, MeshDrawings, MeshError, digest_of
from fusion_model.mirror import mirror_landmarks
from fusion_model.prediction_table import read_table


def drawings(landmarks_NLD: np.ndarray, found_N: np.ndarray) -> MeshDrawings:
    n = len(found_N)
    return MeshDrawings.of(100 + np.arange(n), np.arange(n), landmarks_NLD, found_N)


def test_points_come_back_to_a_quarter_of_a_pixel(tmp_path: Path) -> None:
    landmarks_NLD = np.random.default_rng(0).uniform(-8, 55.75, (5, 478, 3))
    found_N = np.array([True, False, True, True, False])
    path = tmp_path / "meshes.npz"
    drawings(landmarks_NLD, found_N).write(path)
    read = MeshDrawings.read(path)
    for place in range(5):
        points_PD = read.points(100 + place)
        assert (points_PD is not None) == found_N[place]
        if points_PD is not None:
            np.testing.assert_allclose(points_PD, landmarks_NLD[place][POINTS, :2], atol=0.1251)
    assert read.points(7) is None
    # Written again, the same bytes.
    read.write(tmp_path / "again.npz")
    assert read.steps_MPD.tobytes() == MeshDrawings.read(tmp_path / "again.npz").steps_MPD.tobytes()


def test_what_lies_too_far_out_is_moved_in() -> None:
    landmarks_NLD = np.full((1, 478, 3), 90.0)
    landmarks_NLD[..., 0] = -30
    points_PD = drawings(landmarks_NLD, np.array([True])).points(100)
    assert points_PD is not None and (points_PD == [-8, 55.75]).all()


def test_the_shipped_drawings_are_those_of_the_shipped_table() -> None:
    frame = read_table(TABLE).frame
    shipped = MeshDrawings.read()
    assert shipped.rows_N.tolist() == sorted(frame["row"])
    found_N = frame.set_index("row").loc[shipped.rows_N, "mesh_found"].to_numpy(bool)
    np.testing.assert_array_equal(shipped.found_N, found_N)
    assert MESHES.stat().st_size < 1_500_000
    # Faces, not noise: within the picture, brows above eyes above lips.
    middle_MPD = np.median(shipped.steps_MPD / 4 - 8, axis=0)
    assert middle_MPD.min() > 0 and middle_MPD.max() < 48
    heights, start = {}, 0
    for contour in CONTOURS:
        part = slice(start, start + len(contour.landmarks))
        heights[contour.name] = middle_MPD[part, 1].mean()
        start += len(contour.landmarks)
    order = ["brow left", "eye left", "bridge of the nose", "base of the nose", "lips inside"]
    assert sorted(order, key=heights.__getitem__) == order


def test_left_and_right_are_drawn_alike() -> None:
    mirrored_L = mirror_landmarks(np.stack([np.zeros(478), np.zeros(478), np.arange(478)], axis=1))[:, 2]
    by_name = {contour.name: contour for contour in CONTOURS}
    for name in ("brow", "eye"):
        left, right = (set(by_name[f"{name} {side}"].landmarks) for side in ("left", "right"))
        assert {int(mirrored_L[landmark]) for landmark in left} == right


def test_a_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"none\.npz cannot be read"):
        MeshDrawings.read(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("words")
    with pytest.raises(MeshError, match=r"text\.npz cannot be read"):
        MeshDrawings.read(tmp_path / "text.npz")
    parts = dict(np.load(MESHES))
    np.savez(tmp_path / "other.npz", **parts | {"points": POINTS[:5]})
    with pytest.raises(MeshError, match="made for other landmarks"):
        MeshDrawings.read(tmp_path / "other.npz")
    del parts["found"]
    np.savez(tmp_path / "cut.npz", **parts)
    with pytest.raises(MeshError, match="cannot be read"):
        MeshDrawings.read(tmp_path / "cut.npz")


def test_a_digest_is_of_all_pixels() -> None:
    image_HW = np.zeros((48, 48), np.uint8)
    other_HW = image_HW.copy()
    other_HW[47, 47] = 1
    assert digest_of(image_HW) != digest_of(other_HW)
    assert digest_of(image_HW) == digest_of(np.asfortranarray(image_HW)) < 2**64
