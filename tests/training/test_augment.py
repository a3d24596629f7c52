"""Augmentation: what is drawn, and what is done to crops and landmarks."""

from dataclasses import fields, replace

import numpy as np
import pytest

from fusion_model.preprocess import SIDE
from training.augment import (
    Augmentation,
    Draw,
    as_jpeg,
    draw,
    flipped,
    sharpened,
    vary_crop,
    vary_landmarks,
    with_noise,
)
from training.recipes import ROUGH, TURNED

LANDMARKS = 20


def drawn(augmentation: Augmentation, count: int = 400, seed: int = 0) -> Draw:
    return draw(augmentation, count, LANDMARKS, np.random.default_rng(seed))


@pytest.fixture
def crop_HW() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = drawn(TURNED), drawn(TURNED), drawn(TURNED, seed=1)
    for field in fields(Draw):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
        assert not np.array_equal(getattr(first, field.name), getattr(other, field.name))


def test_draws_stay_within_their_limits() -> None:
    a = Augmentation(rotation=20, scale=0.2, shift=0.1, landmark_turn=6)
    choice = drawn(a)
    linear = choice.matrices_B23[:, :, :2]
    scale = np.sqrt(np.linalg.det(linear))
    assert 0.8 <= scale.min() < 0.85 and 1.15 < scale.max() <= 1.2
    angle = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert -20 <= angle.min() < -15 and 15 < angle.max() <= 20
    # Turned and scaled about the crop's centre, then shifted.
    centre = np.full(2, (SIDE - 1) / 2)
    shift = linear @ centre + choice.matrices_B23[:, :, 2] - centre
    assert 0.09 * SIDE < np.abs(shift).max() <= 0.1 * SIDE
    turns = choice.turns_B33
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    about_one_axis = np.rad2deg(np.arccos(((np.trace(turns, axis1=1, axis2=2) - 1) / 2).clip(-1, 1)))
    assert 5 < about_one_axis.max() <= 6 * np.sqrt(3) + 0.1
    assert (np.abs(np.log(choice.gamma_B)) <= 1).all()
    pitch, yaw, height = drawn(replace(a, head_turn=12, stretch=0.05)).head_turns_B3.T
    for angle in (pitch, yaw):
        assert -12 <= np.rad2deg(angle).min() < -11 and 11 < np.rad2deg(angle).max() <= 12
    assert 0.95 <= height.min() < 0.955 and 1.045 < height.max() <= 1.05
    assert choice.blur_B[choice.blur_B > 0].min() >= 0.3 and choice.blur_B.max() <= 1
    top, left, high, wide = choice.erase_B4.T
    assert top.min() >= 0 and (top + high).max() <= SIDE and left.min() >= 0 and (left + wide).max() <= SIDE
    area = (high * wide)[high > 0] / SIDE**2
    assert area.min() > 0.01 and area.max() <= 0.2


def test_chances_are_kept() -> None:
    augmentation = Augmentation(
        flip=0.3, blur=0.2, erase=0.6, mesh_dropout=0.1, gamma=0.3, landmark_noise=0.02
    )
    choice = drawn(augmentation, count=4000)
    rough = drawn(ROUGH, count=4000)
    for share, chance in (
        ((rough.blur_B > 0).mean(), ROUGH.blur),
        ((rough.sharpen_B > 0).mean(), ROUGH.sharpen),
        ((rough.noise_B > 0).mean(), ROUGH.noise),
        ((rough.jpeg_B > 0).mean(), ROUGH.jpeg),
        (choice.flip_B.mean(), 0.3),
        ((choice.blur_B > 0).mean(), 0.2),
        ((choice.erase_B4[:, 2] > 0).mean(), 0.6),
        (choice.drop_mesh_B.mean(), 0.1),
    ):
        assert share == pytest.approx(chance, abs=0.03)
    assert np.log(choice.gamma_B).std() == pytest.approx(0.3, abs=0.03)
    assert choice.landmark_noise_BLD.std() == pytest.approx(0.02, rel=0.02)


def test_without_augmentation_nothing_changes(no_augmentation: Augmentation, crop_HW: np.ndarray) -> None:
    choice = drawn(no_augmentation, count=50)
    np.testing.assert_allclose(
        choice.matrices_B23, np.broadcast_to([[1, 0, 0], [0, 1, 0]], (50, 2, 3)), atol=1e-12
    )
    assert not choice.flip_B.any() and not choice.drop_mesh_B.any()
    landmarks_BLD = np.random.default_rng(2).normal(size=(50, LANDMARKS, 3)).astype(np.float32)
    varied_BLD = vary_landmarks(landmarks_BLD, choice.turns_B33, choice.landmark_noise_BLD)
    np.testing.assert_array_equal(varied_BLD, landmarks_BLD)
    for row in range(50):
        np.testing.assert_array_equal(vary_crop(crop_HW, choice, row), crop_HW)


@pytest.mark.parametrize("name", ["flip", "blur", "sharpen", "noise", "jpeg", "erase", "mesh_dropout"])
@pytest.mark.parametrize("chance", [-0.1, 1.1])
def test_a_chance_is_between_0_and_1(name: str, chance: float) -> None:
    with pytest.raises(ValueError, match=name):
        Augmentation(**{name: chance})


