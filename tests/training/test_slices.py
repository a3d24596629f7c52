"""Measured slices: signs and units of each, what FER+'s taggers said, and the way through a table's file."""

from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fusion_model.face_measures import HeadPose, sharpness
from fusion_model.faces import Face
from fusion_model.frame import eyes_of
from fusion_model.labels import EXPRESSIONS
from fusion_model.mirror import MIRROR_L
from fusion_model.prediction_table import read_table, table_from_frame, write_table
from fusion_model.preprocess import MEAN_FACE_LD
from training.slices import DECIMALS, POSE, measured_slices
from training.votes import VOTE_COLUMNS

from .conftest import WITHOUT_FACE, TinyFer

FERPLUS = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "fer2013new.csv"
NOSE_TIP = 1


def pose_of(mesh_LD: np.ndarray) -> HeadPose:
    pose = HeadPose.of(mesh_LD)
    assert pose is not None
    return pose


def turned(axis: str, degrees: float) -> np.ndarray:
    """The mean face as a mesh in px, turned about an axis of the picture (x right, y down, z away)."""
    return 20 * Rotation.from_euler(axis, degrees, degrees=True).apply(MEAN_FACE_LD) + (24, 20, 0)


def votes(**counts: int) -> list[int]:
    return [counts.get(column, 0) for column in VOTE_COLUMNS]


def slices_of_votes(*rows: list[int]) -> pd.DataFrame:
    n = len(rows)
    pictures = np.zeros((n, 48, 48), np.uint8), np.zeros((n, 478, 3), np.float32), np.zeros(n, bool)
    return measured_slices(*pictures, np.array(rows, np.float32))


# The head's pose


def test_the_mean_face_looks_straight_out_of_the_picture() -> None:
    np.testing.assert_allclose(astuple(pose_of(turned("y", 0))), 0, atol=1e-9)


def test_yaw_is_above_0_where_the_face_looks_to_the_right_of_the_picture() -> None:
    mesh_LD = turned("y", -30)
    assert mesh_LD[NOSE_TIP, 0] > mesh_LD[:, 0].mean() + 4
    np.testing.assert_allclose(astuple(pose_of(mesh_LD)), (30, 0, 0), atol=1e-9)


def test_pitch_is_above_0_where_the_face_looks_up() -> None:
    mesh_LD, straight_LD = turned("x", -30), turned("x", 0)
    assert mesh_LD[NOSE_TIP, 1] < straight_LD[NOSE_TIP, 1] - 5
    np.testing.assert_allclose(astuple(pose_of(mesh_LD)), (0, 30, 0), atol=1e-9)


def test_roll_is_above_0_where_the_eye_on_the_right_is_lower() -> None:
    mesh_LD = turned("z", 30)
    left, right = eyes_of(mesh_LD)
    assert right[1] > left[1] + 5
    np.testing.assert_allclose(astuple(pose_of(mesh_LD)), (0, 0, 30), atol=1e-9)


@given(
    yaw=st.floats(-80, 80),
    pitch=st.floats(-80, 80),
    roll=st.floats(-170, 170),
    scale=st.floats(0.5, 500),
    shift=st.floats(-3000, 3000),
)
def test_a_head_pitched_then_turned_then_rolled_has_those_angles_whatever_its_size_and_place(
    yaw: float, pitch: float, roll: float, scale: float, shift: float
) -> None:
    turn = Rotation.from_euler(
        "xyz", [-pitch, -yaw, roll], degrees=True
    )  # one after the other, in the picture
    mesh_LD = scale * turn.apply(MEAN_FACE_LD) + shift
    np.testing.assert_allclose(astuple(pose_of(mesh_LD)), (yaw, pitch, roll), atol=1e-4)


def test_the_mirrored_picture_of_a_real_face_has_yaw_and_roll_the_other_way(astronaut_face: Face) -> None:
    seen_LD = astronaut_face.landmarks_LD
    assert seen_LD is not None
    here = pose_of(seen_LD)
    mirrored = pose_of(seen_LD[MIRROR_L] * np.array([-1, 1, 1]))
    np.testing.assert_allclose(astuple(mirrored), (-here.yaw, here.pitch, -here.roll), atol=0.2)
    assert max(map(abs, astuple(here))) < 30  # a portrait


def test_a_picture_turned_in_its_plane_changes_the_roll_by_as_much(astronaut_face: Face) -> None:
    seen_LD = astronaut_face.landmarks_LD
    assert seen_LD is not None
    here, turned_by_25 = pose_of(seen_LD), Rotation.from_euler("z", 25, degrees=True).apply(seen_LD)
    expected = (here.yaw, here.pitch, here.roll + 25)
    np.testing.assert_allclose(astuple(pose_of(turned_by_25)), expected, atol=1e-3)


def test_a_mesh_that_has_shrunk_to_a_point_has_no_pose() -> None:
    assert HeadPose.of(np.full((478, 3), 7, np.float32)) is None


# Light, sharpness, size


