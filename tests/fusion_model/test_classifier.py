"""A network applied to faces: probabilities, and the average with the mirrored face."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_model.checkpoint import CheckpointError
from fusion_model.classifier import Classifier, softmax
from fusion_model.faces import LANDMARKS, Face
from fusion_model.labels import EXPRESSIONS
from fusion_model.mirror import mirror_landmarks
from fusion_model.network import KINDS
from fusion_model.preprocess import SIDE, FaceInputs, face_inputs

Saved = Callable[..., Path]


def mirrored_face(face: FaceInputs) -> FaceInputs:
    return FaceInputs(
        np.ascontiguousarray(face.crop_HW[:, ::-1]), mirror_landmarks(face.landmarks_LD), face.mesh_found
    )


@pytest.fixture(scope="module")
def faces(astronaut: np.ndarray, astronaut_face: Face) -> list[FaceInputs]:
    """The astronaut, the astronaut without a mesh, noise with noise for landmarks, and a flat crop."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return [
        face_inputs(astronaut, astronaut_face),
        face_inputs(astronaut, replace(astronaut_face, landmarks_LD=None)),
        FaceInputs(noise, rng.normal(size=(LANDMARKS, 3)).astype(np.float32), True),
        FaceInputs(np.full((SIDE, SIDE), 99, np.uint8), np.zeros((LANDMARKS, 3), np.float32), False),
    ]


@pytest.fixture(params=KINDS)
def classifier(request: pytest.FixtureRequest, saved_model: Saved) -> Classifier:
    return Classifier.load(saved_model(request.param, temperature=1.5))


@pytest.mark.parametrize("mirrored", [True, False])
def test_probabilities_sum_to_1(classifier: Classifier, faces: list[FaceInputs], mirrored: bool) -> None:
    probabilities_BK = classifier.probabilities(faces, mirrored=mirrored)
    assert probabilities_BK.shape == (4, 7)
    assert probabilities_BK.dtype == np.float64
    assert (probabilities_BK >= 0).all()
    np.testing.assert_allclose(probabilities_BK.sum(axis=1), 1, rtol=1e-12)
    logits_BK = classifier.logits(faces, mirrored=mirrored)
    assert logits_BK.shape == (4, 7)
    assert logits_BK.dtype == np.float32
    powers_BK = np.exp(logits_BK.astype(float) / 1.5)
    np.testing.assert_allclose(probabilities_BK, powers_BK / powers_BK.sum(axis=1, keepdims=True))


def test_the_mirrored_answer_is_the_mean_of_the_face_and_its_mirror_image(
    classifier: Classifier, faces: list[FaceInputs]
) -> None:
    straight_BK = classifier.logits(faces, mirrored=False)
    turned_BK = classifier.logits([mirrored_face(face) for face in faces], mirrored=False)
    together_BK = classifier.logits(faces, mirrored=True)
    np.testing.assert_allclose(together_BK, (straight_BK + turned_BK) / 2, atol=1e-4)
    # Not by chance: this network answers otherwise for a mirrored face.
    assert np.abs(straight_BK - turned_BK)[2].max() > 1e-3


def test_a_mirrored_face_gets_the_same_answer(classifier: Classifier, faces: list[FaceInputs]) -> None:
    answers = [classifier.probabilities(shown) for shown in (faces, [mirrored_face(face) for face in faces])]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_each_face_is_answered_by_itself(classifier: Classifier, faces: list[FaceInputs]) -> None:
    together_BK = classifier.logits(faces)
    for face, logits_K in zip(faces, together_BK, strict=True):
        np.testing.assert_allclose(classifier.logits([face])[0], logits_K, atol=1e-4)


def test_a_missing_mesh_is_told_to_the_network(saved_model: Saved, faces: list[FaceInputs]) -> None:
    for kind, differs in (("cnn", False), ("landmarks", True), ("fusion", True)):
        classifier = Classifier.load(saved_model(kind))
        shown = [faces[2], replace(faces[2], mesh_found=False)]
        logits_BK = classifier.logits(shown)
        assert (np.abs(logits_BK[0] - logits_BK[1]).max() > 1e-3) == differs


@pytest.mark.parametrize("mirrored", [True, False])
def test_no_faces_give_no_answers(classifier: Classifier, mirrored: bool) -> None:
    assert classifier.logits([], mirrored=mirrored).shape == (0, 7)
    assert classifier.probabilities([], mirrored=mirrored).shape == (0, 7)


def test_the_network_is_ready_to_answer(classifier: Classifier) -> None:
    assert not classifier.network.training
    assert classifier.card.labels == EXPRESSIONS
    assert classifier.device == torch.device("cpu")


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nobody"):
        Classifier.load(tmp_path / "nobody.safetensors")


def test_softmax_of_large_logits_is_finite() -> None:
    probabilities_BK = softmax(np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], np.float32), 0.05)
    np.testing.assert_allclose(probabilities_BK, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


def test_a_higher_temperature_makes_answers_less_sure() -> None:
    logits_BK = np.array([[2.0, 1, 0]], np.float32)
    sure = [softmax(logits_BK, temperature).max() for temperature in (0.5, 1, 2, 20)]
    assert sure == sorted(sure, reverse=True)
