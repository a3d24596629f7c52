"""From a picture to an answer for every face in it: find, prepare, classify.

Shape suffixes: H height, W width, C colour, L landmark (478), D coordinate (x, y, z).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch

from fusion_model.answers import FacePrediction, ModelAnswer, PicturePrediction
from fusion_model.catalogue import ASSETS, DEFAULT_MODELS, unknown_models
from fusion_model.checkpoint import CheckpointError
from fusion_model.classifier import Classifier, FaceBatch, load_classifiers
from fusion_model.face_measures import FaceMeasures
from fusion_model.faces import Face, FaceFinder
from fusion_model.inference import ReadyBranches
from fusion_model.preprocess import FaceInputs, face_inputs
from fusion_model.tracking import Tracks, follow


class Predictor:
    """Finds the faces of a picture and lets every model answer. Use one per thread (MediaPipe's graphs).

    Parameters
    ----------
    models : names of models in `folder`, see `fusion_model.catalogue`; loaded now, others when first asked
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
        self._models = tuple(models)
        self._folder = folder
        self._device = torch.device(device)
        self._branches: ReadyBranches = {}
        self.classifiers: dict[str, Classifier] = {}
        self.load(self._models)
        self._finder = FaceFinder()

    def load(self, models: Sequence[str]) -> None:
        """Load those of these models that are not loaded yet.

        Raises
        ------
        CheckpointError
            For a model that is not there, or cannot be used; then none of them is loaded.
        """
        missing = [name for name in models if name not in self.classifiers]
        if trouble := unknown_models(missing, self._folder):
            raise CheckpointError(trouble)
        paths = [self._folder / f"{name}.safetensors" for name in missing]
        loaded = load_classifiers(paths, str(self._device), branches=self._branches)
        self.classifiers |= dict(zip(missing, loaded, strict=True))

    def predict(self, rgb_HWC: np.ndarray, models: Sequence[str] | None = None) -> PicturePrediction:
        """Answer for a picture.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3), as `fusion_model.images.decode_image` gives it
        models : names of models to ask, in the order of the answers; None for those given at first. One that
            was never asked before is loaded now.

        Raises
        ------
        CheckpointError
            For a model that is not there, or cannot be used.
        """
        asked = self._asked(models)
        clock = _Stopwatch()
        faces = self._finder.find(rgb_HWC)
        clock.lap("find")
        return self._answer(rgb_HWC, faces, asked, clock)

    def follow(
        self, rgb_HWC: np.ndarray, tracks: Tracks, now: float, models: Sequence[str] | None = None
    ) -> tuple[PicturePrediction, Tracks]:
        """Answer for the next frame of a film.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3)
        tracks : what the frame before gave; `Tracks()` for the first
        now : time of the frame, seconds, on any clock that only goes forward
        models : as for `predict`

        Returns
        -------
        The prediction, its faces in the order of the tracks' `current`, and the tracks for the next frame.

        Raises
        ------
        CheckpointError
            For a model that is not there, or cannot be used.
        """
        asked = self._asked(models)
        clock = _Stopwatch()
        tracks = follow(self._finder, rgb_HWC, tracks, now)
        clock.lap("find")
        faces = [track.face for track in tracks.current]
        return self._answer(rgb_HWC, faces, asked, clock), tracks

    def _asked(self, models: Sequence[str] | None) -> tuple[str, ...]:
        """Names of the models to ask, loaded."""
        asked = tuple(models) if models is not None else self._models
        self.load(asked)
        return asked

    def _answer(
        self, rgb_HWC: np.ndarray, faces: list[Face], asked: tuple[str, ...], clock: "_Stopwatch"
    ) -> PicturePrediction:
        height, width = rgb_HWC.shape[:2]
        inputs = [face_inputs(rgb_HWC, face) for face in faces]
        measures = [
            FaceMeasures.of(face, made.crop_HW, width, height)
            for face, made in zip(faces, inputs, strict=True)
        ]
        batch = FaceBatch.of(inputs, self._device)
        clock.lap("prepare")
        answers: list[dict[str, ModelAnswer]] = [{} for _ in faces]
        for name in asked:
            classifier = self.classifiers[name]
            for answer, probabilities_K in zip(answers, classifier.answer(batch), strict=True):
                by_label = dict(zip(classifier.card.labels, probabilities_K.tolist(), strict=True))
                answer[name] = ModelAnswer(max(by_label, key=by_label.__getitem__), by_label)
            clock.lap(name)
        made = map(_prediction, faces, inputs, answers, measures)
        return PicturePrediction(width, height, tuple(made), clock.laps)

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
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = (now - self._since) * 1000
        self._since = now


def _prediction(
    face: Face, inputs: FaceInputs, models: dict[str, ModelAnswer], measures: FaceMeasures
) -> FacePrediction:
    left, top, width, height = face.box
    right, bottom = round(left + width), round(top + height)
    box = (round(left), round(top), right - round(left), bottom - round(top))
    return FacePrediction(box, inputs.mesh_found, face.landmarks_LD, inputs.crop_HW, models, measures)