def test_sharpness_falls_with_blur_and_does_not_follow_light_or_contrast(astronaut: np.ndarray) -> None:
    grey_HW = cv2.cvtColor(astronaut[:300, 80:380], cv2.COLOR_RGB2GRAY)
    blurred = [sharpness(cv2.GaussianBlur(grey_HW, (0, 0), sigma)) for sigma in (1, 2, 4)]
    found = [sharpness(grey_HW), *blurred]
    assert all(value is not None for value in found)
    assert found == sorted(found, key=float, reverse=True)
    assert found[0] > 3 * found[1]
    darker = sharpness((grey_HW // 2 + 20).astype(np.uint8))
    assert darker == pytest.approx(found[0], rel=0.1)


def test_sharpness_of_noise_is_that_of_the_filter() -> None:
    # The Laplacian of independent pixels has 4 * 4 + 4 = 20 times their variance.
    noise_HW = np.random.default_rng(0).integers(0, 256, (400, 400), dtype=np.uint8)
    assert sharpness(noise_HW) == pytest.approx(20, rel=0.05)
    assert sharpness(np.full((48, 48), 128, np.uint8)) is None


def test_slices_of_a_small_data_set(tiny_fer: TinyFer) -> None:
    images_NHW, landmarks = tiny_fer.dataset.images_NHW, tiny_fer.landmarks
    frame = measured_slices(images_NHW, landmarks.landmarks_NLD, landmarks.mesh_found_N)
    assert frame.columns.tolist() == [column for column in DECIMALS if column != "ferplus_agreement"]
    assert frame.index.tolist() == list(range(40))
    without = frame.index[frame["yaw"].isna()].tolist()
    assert without == sorted(WITHOUT_FACE)
    assert frame[[*POSE, "eye_distance"]].isna().any(axis=1).sum() == len(WITHOUT_FACE)
    # The conftest turns the face by at most 12 degrees, and changes its size by at most a tenth.
    found = frame.drop(index=without)
    assert found["roll"].between(-16, 16).all() and found["roll"].std() > 3
    assert found["eye_distance"].between(0.85 * 17.2, 1.25 * 17.2).all()
    assert frame.loc[26, ["brightness", "contrast"]].tolist() == [128, 0]
    assert np.isnan(frame.loc[26, "sharpness"]) and frame.loc[5, "sharpness"] > 15
    np.testing.assert_allclose(frame["brightness"], [image.mean() for image in images_NHW], atol=0.0501)
    np.testing.assert_allclose(frame["contrast"], [image.std() for image in images_NHW], atol=0.0501)


def test_the_eye_distance_of_a_turned_head_is_not_smaller() -> None:
    meshes_NLD = np.array([turned("y", degrees) for degrees in (0, 45)], np.float32)
    pictures = np.zeros((2, 48, 48), np.uint8)
    frame = measured_slices(pictures, meshes_NLD, np.ones(2, bool))
    assert frame["eye_distance"][0] == frame["eye_distance"][1] == pytest.approx(20, abs=0.5)
    assert frame["yaw"].tolist() == [0, -45]
    # "-0.0" would be a word of its own in a file.
    assert not np.signbit(frame["yaw"][0])


# FER+


def test_the_label_of_ferplus_needs_more_than_half_of_the_votes() -> None:
    frame = slices_of_votes(
        votes(happiness=6, neutral=4),
        votes(happiness=5, neutral=4, fear=1),
        votes(happiness=5, neutral=5),
        votes(sadness=5, neutral=4),  # nine votes, as one picture has
        votes(anger=10),
        votes(contempt=8, neutral=2),
        votes(unknown=9, fear=1),
        votes(NF=10),
        votes(),
    )
    assert frame["ferplus_label"].tolist() == ["happy", "", "", "sad", "angry", "", "", "", ""]
    expected = [0.6, 0.5, 0.5, 0.56, 1, 0.8, 0.9, 1, np.nan]
    np.testing.assert_array_equal(frame["ferplus_agreement"], expected)


def test_every_expression_can_be_the_label_of_ferplus() -> None:
    columns = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    frame = slices_of_votes(*(votes(**{column: 7, "unknown": 3}) for column in columns))
    assert tuple(frame["ferplus_label"]) == EXPRESSIONS


def test_of_the_real_votes_840_private_pictures_have_no_strict_majority() -> None:
    if not FERPLUS.exists():
        pytest.skip(f"the FER+ votes are not at {FERPLUS}")
    counts = pd.read_csv(FERPLUS)
    private = counts.loc[counts["Usage"] == "PrivateTest", list(VOTE_COLUMNS)].to_numpy()
    frame = slices_of_votes(*private.tolist())
    split = frame["ferplus_agreement"] <= 0.5
    assert (len(frame), split.sum()) == (3589, 840)
    assert (frame.loc[split, "ferplus_label"] == "").all()
    # The others have a label, but for those whose majority is for contempt, unknown or no face.
    none = private[~split][:, [VOTE_COLUMNS.index(column) for column in ("contempt", "unknown", "NF")]]
    assert (frame.loc[~split, "ferplus_label"] == "").sum() == (none > 5).any(axis=1).sum()


def test_slices_with_gaps_come_back_from_a_tables_file(tiny_fer: TinyFer, tmp_path: Path) -> None:
    dataset, landmarks = tiny_fer.dataset, tiny_fer.landmarks
    slices = measured_slices(
        dataset.images_NHW, landmarks.landmarks_NLD, landmarks.mesh_found_N, dataset.votes_NV
    )
    assert (slices["ferplus_label"] == "").any() and (slices["ferplus_label"] != "").any()
    frame = pd.DataFrame({"row": range(40), "split": "t", "label": "happy", "copy_in_training": 0}).join(
        slices
    )
    frame = frame.assign(mesh_found=landmarks.mesh_found_N, **{f"m_{label}": 1 / 7 for label in EXPRESSIONS})
    path = tmp_path / "table.csv.gz"
    write_table(table_from_frame(frame, EXPRESSIONS), path)
    again = read_table(path)
    assert again.models == ("m",)
    for column in DECIMALS:
        np.testing.assert_array_equal(again.frame[column], slices[column])
    assert again.frame["ferplus_label"].fillna("").tolist() == slices["ferplus_label"].tolist()
    assert again.frame["ferplus_label"].isna().sum() == (slices["ferplus_label"] == "").sum()
    bytes_before = path.read_bytes()
    write_table(again, path)
    assert path.read_bytes() == bytes_before
