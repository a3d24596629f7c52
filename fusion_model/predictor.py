"""From a picture to an answer for every face in it: find, prepare, classify.

Shape suffixes: H height, W width, C colour, L landmark (478), D coordinate (x, y, z).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from fusion_model.checkpoint import ASSETS, CheckpointError, available_models
from fusion_model.classifier import FaceBatch, load_classifiers
from fusion_model.faces import Face, FaceFinder
from fusion_model.preprocess import FaceInputs, face_inputs

DEFAULT_MODELS = ("cnn", "fusion")


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answer for one face.

    Attributes
    ----------
    label : the likeliest class.
    probabilities : calibrated, by class in the model's order; they sum to 1.
    """

    label: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class FacePrediction:
    """All models' answers for one face.

    Attributes
    ----------
    box : x, y, width, height, px of the picture.
    landmarks_found : whether Face Mesh found landmarks.
    landmarks_LD : float32 (478, 3), px of the picture (z on the scale of x), or None.
    crop_HW : uint8 (48, 48), the grey, levelled crop that the models saw.
    models : answers by model name.
    """

    box: tuple[int, int, int, int]
    landmarks_found: bool
    landmarks_LD: np.ndarray | None
    crop_HW: np.ndarray
    models: dict[str, ModelAnswer]


@dataclass(frozen=True)
class PicturePrediction:
    """The answer for one picture.

    Attributes
    ----------
    width, height : of the picture, px.
    faces : largest first; empty where no face was found.
    milliseconds : time spent on `find`, on `prepare`, and on each model by name; what models share counts for
        the first of them.
    """

    width: int
    height: int
    faces: tuple[FacePrediction, ...]
    milliseconds: dict[str, float]


class Predictor:
    """Finds the faces of a picture and lets every model answer. Use one per thread (MediaPipe's graphs).

    Parameters
    ----------
    models : names of models in `folder`, see `fusion_model.checkpoint.available_models`
    folder : where their weights and cards lie
    device : "cpu" or "cuda"

    Raises
    ------
    CheckpointError
        For a model that is not there, or cannot be used.
    """

    def __init__(
        self, models: Sequence[str] = DEFAULT_MODELS, folder: Path = ASSETS, device: str = "cpu"
    ) -> None:
        unknown = [name for name in models if not (folder / f"{name}.safetensors").exists()]
        if unknown:
            known = ", ".join(available_models()) if folder == ASSETS else "those in " + str(folder)
            raise CheckpointError(f"There is no model named {', '.join(unknown)}; choose from {known}.")
        loaded = load_classifiers([folder / f"{name}.safetensors" for name in models], device)
        self.classifiers = dict(zip(models, loaded, strict=True))
        self._device = torch.device(device)
        self._finder = FaceFinder()

    def predict(self, rgb_HWC: np.ndarray) -> PicturePrediction:
        """Answer for a picture.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3), as `fusion_model.images.decode_image` gives it
        """
        milliseconds: dict[str, float] = {}
        clock = _Stopwatch(milliseconds)
        faces = self._finder.find(rgb_HWC)
        clock.lap("find")
        inputs = [face_inputs(rgb_HWC, face) for face in faces]
        batch = FaceBatch.of(inputs, self._device)
        clock.lap("prepare")
        answers: list[dict[str, ModelAnswer]] = [{} for _ in faces]
        for name, classifier in self.classifiers.items():
            for answer, probabilities_K in zip(answers, classifier.answer(batch), strict=True):
                by_label = dict(zip(classifier.card.labels, probabilities_K.tolist(), strict=True))
                answer[name] = ModelAnswer(max(by_label, key=by_label.__getitem__), by_label)
            clock.lap(name)
        made = map(_prediction, faces, inputs, answers)
        return PicturePrediction(rgb_HWC.shape[1], rgb_HWC.shape[0], tuple(made), milliseconds)

    def close(self) -> None:
        """Free MediaPipe's graphs."""
        self._finder.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()


class _Stopwatch:
    def __init__(self, laps: dict[str, float]) -> None:
        self._laps = laps
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = (now - self._since) * 1000
        self._since = now


def _prediction(face: Face, inputs: FaceInputs, models: dict[str, ModelAnswer]) -> FacePrediction:
    left, top, width, height = face.box
    right, bottom = round(left + width), round(top + height)
    box = (round(left), round(top), right - round(left), bottom - round(top))
    return FacePrediction(box, inputs.mesh_found, face.landmarks_LD, inputs.crop_HW, models)
