"""Score trained models on the test splits, of FER-2013 or of own data, and write the prediction tables.

``python -m training.evaluate --data fer2013.csv cnn=runs/cnn/cnn.safetensors fusion=…`` writes
``fer2013_predictions.csv.gz`` (flip test-time augmentation) and ``fer2013_predictions_no_tta.csv.gz`` into
``runs/evaluation``; ``--publish`` writes them, and the weights, where the package ships them. Every row has
the measured slices of its picture (`training.slices`); with ``--votes`` also what FER+'s taggers said of it.
With ``--keep`` other models that the package ships stand in the tables too, with the answers that it has of
them: their weights are what they were, and some need much longer than our own.

``--data FOLDER [--groups CSV]`` scores own pictures (docs/own-data.md): the classes are those of the models'
cards, the tables are called after the data and have the ``path`` of each picture and its groups. Pictures
that have no answer, since they cannot be read or show no face, stand in ``…_left_out.csv`` with the reason.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.checkpoint import ASSETS, load_card
from fusion_model.classifier import Classifier, softmax
from fusion_model.errors import ExpressionLensError
from fusion_model.prediction_table import PredictionTable, read_table, table_from_frame, write_table
from training.data import DATA_HELP, Asked, add_arguments, is_own, read_data
from training.dataset import Samples, make_samples
from training.duplicates import copies_of_training
from training.landmark_cache import landmarks_of
from training.listing import some
from training.own_table import with_groups, write_left_out
from training.publish import publish, publishable, tell_likelihoods
from training.samples import DataError, FaceDataset, Landmarks
from training.scoring import logits_by, logits_of
from training.slices import measured_slices
from training.workers import Workers

TEST_SPLITS = ("PublicTest", "PrivateTest")
TABLES = {True: "fer2013_predictions.csv.gz", False: "fer2013_predictions_no_tta.csv.gz"}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    models = dict(options.models)
    try:
        asked = Asked.of(options)
        if options.publish and is_own(asked):
            raise DataError("Only tables of FER-2013 are shipped with the package: leave --publish out.")
        if options.keep and is_own(asked):
            raise DataError("The package has answers for FER-2013 alone: leave --keep out.")
        shipped = read_table(ASSETS / TABLES[True]).models if options.keep else ()
        kept = [name for name in shipped if name not in models]
        cards = publishable(models, ASSETS, kept) if options.publish else {}
        evaluate(asked, models, ASSETS if options.publish else options.out, options.groups, kept)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    if options.publish:
        publish(models, cards, ASSETS)
        tell_likelihoods(read_table(ASSETS / TABLES[True]), ASSETS)
    return 0


def evaluate(
    asked: Asked,
    models: dict[str, Path],
    out: Path,
    groups: Path | None = None,
    kept: Sequence[str] = (),
) -> None:
    """Write both prediction tables of these models into a folder.

    Parameters
    ----------
    asked : the data, and who reads and answers
    models : weights by model name
    out : folder, made if missing
    groups : CSV of own pictures' path and any groups, or None
    kept : models whose answers are those of the package's tables
    """
    labels = labels_of(models)
    dataset = read_data(asked)
    check_answered(dataset, models, labels)
    chosen_N = np.isin(dataset.splits_N, TEST_SPLITS)
    if not chosen_N.any():
        raise DataError(f"{asked.data} has no PublicTest or PrivateTest pictures: there is nothing to score.")
    if dataset.own is not None:
        print(dataset.describe(), file=sys.stderr)
    landmarks = landmarks_of(dataset, asked.cache, asked.workers)
    samples = make_samples(dataset, landmarks).select(chosen_N)
    facts = _facts(dataset, samples, chosen_N).join(_slices(samples, landmarks, chosen_N, dataset.margin))
    if groups is not None:
        facts = with_groups(facts, groups, dataset)
    out.mkdir(parents=True, exist_ok=True)
    write_left_out(dataset, out)
    for mirrored, name in TABLES.items():
        path = out / (name if dataset.own is None else name.replace("fer2013", dataset.name, 1))
        answers = {
            model: _probabilities(weights, samples, asked.workers, mirrored=mirrored)
            for model, weights in models.items()
        }
        answers |= _known(ASSETS / name, facts, kept)
        table = predictions(facts, answers, labels)
        write_table(table, path)
        print(f"{path}: {len(table)} rows, models {', '.join(table.models)}")


def labels_of(models: dict[str, Path]) -> tuple[str, ...]:
    """The classes of these models, by their cards; DataError where they do not all have the same."""
    labels: dict[str, tuple[str, ...]] = {name: load_card(path).labels for name, path in models.items()}
    first = next(iter(labels))
    for name, answered in labels.items():
        if set(answered) != set(labels[first]):
            raise DataError(
                f"The models of one table need the same classes: {name} answers {', '.join(answered)}, "
                f"{first} {', '.join(labels[first])}."
            )
    return labels[first]


def check_answered(dataset: FaceDataset, models: Iterable[str], labels: tuple[str, ...]) -> None:
    """DataError where the data have classes beside those `labels` that the models answer."""
    unknown = [label for label in dataset.labels if label not in labels]
    if unknown:
        raise DataError(
            f"{', '.join(models)} can answer {', '.join(labels)}; the data have also {some(unknown)}."
        )


def predictions(
    facts: pd.DataFrame, answers: dict[str, pd.DataFrame], labels: tuple[str, ...]
) -> PredictionTable:
    """The prediction table of pictures: what is known of each, and the models' probabilities by label."""
    columns = [answer[list(labels)].add_prefix(f"{model}_") for model, answer in answers.items()]
    return table_from_frame(pd.concat([facts, *columns], axis=1), labels)


