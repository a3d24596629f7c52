"""Which of several trained models is the best? Scored on PublicTest alone, as it is and on rough pictures.

``python -m training.choose --data fer2013.csv [NAME=WEIGHTS …]`` holds each model against the first one
named; without names it scores the package's own two. PrivateTest is not looked at: it is for reporting what
was chosen (`training.evaluate`). Of own data it scores the pictures of ``val``.

The rough pictures are PublicTest's crops with the noise, blur, sharpening and JPEG that our recipes train on
(`training.recipes.ROUGH`), the same for every model. Their meshes are those of the pictures as they were: of
a photograph, too, the mesh is found in a larger and finer picture than the crop that the CNN sees. A model
that is as good on clean pictures and better on these minds less where a picture comes from.

Shape suffixes: N pictures, K class.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.catalogue import ASSETS, DEFAULT_MODELS
from fusion_model.classifier import Classifier, softmax
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation import comparison_of, figures_of, negative_log_likelihood
from fusion_model.preprocess import FaceInputs
from training.augment import draw, vary_crop
from training.data import DATA_HELP, Asked, add_arguments, read_data
from training.dataset import make_samples
from training.evaluate import check_answered, labels_of, named_weights
from training.landmark_cache import landmarks_of
from training.recipes import ROUGH
from training.samples import DataError
from training.scoring import face_of, logits_of_faces
from training.teachers import together

SPLIT = "PublicTest"
#: What recipes do to rough pictures, without moving, mirroring or covering anything.
CHANGES = replace(ROUGH, rotation=0.0, scale=0.0, shift=0.0, flip=0.0, erase=0.0, mesh_dropout=0.0)
#: Of the rough pictures.
SEED = 0
#: Of the mean of all models, where there are several.
TOGETHER = "together"


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    models = dict(options.models) or {name: ASSETS / f"{name}.safetensors" for name in DEFAULT_MODELS}
    try:
        scores = choose(Asked.of(options), models)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    print(scores.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    return 0


def choose(asked: Asked, models: dict[str, Path]) -> pd.DataFrame:
    """Scores of these models, one row each; of several also those of their mean log-probabilities.

    Parameters
    ----------
    asked : the data
    models : weights by model name; the first is what the others are held against

    Returns
    -------
    pandas.DataFrame
        ``model``; ``accuracy`` and ``macro_f1``, 0..1, and ``nll``, nats, with flip TTA and the card's
        calibration; ``won`` and ``lost``, pictures that it alone and the first alone is right on, with the
        ``p`` of McNemar's exact test; ``rough_accuracy`` and ``rough_nll`` of the rough pictures. Calibration
        was fitted on these pictures, so likelihoods are a little kind, to all models alike.

    Raises
    ------
    DataError
        For data without PublicTest pictures, or models of other classes than these.
    CheckpointError
        For weights that cannot be used.
    """
    labels = labels_of(models)
    classifiers = {name: Classifier.load(path) for name, path in models.items()}
    dataset = read_data(asked)
    check_answered(dataset, models, labels)
    samples = make_samples(dataset, landmarks_of(dataset, asked.cache, asked.workers))
    samples = samples.select(dataset.splits_N == SPLIT)
    if not len(samples):
        raise DataError(f"{asked.data} has no {SPLIT} pictures to choose by.")
    truth_N = np.array([labels.index(label) for label in dataset.labels])[samples.labels_N]
    plain = [face_of(samples, index) for index in range(len(samples))]
    said = [_said(classifiers, labels, faces) for faces in (plain, rough_faces(plain))]
    first_N = said[0][next(iter(models))].argmax(axis=1)
    rows = []
    for name in said[0]:
        plain_NK, rough_NK = (answers[name] for answers in said)
        figures = figures_of(name, labels, truth_N, plain_NK, resamples=1)
        pair = comparison_of(("", name), truth_N, first_N, plain_NK.argmax(axis=1), resamples=1)
        rows.append(
            {
                "model": name,
                "accuracy": figures.accuracy.value,
                "macro_f1": figures.macro_f1.value,
                "nll": figures.nll,
                "won": pair.only_second,
                "lost": pair.only_first,
                "p": pair.mcnemar_p,
                "rough_accuracy": float((rough_NK.argmax(axis=1) == truth_N).mean()),
                "rough_nll": negative_log_likelihood(truth_N, rough_NK),
            }
        )
    return pd.DataFrame(rows)


def rough_faces(faces: Sequence[FaceInputs]) -> list[FaceInputs]:
    """The same faces, in the same order, their crops made rough; the same every time."""
    drawn = draw(CHANGES, len(faces), 0, np.random.default_rng(SEED))
    return [replace(face, crop_HW=vary_crop(face.crop_HW, drawn, row)) for row, face in enumerate(faces)]


def _said(
    classifiers: dict[str, Classifier], labels: tuple[str, ...], faces: list[FaceInputs]
) -> dict[str, np.ndarray]:
    """Probabilities (N, K) in the order of `labels` by model; of several also what they say together."""
    said = {}
    for name, classifier in classifiers.items():
        answered_NK = softmax(logits_of_faces(classifier, faces, mirrored=True), classifier.card.temperature)
        said[name] = answered_NK[:, [classifier.card.labels.index(label) for label in labels]]
    if len(said) > 1:
        said[TOGETHER] = together(list(said.values()))
    return said


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.choose", description="Score models on PublicTest, to choose among them."
    )
    parser.add_argument(
        "models", nargs="*", type=named_weights, metavar="NAME=WEIGHTS", help="default: the package's own two"
    )
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
