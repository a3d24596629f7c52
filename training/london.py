"""Measure models on photographs of another source: the London set, neutral and smiling faces.

``python -m training.london --folder LONDON`` writes ``london_predictions.csv.gz`` where the package ships it,
and prints how many of the photographs each model gets right when it answers with all seven expressions. Every
photograph goes the way of the live page: `fusion_model.images`, the largest face of `fusion_model.faces`,
`fusion_model.preprocess`, `fusion_model.classifier`.

For measuring only: no model, setting or threshold may be chosen by it.

One row a photograph, in the order of ``labels.csv``; the label is neutral, or happy for a smile. The columns
beside the usual ones:

- ``face_found``: 0 or 1. Where no face was found there is no answer: all seven expressions get the same
  probability, the first of them counts as the answer, and that is neither neutral nor happy, so it is wrong.
- ``person``: the set's number of the person, who is in two photographs.
- ``gender``, ``age`` (years), ``ethnicity``: as the persons themselves reported; ``age_band``: of that age.
  Empty (NaN in a table that was read) where nothing was reported; that is no group.

Source: DeBruine & Jones 2017, "Face Research Lab London Set", https://doi.org/10.6084/m9.figshare.5047666.v5,
licence CC BY 4.0. The photographs are not part of this project; the table has no pixels.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from fusion_model.catalogue import ASSETS, catalogue
from fusion_model.classifier import Classifier
from fusion_model.errors import ExpressionLensError
from fusion_model.faces import FaceFinder
from fusion_model.images import ImageError, read_image
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import PredictionTable, table_from_frame, write_table
from fusion_model.preprocess import FaceInputs, face_inputs
from training.evaluate import named_weights
from training.samples import DataError

TABLE = ASSETS / "london_predictions.csv.gz"
SPLIT = "London"
COLUMNS = ("file", "expression", "person", "age", "gender", "ethnicity")
SHOWN = ("neutral", "happy")
NOT_REPORTED = "NA"
#: Ages from which the next band begins, and the bands.
BAND_STARTS = (0, 18, 25, 35, np.inf)
BANDS = ("under 18", "18 to 24", "25 to 34", "35 and over")
_BATCH = 32


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    weights = dict(options.models) or {
        name: ASSETS / f"{name}.safetensors"
        for name, entry in catalogue().items()
        if entry.labels == EXPRESSIONS
    }
    try:
        table = measure(options.folder, weights)
        write_table(table, options.out)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {len(table)} rows, models {', '.join(table.models)}")
    for model in table.models:
        print(summary(table, model))
    return 0


def measure(folder: Path, models: dict[str, Path]) -> PredictionTable:
    """The prediction table of the London set.

    Parameters
    ----------
    folder : the photographs and ``labels.csv``
    models : weights by model name

    Raises
    ------
    DataError
        For a folder that is not as expected, or a model of other labels than the seven.
    CheckpointError
        For weights that cannot be used.
    """
    classifiers = {name: Classifier.load(path) for name, path in models.items()}
    for name, classifier in classifiers.items():
        if classifier.card.labels != EXPRESSIONS:
            raise DataError(f"The model {name} answers {classifier.card.labels}, not the seven expressions.")
    photographs = read_photographs(folder)
    faces = largest_faces([folder / file for file in photographs["file"]])
    found_N = np.array([face is not None for face in faces])
    frame = pd.DataFrame(
        {
            "row": np.arange(len(faces)),
            "split": SPLIT,
            "label": photographs["expression"],
            "mesh_found": [int(face is not None and face.mesh_found) for face in faces],
            "copy_in_training": 0,
            "face_found": found_N.astype(int),
        }
    ).join(photographs[["person", "gender", "age", "age_band", "ethnicity"]])
    for name, classifier in classifiers.items():
        probabilities_NK = np.full((len(faces), len(EXPRESSIONS)), 1 / len(EXPRESSIONS))
        probabilities_NK[found_N] = _answers(classifier, [face for face in faces if face is not None])
        for code, label in enumerate(EXPRESSIONS):
            frame[f"{name}_{label}"] = probabilities_NK[:, code]
    return table_from_frame(frame, EXPRESSIONS)


def read_photographs(folder: Path) -> pd.DataFrame:
    """``labels.csv`` of the set, checked, with the age in years (missing where not reported) and its band.

    Raises
    ------
    DataError
        If it is not there, or not of the shape of the set's own.
    """
    path = folder / "labels.csv"
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read; the folder of the London set is needed: {error}.") from error
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing or frame.empty:
        raise DataError(f"{path} lacks {', '.join(missing) or 'rows'}: expected {', '.join(COLUMNS)}.")
    reported = frame["age"] != NOT_REPORTED
    for column, right in (
        ("expression", frame["expression"].isin(SHOWN)),
        ("person", frame["person"].str.fullmatch(r"[0-9]+")),
        ("age", ~reported | frame["age"].str.fullmatch(r"[0-9]+")),
    ):
        if not right.all():
            row = int(np.argmin(right))
            raise DataError(f"{path}, line {row + 2}: '{frame[column][row]}' is no {column} of the set.")
    frame["person"] = frame["person"].astype(int)
    frame["age"] = frame["age"].where(reported).astype("Int64")
    frame["age_band"] = pd.cut(frame["age"], BAND_STARTS, right=False, labels=BANDS).astype(object)
    return frame.replace({"gender": NOT_REPORTED, "ethnicity": NOT_REPORTED}, "")


def largest_faces(paths: Sequence[Path]) -> list[FaceInputs | None]:
    """The inputs of the largest face of each photograph, None where there is none.

    Raises
    ------
    DataError
        For a file that is missing or no picture.
    """
    faces: list[FaceInputs | None] = []
    with FaceFinder() as finder:
        for path in tqdm(paths, desc="faces", unit="photo", disable=None):
            try:
                with path.open("rb") as stream:
                    rgb_HWC = read_image(stream)
            except (OSError, ImageError) as error:
                raise DataError(f"{path} cannot be read: {error}") from error
            found = finder.find(rgb_HWC)
            faces.append(face_inputs(rgb_HWC, found[0]) if found else None)
    return faces


def summary(table: PredictionTable, model: str) -> str:
    """How many photographs a model gets right, all and by what they show, in a sentence."""
    right_N = table.predicted(model) == table.truth()
    shown_N = table.frame["label"].to_numpy()
    parts = [f"{label} {right_N[shown_N == label].sum()} of {(shown_N == label).sum()}" for label in SHOWN]
    return (
        f"{model}: {right_N.sum()} of {len(table)} right ({100 * right_N.mean():.1f} %); {', '.join(parts)}; "
        f"{(table.frame['face_found'] == 0).sum()} without a face."
    )


def _answers(classifier: Classifier, faces: list[FaceInputs]) -> np.ndarray:
    """Probabilities (N, 7), as the live page would give them."""
    parts = [
        classifier.probabilities(faces[first : first + _BATCH]) for first in range(0, len(faces), _BATCH)
    ]
    return np.concatenate([np.zeros((0, len(EXPRESSIONS))), *parts])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.london", description="Measure models on the London set."
    )
    parser.add_argument("--folder", type=Path, required=True, help="the photographs and labels.csv")
    parser.add_argument(
        "--models",
        nargs="+",
        type=named_weights,
        default=(),
        metavar="NAME=WEIGHTS",
        help="default: all that come with the package and answer with the seven expressions",
    )
    parser.add_argument("--out", type=Path, default=TABLE, help="the table; default: in the package")
    return parser


if __name__ == "__main__":
    sys.exit(main())
