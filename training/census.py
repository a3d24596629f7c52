"""Count FER-2013: ``python -m training.census --data fer2013.csv --votes fer2013new.csv``.

Pictures by expression and split, identical ones, and how far the ten taggers of FER+ agree with the labels.
The result file is what the project report tells of the data.

Shapes: N pictures, V kinds of vote.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fusion_model.errors import ExpressionLensError
from training.duplicates import find_duplicates
from training.fer2013 import read_fer2013, read_votes
from training.samples import SPLITS, FaceDataset
from training.votes import EXPRESSION_OF_VOTE, VOTE_COLUMNS

RESULT = Path(__file__).parents[1] / "docs" / "results" / "census.json"
NO_FACE = "NF"


def census(dataset: FaceDataset) -> dict[str, Any]:
    """What there is, as JSON types.

    ``pictures`` by split and label; ``distinct`` pictures, ``groups`` of identical ones, those of them that
    are ``conflicting`` in their labels, ``copies`` of Training pictures by test split; ``votes`` by split, or
    None without votes: ``agree`` is the number of pictures whose label has the most votes of all (a tie
    counts where the label is among the first), ``majority`` of those on which more than half of the taggers
    gave one expression, ``no_face`` of those on which most saw no face.
    """
    found = find_duplicates(dataset)
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "pictures": {
            split: dict(zip(dataset.labels, counts_K.tolist(), strict=True))
            for split, counts_K in zip(SPLITS, dataset.counts_SK(), strict=True)
        },
        "distinct": found.distinct,
        "groups": found.groups,
        "conflicting": found.conflicting,
        "copies": found.copies,
        "votes": None if dataset.votes_NV is None else _votes(dataset, dataset.votes_NV),
    }


def _votes(dataset: FaceDataset, votes_NV: np.ndarray) -> dict[str, dict[str, int]]:
    vote_of = {label: VOTE_COLUMNS.index(vote) for vote, label in EXPRESSION_OF_VOTE.items()}
    own_N = np.array([vote_of[label] for label in dataset.labels])[dataset.labels_N]
    most_N = votes_NV.max(axis=1)
    own_most_N = votes_NV[np.arange(len(dataset)), own_N] == most_N
    one_of_seven_N = votes_NV[:, list(vote_of.values())].max(axis=1)
    tallies = {
        "agree": own_most_N & (most_N > 0),
        "majority": one_of_seven_N * 2 > votes_NV.sum(axis=1),
        "no_face": votes_NV[:, VOTE_COLUMNS.index(NO_FACE)] * 2 > votes_NV.sum(axis=1),
    }
    return {
        split: {name: int(chosen_N[dataset.splits_N == split].sum()) for name, chosen_N in tallies.items()}
        for split in SPLITS
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line: count, and write the result file."""
    parser = argparse.ArgumentParser(prog="python -m training.census", description="Count FER-2013.")
    parser.add_argument(
        "--data", type=Path, required=True, help="fer2013.csv, icml_face_data.csv, an archive"
    )
    parser.add_argument("--votes", type=Path, help="FER+ votes, fer2013new.csv")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result file")
    options = parser.parse_args(arguments)
    try:
        dataset = read_fer2013(options.data)
        if options.votes is not None:
            dataset = read_votes(options.votes, dataset)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    aside = options.out.with_suffix(".aside")
    aside.write_text(json.dumps(census(dataset), indent=1) + "\n", encoding="utf-8")
    aside.replace(options.out)
    print(f"{options.out.name}: {len(dataset):,} pictures counted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
