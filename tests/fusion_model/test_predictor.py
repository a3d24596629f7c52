"""The whole path, from a picture to answers: with small random models, and with the committed ones."""

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fusion_model import classifier as classifiers
from fusion_model.answers import PicturePrediction
from fusion_model.catalogue import DEFAULT_MODELS
from fusion_model.checkpoint import Card, CheckpointError
from fusion_model.faces import LANDMARKS, Face
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import ExpressionNetwork
from fusion_model.predictor import Predictor
from fusion_model.preprocess import SIDE, face_inputs

Saved = Callable[..., Path]


@pytest.fixture
def folder(saved_model: Saved) -> Path:
    """A folder with a small random CNN and fusion model."""
    saved_model("fusion", temperature=2.0)
    return saved_model("cnn").parent


@pytest.fixture
def predictor(folder: Path) -> Iterator[Predictor]:
    with Predictor(folder=folder) as predictor:
        yield predictor


def test_every_model_answers_for_a_real_face(
    predictor: Predictor, astronaut: np.ndarray, astronaut_face: Face
) -> None:
    picture = predictor.predict(astronaut)
    assert (picture.width, picture.height) == (512, 512)
    (face,) = picture.faces
    assert all(type(number) is int for number in face.box)
    np.testing.assert_allclose(face.box, astronaut_face.box, atol=1.01)
    assert face.landmarks_found
    assert face.landmarks_LD is not None
    assert face.landmarks_LD.shape == (LANDMARKS, 3)
    np.testing.assert_array_equal(face.crop_HW, face_inputs(astronaut, astronaut_face).crop_HW)
    assert face.crop_HW.shape == (SIDE, SIDE)
    assert tuple(face.models) == DEFAULT_MODELS == ("cnn", "fusion")
    for answer in face.models.values():
        assert tuple(answer.probabilities) == EXPRESSIONS
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.probabilities[answer.label] == max(answer.probabilities.values())
    # They are the classifiers' answers, temperature and mirrored face included.
    inputs = [face_inputs(astronaut, astronaut_face)]
    for name, classifier in predictor.classifiers.items():
        expected = classifier.probabilities(inputs)[0]
        np.testing.assert_allclose(list(face.models[name].probabilities.values()), expected, atol=1e-6)


def test_the_time_of_each_step_is_told(predictor: Predictor, astronaut: np.ndarray) -> None:
    milliseconds = predictor.predict(astronaut).milliseconds
    assert tuple(milliseconds) == ("find", "prepare", "cnn", "fusion")
    assert all(math.isfinite(time) and time >= 0 for time in milliseconds.values())


def test_a_picture_without_a_face_has_no_answers(predictor: Predictor) -> None:
    picture = predictor.predict(np.full((120, 200, 3), 128, np.uint8))
    assert (picture.width, picture.height, picture.faces) == (200, 120, ())
    assert tuple(picture.milliseconds) == ("find", "prepare", "cnn", "fusion")


def test_faces_come_largest_first_with_boxes_inside(predictor: Predictor, astronaut: np.ndarray) -> None:
    picture_HWC = np.concatenate([astronaut[:300, 100:330], np.zeros((300, 70, 3), np.uint8)], axis=1)
    small = np.ascontiguousarray(astronaut[::2, ::2][:150, 50:165])
    picture_HWC[150:, 230:] = 0
    picture_HWC = np.concatenate([np.pad(small, ((0, 150), (0, 0), (0, 0))), picture_HWC], axis=1)
    picture = predictor.predict(picture_HWC)
    assert len(picture.faces) == 2
    areas = [face.box[2] * face.box[3] for face in picture.faces]
    assert areas == sorted(areas, reverse=True)
    for face in picture.faces:
        x, y, width, height = face.box
        assert x >= 0 and y >= 0 and x + width <= picture.width and y + height <= picture.height
    # Each face is answered by itself.
    assert picture.faces[0].models != picture.faces[1].models


def test_a_mirrored_picture_gets_nearly_the_same_answer(predictor: Predictor, astronaut: np.ndarray) -> None:
    straight = predictor.predict(astronaut).faces[0]
    mirrored = predictor.predict(np.ascontiguousarray(astronaut[:, ::-1])).faces[0]
    for name, answer in straight.models.items():
        for label, probability in answer.probabilities.items():
            assert mirrored.models[name].probabilities[label] == pytest.approx(probability, abs=0.15)


def test_the_models_asked_for_answer_in_that_order(folder: Path, astronaut: np.ndarray) -> None:
    for models in (["fusion", "cnn"], ["fusion"]):
        with Predictor(models, folder) as predictor:
            (face,) = predictor.predict(astronaut).faces
        assert list(face.models) == models


def test_a_model_is_loaded_when_it_is_first_asked_for(
    folder: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = classifiers.load_checkpoint

    def counted(path: Path) -> tuple[ExpressionNetwork, Card]:
        loaded.append(path.stem)
        return load(path)

    monkeypatch.setattr(classifiers, "load_checkpoint", counted)
    with Predictor(["cnn"], folder) as predictor:
        assert loaded == ["cnn"]
        alone = predictor.predict(astronaut).faces[0].models
        both = predictor.predict(astronaut, ["fusion", "cnn"]).faces[0].models
        assert list(alone) == ["cnn"] and list(both) == ["fusion", "cnn"]
        assert both["cnn"] == alone["cnn"]
        assert list(predictor.predict(astronaut).faces[0].models) == ["cnn"]
        with pytest.raises(CheckpointError, match="no model named resnet; choose from cnn, fusion"):
            predictor.predict(astronaut, ["cnn", "resnet"])
    assert loaded == ["cnn", "fusion"]


def test_an_unknown_model_is_named(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no model named resnet; choose from cnn, fusion"):
        Predictor(["cnn", "resnet"], folder)
    with pytest.raises(CheckpointError, match=r"no model named resnet; choose from cnn, fusion"):
        Predictor(["cnn", "resnet"])


def test_a_model_that_cannot_be_used_is_an_error(folder: Path) -> None:
    (folder / "cnn.json").unlink()
    with pytest.raises(CheckpointError, match=r"cnn\.json is missing"):
        Predictor(folder=folder)


def test_two_threads_answer_with_a_predictor_each(folder: Path, astronaut: np.ndarray) -> None:
    answers: list[PicturePrediction] = []

    def work() -> None:
        with Predictor(folder=folder) as predictor:
            answers.extend(predictor.predict(astronaut) for _ in range(2))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(answers) == 4
    assert all(answer.faces[0].models == answers[0].faces[0].models for answer in answers)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_astronaut_looks_happy_to_both_committed_models(astronaut: np.ndarray, mirrored: bool) -> None:
    with Predictor() as predictor:
        picture = predictor.predict(np.ascontiguousarray(astronaut[:, ::-1]) if mirrored else astronaut)
    (face,) = picture.faces
    assert face.landmarks_found
    assert {name: answer.label for name, answer in face.models.items()} == {"cnn": "happy", "fusion": "happy"}
    assert all(answer.probabilities["happy"] > 0.5 for answer in face.models.values())
