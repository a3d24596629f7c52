"""Training equals live use: a picture gives the same inputs, to the bit, and the same answers, both ways."""

import cv2
import numpy as np
import pytest
import torch

from fusion_model.checkpoint import Card
from fusion_model.classifier import Classifier
from fusion_model.faces import Face, FaceFinder
from fusion_model.frame import Frame, frame_matrix
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.preprocess import FaceInputs, face_inputs
from training.dataset import make_samples
from training.fer2013 import FaceDataset
from training.landmark_cache import landmarks_of
from training.scoring import face_of, logits_of
from training.workers import Workers

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS, WITHOUT_FACE, TinyFer


def assert_same(trained: FaceInputs, live: FaceInputs) -> None:
    assert trained.mesh_found == live.mesh_found
    for one, other in ((trained.crop_HW, live.crop_HW), (trained.landmarks_LD, live.landmarks_LD)):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    config = {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8}
    network = build_network("fusion", 7, config).eval()
    return Classifier(network, Card("fusion", "fusion", config, EXPRESSIONS), torch.device("cpu"))


def test_every_picture_of_the_data_is_prepared_as_it_is_live(tiny_fer: TinyFer, finder: FaceFinder) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    found = []
    for row, image_HW in enumerate(tiny_fer.dataset.images_NHW):
        live = face_inputs(image_HW, finder.read_crop(image_HW))
        assert_same(face_of(samples, row), live)
        found.append(live.mesh_found)
    # Both ways were walked: pictures with a mesh, noise and flat ones without.
    assert [row for row, mesh_found in enumerate(found) if not mesh_found] == list(WITHOUT_FACE)


def test_training_knows_a_face_as_the_live_page_sees_it_in_a_photograph(
    astronaut: np.ndarray, astronaut_face: Face, finder: FaceFinder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A photograph, and the same face cut out of it like a picture of FER-2013: nearly the same inputs."""
    frame = Frame(48)
    crop = frame.cut(astronaut, frame_matrix(astronaut_face.eyes_ED, None, frame))
    dataset = FaceDataset(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[None], np.array([3]), np.array(["Training"]))
    landmarks = landmarks_of(dataset, tmp_path_factory.mktemp("cache"), workers=Workers(1))
    trained = face_of(make_samples(dataset, landmarks), 0)
    live = face_inputs(astronaut, astronaut_face)
    assert trained.mesh_found and live.mesh_found
    assert np.linalg.norm(trained.landmarks_LD - live.landmarks_LD, axis=1).mean() < 0.06
    assert np.abs(trained.crop_HW.astype(int) - live.crop_HW).mean() < 6


@pytest.mark.parametrize("mirrored", [True, False])
def test_logits_are_those_of_each_picture_in_order(
    mirrored: bool, tiny_fer: TinyFer, classifier: Classifier, finder: FaceFinder
) -> None:
    samples = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    logits_NK = logits_of(classifier, samples, mirrored=mirrored, batch=16)
    assert logits_NK.shape == (40, 7)
    assert logits_NK.dtype == np.float32
    for row in (0, 5, 16, 39):
        image_HW = tiny_fer.dataset.images_NHW[row]
        live = [face_inputs(image_HW, finder.read_crop(image_HW))]
        np.testing.assert_allclose(logits_NK[row], classifier.logits(live, mirrored=mirrored)[0], atol=1e-4)


def test_no_pictures_have_no_logits(tiny_fer: TinyFer, classifier: Classifier) -> None:
    none = make_samples(tiny_fer.dataset, tiny_fer.landmarks).select(np.zeros(40, bool))
    assert logits_of(classifier, none, mirrored=True).shape == (0, 7)