def test_varied_crops_keep_their_shape_and_the_original(crop_HW: np.ndarray) -> None:
    before = crop_HW.copy()
    choice = drawn(Augmentation(blur=0.5), count=50)
    for row in range(50):
        varied_HW = vary_crop(crop_HW, choice, row)
        assert varied_HW.shape == (SIDE, SIDE)
        assert varied_HW.dtype == np.uint8
        np.testing.assert_array_equal(crop_HW, before)


def test_erasing_fills_a_rectangle_with_the_mean(no_augmentation: Augmentation, crop_HW: np.ndarray) -> None:
    choice = drawn(replace(no_augmentation, erase=1.0), count=1)
    top, left, high, wide = choice.erase_B4[0]
    erased_HW = vary_crop(crop_HW, choice, 0)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top : top + high, left : left + wide] = True
    assert (erased_HW[inside] == round(float(crop_HW.mean()))).all()
    np.testing.assert_array_equal(erased_HW[~inside], crop_HW[~inside])


def test_rough_pictures_are_drawn_after_all_else() -> None:
    # So that recipes without them still see the very pictures that their published runs saw.
    plain, rough = drawn(Augmentation()), drawn(replace(Augmentation(), sharpen=0.5, noise=0.5, jpeg=0.5))
    new = {"sharpen_B", "noise_B", "noise_seed_B", "jpeg_B"}
    np.testing.assert_array_equal(plain.head_turns_B3, np.tile([0, 0, 1], (400, 1)))
    turned = drawn(replace(Augmentation(), sharpen=0.5, noise=0.5, jpeg=0.5, head_turn=10.0, stretch=0.05))
    np.testing.assert_array_equal(turned.jpeg_B, rough.jpeg_B)
    for field in fields(Draw):
        same = np.array_equal(getattr(plain, field.name), getattr(rough, field.name))
        assert same == (field.name not in new - {"noise_seed_B"})


def test_noise_has_the_spread_that_was_asked_and_the_same_seed_gives_the_same(
    no_augmentation: Augmentation,
) -> None:
    grey_HW = np.full((200, 200), 128, np.uint8)
    noisy_HW = with_noise(grey_HW, 6.0, np.random.default_rng(0))
    assert noisy_HW.dtype == np.uint8
    assert noisy_HW.std() == pytest.approx(6, rel=0.03) and noisy_HW.mean() == pytest.approx(128, abs=0.2)
    choice = drawn(replace(no_augmentation, noise=1.0), count=20)
    crop_HW = np.random.default_rng(1).integers(80, 176, (SIDE, SIDE), dtype=np.uint8)
    for row in range(20):
        varied_HW = vary_crop(crop_HW, choice, row)
        np.testing.assert_array_equal(varied_HW, vary_crop(crop_HW, choice, row))
        added = (varied_HW.astype(float) - crop_HW).std() / crop_HW.std()
        assert added == pytest.approx(choice.noise_B[row], rel=0.1, abs=0.01)


def test_sharpening_raises_an_edge_and_leaves_what_is_flat() -> None:
    step_HW = np.repeat([[100] * 24 + [150] * 24], SIDE, axis=0).astype(np.uint8)
    sharper_HW = sharpened(step_HW, 1.0)
    assert sharper_HW[:, 23].max() < 100 and sharper_HW[:, 24].min() > 150
    np.testing.assert_array_equal(sharper_HW[:, :20], step_HW[:, :20])
    np.testing.assert_array_equal(sharpened(step_HW, 0.0), step_HW)


def test_jpeg_of_lower_quality_is_further_from_the_picture(crop_HW: np.ndarray) -> None:
    lost = [np.abs(as_jpeg(crop_HW, quality).astype(float) - crop_HW).mean() for quality in (95, 60, 20)]
    assert 0 < lost[0] < lost[1] < lost[2]


def test_gamma_changes_grey_levels_one_by_one(no_augmentation: Augmentation) -> None:
    crop_HW = np.arange(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint8)
    choice = drawn(replace(no_augmentation, gamma=0.5), count=20)
    for row in range(20):
        varied_HW = vary_crop(crop_HW, choice, row)
        expected = 255 * (crop_HW / 255) ** choice.gamma_B[row]
        np.testing.assert_allclose(varied_HW, expected, atol=1)
        assert (varied_HW.min(), varied_HW.max()) == (0, 255)


def test_landmarks_are_turned_then_jittered() -> None:
    quarter_about_z = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    landmarks_BLD = np.array([[[1, 0, 5]]], np.float32)
    noise_BLD = np.array([[[0.5, 0, 0]]], np.float32)
    varied_BLD = vary_landmarks(landmarks_BLD, quarter_about_z, noise_BLD)
    assert varied_BLD.dtype == np.float32
    np.testing.assert_allclose(varied_BLD, [[[0.5, 1, 5]]], atol=1e-6)


def test_flipping_a_matrix_mirrors_the_crop() -> None:
    matrix = np.array([[1.0, -0.2, 3], [0.2, 1, 4]])
    mirrored = flipped(matrix)
    for point in ([0.0, 0], [10, 20], [-3, 7]):
        x, y = matrix[:, :2] @ point + matrix[:, 2]
        np.testing.assert_allclose(mirrored[:, :2] @ point + mirrored[:, 2], [SIDE - 1 - x, y])
