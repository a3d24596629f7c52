"""FER+ votes: how ten taggers each labelled every picture of FER-2013, joined by row.

The `Image name` column is ignored: its numbers are not row numbers (they skip pictures that have no name), so
joining by them gives most pictures the votes of another one.

Shapes: N pictures, V = 10 kinds of vote.

Source: Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced
Label Distribution", https://arxiv.org/abs/1608.01041.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fusion_model.labels import EXPRESSIONS
from fusion_model.sources import Place, read_rows
from training.samples import DataError, FaceDataset

VOTE_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)  # as in fer2013new.csv; NF: no face
EXPRESSION_OF_VOTE = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
}  # the votes that name one of the seven expressions
_ENOUGH_ROWS = 1_000  # below this, agreement says too little to accuse a file
_LEAST_AGREEMENT = (
    0.4  # FER labels agree with the plurality on 0.63 when joined rightly, on about 0.2 by chance
)


def read_votes(path: str | Path, dataset: FaceDataset) -> FaceDataset:
    """Join the FER+ votes of `fer2013new.csv` to `dataset`, row by row.

    Parameters
    ----------
    path
        `fer2013new.csv` of https://github.com/microsoft/FERPlus, plain or packed.
    dataset
        Pictures in the row order of the original CSV.

    Returns
    -------
    FaceDataset
        The same data with `votes_NV`, (N, 10) float32 counts from 0 to 10, columns as VOTE_COLUMNS.

    Raises
    ------
    DataError
        If the rows of the two do not belong together (number, Usage of each row, agreement of labels), or a
        row is cut or wrong.
    """
    path = Path(path)
    if not dataset.original_rows:
        raise DataError(
            f"{path.name} cannot be joined: FER+ votes follow the rows of the original CSV, and the folder "
            "release has lost that order; use fer2013.csv or icml_face_data.csv."
        )
    rows = read_rows(path, ("fer2013new.csv",))
    place, header = next(rows)
    usage_column, vote_columns = _columns(place, header)
    votes = []
    for place, fields in rows:
        if place.row >= len(dataset):
            continue  # counted below, by the last place
        if len(fields) != len(header):
            raise place.error(f"expected {len(header)} columns, found {len(fields)}: is the file cut?")
        expected = str(dataset.splits_N[place.row])
        if fields[usage_column].strip() != expected:
            raise place.error(
                f"expected Usage {expected} as in the pictures' row, found '{fields[usage_column]}'."
            )
        votes.append([_vote(place, name, fields[column]) for name, column in vote_columns.items()])
    if place.row + 1 != len(dataset):
        raise DataError(
            f"{path.name} has {place.row + 1:,} rows but the data set {len(dataset):,}: votes are joined by "
            "row, so both must hold all the rows of the original CSV."
        )
    votes_NV = np.array(votes, np.float32).reshape(-1, len(VOTE_COLUMNS))
    _check_agreement(path, votes_NV, dataset)
    return replace(dataset, votes_NV=votes_NV)


def _columns(place: Place, header: list[str]) -> tuple[int, dict[str, int]]:
    names = [name.strip() for name in header]
    missing = [name for name in ("Usage", *VOTE_COLUMNS) if name not in names]
    if missing:
        raise place.error(f"expected the columns of fer2013new.csv, found none named {', '.join(missing)}.")
    return names.index("Usage"), {name: names.index(name) for name in VOTE_COLUMNS}


def _vote(place: Place, name: str, text: str) -> int:
    if not (text.isascii() and text.strip().isdigit() and int(text) <= 10):
        raise place.error(f"expected a number of votes from 0 to 10 in column {name}, found '{text}'.")
    return int(text)


def _check_agreement(path: Path, votes_NV: npt.NDArray[np.float32], dataset: FaceDataset) -> None:
    """Refuse votes that hardly agree with the labels: their rows are in another order within the splits."""
    named = [VOTE_COLUMNS.index(vote) for vote in EXPRESSION_OF_VOTE]
    code_of_vote = np.array([EXPRESSIONS.index(expression) for expression in EXPRESSION_OF_VOTE.values()])
    judged_N = votes_NV[:, named].any(axis=1)
    if dataset.labels != EXPRESSIONS or judged_N.sum() < _ENOUGH_ROWS:
        return
    plurality_N = code_of_vote[votes_NV[:, named].argmax(axis=1)]
    agreement = float((plurality_N == dataset.labels_N)[judged_N].mean())
    if agreement < _LEAST_AGREEMENT:
        raise DataError(
            f"{path.name} agrees with only {agreement:.0%} of the labels, where about 63% was expected: its "
            "rows are not in the order of the pictures. Use the file as published, not sorted by image name."
        )