def _facts(dataset: FaceDataset, samples: Samples, chosen_N: np.ndarray) -> pd.DataFrame:
    """What every table says of its pictures, `samples`, which are those where `chosen_N` is true."""
    own = dataset.own
    facts = {
        "row": np.flatnonzero(chosen_N) if own is None else own.rows_N[chosen_N],
        "split": dataset.splits_N[chosen_N],
        "label": np.array(dataset.labels)[samples.labels_N],
        "mesh_found": samples.mesh_found_N.astype(int),
        "copy_in_training": copies_of_training(dataset)[chosen_N].astype(int),
    }
    if own is not None:
        facts["path"] = np.array(own.paths, object)[chosen_N]
    return pd.DataFrame(facts)


def _slices(samples: Samples, landmarks: Landmarks, chosen_N: np.ndarray, margin: int) -> pd.DataFrame:
    side = samples.images_NHW.shape[1]
    inside = slice(margin, side - margin)
    return measured_slices(
        samples.images_NHW[:, inside, inside],
        landmarks.landmarks_NLD[chosen_N],
        landmarks.mesh_found_N[chosen_N],
        samples.votes_NV,
    )


def _probabilities(weights: Path, samples: Samples, workers: Workers, *, mirrored: bool) -> pd.DataFrame:
    """Probabilities of one model, a column a label; by many workers only where they were asked for."""
    card = load_card(weights)
    if workers.dask is None and workers.processes is None:
        logits_NK = logits_of(Classifier.load(weights), samples, mirrored=mirrored)
    else:
        logits_NK = logits_by(weights, samples, workers, mirrored=mirrored)
    return pd.DataFrame(softmax(logits_NK, card.temperature), columns=list(card.labels))


def _known(table: Path, facts: pd.DataFrame, models: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Probabilities of these models in a table of the package, a column a label, in the rows of `facts`."""
    if not models:
        return {}
    known = read_table(table)
    if not np.array_equal(known.frame["row"], facts["row"]):
        raise DataError(f"{table.name} has other pictures than the data: answers in it cannot be kept.")
    return {model: pd.DataFrame(known.probabilities(model), columns=list(known.labels)) for model in models}


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
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument("--votes", type=Path, help="fer2013new.csv, for the columns of FER+")
    parser.add_argument(
        "--groups",
        type=Path,
        metavar="CSV",
        help="groups of own pictures: path, and any columns",
    )
    parser.add_argument(
        "--as-test", action="store_true", help="own pictures of all splits count as test pictures"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"), help="folder of the tables")
    parser.add_argument("--publish", action="store_true", help="write tables and weights into the package")
    parser.add_argument(
        "--keep", action="store_true", help="keep the package's answers of the models that are not named"
    )
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
