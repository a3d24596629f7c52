"""The small detector: where its patches are, and that it learns."""

from pathlib import Path

import cv2
import numpy as np
import torch

from fusion_model.boxes import intersection_over_union
from training.scenes import FacePicture, Kind, compose, drawn_from
from training.small_detector import (
    PATCH,
    STRIDE,
    SmallDetector,
    SmallFinder,
    lesson_patches,
    load_small_detector,
    save_small_detector,
    train_small_detector,
)


def ring() -> FacePicture:
    """What the detector is to learn here: a white ring on black, easy to tell from any texture."""
    pixels = np.zeros((64, 64), np.uint8)
    cv2.circle(pixels, (32, 32), 20, 255, 7)
    return FacePicture(pixels, (0.0, 0.0, 64.0, 64.0))


def test_every_patch_has_one_answer_and_they_are_a_stride_apart() -> None:
    network = SmallDetector()
    assert network(torch.rand(2, 1, PATCH, PATCH)).shape == (2, 1, 1)
    assert network(torch.rand(1, 1, PATCH + 3 * STRIDE, PATCH + STRIDE)).shape == (1, 4, 2)


def test_patches_of_a_lesson_show_the_face_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    lesson = Kind("lesson", 320, 240, (2, 2), (40, 60), 0)
    faces, others = lesson_patches(compose(lesson, drawn_from([ring()]), "choosing", rng), rng)
    assert faces.shape == (4, PATCH, PATCH) and len(others) >= 8
    # The ring is bright all around the dark middle of a face's patch.
    assert (faces[:, 10:14, 10:14].mean(axis=(1, 2)) < faces.max(axis=(1, 2)) - 60).all()


def test_it_learns_and_finds_what_it_learnt_where_it_is() -> None:
    torch.set_num_threads(1)
    network = train_small_detector(drawn_from([ring()]), lessons=60, epochs=6, rounds=2)
    scene = compose(
        Kind("test", 320, 240, (2, 2), (30, 70), 0),
        drawn_from([ring()]),
        "reporting",
        np.random.default_rng(3),
    )
    found = SmallFinder(network).find(scene.rgb_HWC)
    for box_B in scene.boxes_FB:
        best = max(found, key=lambda item: intersection_over_union(item.box, tuple(box_B)))
        assert intersection_over_union(best.box, tuple(box_B)) > 0.5
        assert best.score > 0.5


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    network = SmallDetector()
    save_small_detector(network, tmp_path / "small.safetensors")
    again = load_small_detector(tmp_path / "small.safetensors")
    picture = torch.rand(1, 1, 40, 40)
    assert torch.equal(network.eval()(picture), again(picture))
    assert [path.name for path in tmp_path.iterdir()] == ["small.safetensors"]


def test_a_picture_smaller_than_a_patch_has_no_face() -> None:
    assert SmallFinder(SmallDetector()).find(np.zeros((10, 12, 3), np.uint8)) == []
