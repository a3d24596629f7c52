"""Score trained models on the test splits and write the prediction tables.

``python -m training.evaluate --data fer2013.csv cnn=runs/cnn/cnn.safetensors fusion=…`` writes
``fer2013_predictions.csv.gz`` (flip test-time augmentation) and ``fer2013_predictions_no_tta.csv.gz`` into
``runs/evaluation``; ``--publish`` writes them, and the weights, where the package ships them. Every row has
the measured slices of its picture (`training.slices`); with ``--votes`` also what FER+'s taggers said of it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.checkpoint import ASSETS
from fusion_model.classifier import Classifier, softmax
from fusion_model.errors import ExpressionLensError
from fusion_model.prediction_table import PredictionTable, table_from_frame, write_table
from training.dataset import Samples, make_samples
from training.fer2013 import DataError, FaceDataset, copies_of_training, read_fer2013, read_votes
from training.landmark_cache import DEFAULT_CACHE, landmarks_of
from training.publish import publish, publishable
from training.scoring import logits_of
from training.slices import measured_slices

TEST_SPLITS = ("PublicTest", "PrivateTest")
TABLES = {True: "fer2013_predictions.csv.gz", False: "fer2013_predictions_no_tta.csv.gz"}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    models = dict(options.models)
    try:
        cards = publishable(models, ASSETS) if options.publish else {}
        evaluate(
            options.data, models, options.cache, ASSETS if options.publish else options.out, options.votes
        )
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    if options.publish:
        publish(models, cards, ASSETS)
    return 0


def evaluate(data: Path, models: dict[str, Path], cache: Path, out: Path, votes: Path | None = None) -> None:
    """Write both prediction tables of these models into a folder.

    Parameters
    ----------
    data : what `training.fer2013.read_fer2013` reads
    models : weights by model name
    cache : folder of the landmark cache
    out : folder, made if missing
    votes : FER+ votes, or None for tables without their columns
    """
    classifiers = {name: Classifier.load(weights) for name, weights in models.items()}
    dataset = read_fer2013(data)
    if votes is not None:
        dataset = read_votes(votes, dataset)
    chosen_N = np.isin(dataset.splits_N, TEST_SPLITS)
    if not chosen_N.any():
        raise DataError(f"{data} has no PublicTest or PrivateTest pictures: there is nothing to score.")
    landmarks = landmarks_of(dataset, cache)
    samples = make_samples(dataset, landmarks).select(chosen_N)
    slices = measured_slices(
        samples.images_NHW,
        landmarks.landmarks_NLD[chosen_N],
        landmarks.mesh_found_N[chosen_N],
        samples.votes_NV,
    )
    out.mkdir(parents=True, exist_ok=True)
    for mirrored, name in TABLES.items():
        table = predictions(classifiers, dataset, samples, chosen_N, slices, mirrored=mirrored)
        write_table(table, out / name)
        print(f"{out / name}: {len(table)} rows, models {', '.join(table.models)}")


def predictions(
    classifiers: dict[str, Classifier],
    dataset: FaceDataset,
    samples: Samples,
    chosen_N: np.ndarray,
    slices: pd.DataFrame,
    *,
    mirrored: bool,
) -> PredictionTable:
    """The prediction table of the chosen pictures (`samples` and `slices`, where `chosen_N` is true)."""
    labels = np.array(dataset.labels)
    frame = pd.DataFrame(
        {
            "row": np.flatnonzero(chosen_N),
            "split": dataset.splits_N[chosen_N],
            "label": labels[samples.labels_N],
            "mesh_found": samples.mesh_found_N.astype(int),
            "copy_in_training": copies_of_training(dataset)[chosen_N].astype(int),
        }
    ).join(slices)
    for name, classifier in classifiers.items():
        if classifier.card.labels != dataset.labels:
            raise DataError(
                f"The model {name} answers {classifier.card.labels}, the data have {dataset.labels}."
            )
        logits_NK = logits_of(classifier, samples, mirrored=mirrored)
        probabilities_NK = softmax(logits_NK, classifier.card.temperature)
        for code, label in enumerate(dataset.labels):
            frame[f"{name}_{label}"] = probabilities_NK[:, code]
    return table_from_frame(frame, dataset.labels)


def named_weights(text: str) -> tuple[str, Path]:
    """NAME=WEIGHTS of a command line as name and path."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=WEIGHTS.safetensors, not {text!r}")
    return name, Path(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description="Write the prediction tables."
    )
    parser.add_argument("models", nargs="+", type=named_weights, metavar="NAME=WEIGHTS")
    parser.add_argument(
        "--data", type=Path, required=True, help="fer2013.csv, icml_face_data.csv, archive or folder"
    )
    parser.add_argument("--votes", type=Path, help="fer2013new.csv, for the columns of FER+")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"), help="folder of the tables")
    parser.add_argument("--publish", action="store_true", help="write tables and weights into the package")
    return parser


if __name__ == "__main__":
    sys.exit(main())
