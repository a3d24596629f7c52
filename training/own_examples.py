"""The worked examples of docs/own-data.md: an eighth class, and a model of two classes.

``python -m training.own_examples contempt --data fer2013.csv --votes fer2013new.csv`` writes a folder of
eight classes: pictures of FER-2013 under their label, and those to which the taggers of FER+ gave contempt
more often than anything else under that. ``python -m training.own_examples smiling --london FOLDER`` writes a
table of the London set, smiling or not, no person in two splits. Then each trains by ``training.train`` and
scores by ``training.evaluate``, as a person would, and keeps the figures in docs/results.

Demonstrations of a way, not models to use: few pictures, a few minutes, and nothing was tuned or chosen.
"""

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusion_model.checkpoint import load_card, sha256_of
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation_report import MAIN_SPLIT, make_report
from training import evaluate, train
from training.fer2013 import read_fer2013, read_votes
from training.london import read_photographs
from training.recipes import RECIPES
from training.samples import SPLITS
from training.score_blocks import RESULTS
from training.start import start_weights
from training.votes import VOTE_COLUMNS
from training.workers import DEFAULT_CACHE

RECIPE = "finetune_frozen"
FOLDERS = dict(zip(SPLITS, ("train", "val", "test"), strict=True))
#: At most so many pictures of each class, by split.
MOST = {"Training": 300, "PublicTest": 60, "PrivateTest": 60}
#: Shares of the London set's people in train and val; the others are in test.
SHARES = (0.5, 0.15)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    # Of this fusion model: a run that began with another one is not gone on with.
    begun = sha256_of(start_weights(RECIPES[RECIPE]().start))
    folder = options.runs / "own" / f"{options.example}-{begun[:8]}"
    try:
        if options.example == "contempt":
            data = contempt_folder(options.data, options.votes, folder / "contempt")
            return run(options.example, data, folder, options.cache, options.out, ["--crops"])
        data = smiling_table(options.london, folder / "smiling.csv")
        return run(options.example, data, folder, options.cache, options.out, [], ["--groups", str(data)])
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1


def contempt_folder(data: Path, votes: Path, folder: Path, seed: int = 0) -> Path:
    """Write ``split/class/row.png`` of some pictures of FER-2013, contempt among the classes."""
    dataset = read_votes(votes, read_fer2013(data))
    assert dataset.votes_NV is not None
    column = VOTE_COLUMNS.index("contempt")
    others_NV = np.delete(dataset.votes_NV, column, axis=1)
    contempt_N = dataset.votes_NV[:, column] > others_NV.max(axis=1)
    names_N = np.where(contempt_N, "contempt", np.array(dataset.labels)[dataset.labels_N])
    rng = np.random.default_rng(seed)
    for split, most in MOST.items():
        for name in (*dataset.labels, "contempt"):
            rows = np.flatnonzero((dataset.splits_N == split) & (names_N == name))
            place = folder / FOLDERS[split] / name
            place.mkdir(parents=True, exist_ok=True)
            for row in rng.permutation(rows)[:most]:
                Image.fromarray(dataset.images_NHW[row]).save(place / f"row{row:05d}.png")
    return folder


def smiling_table(london: Path, table: Path) -> Path:
    """Write path, label and split of the London set's photographs, with person, gender and age band."""
    frame = read_photographs(london)
    people = sorted(set(frame["person"]), key=lambda person: hashlib.sha256(str(person).encode()).digest())
    ends = np.cumsum([round(share * len(people)) for share in SHARES])
    split_of = {
        person: list(FOLDERS.values())[int(np.searchsorted(ends, place, side="right"))]
        for place, person in enumerate(people)
    }
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "person", "gender", "age_band"])
        for shot in frame.itertuples():
            label = "smiling" if shot.expression == "happy" else "not_smiling"
            path = (london / shot.file).resolve()
            writer.writerow([path, label, split_of[shot.person], shot.person, shot.gender, shot.age_band])
    return table


def run(
    name: str,
    data: Path,
    folder: Path,
    cache: Path,
    out: Path,
    more: list[str],
    groups: list[str] | None = None,
) -> int:
    """Train and score by the commands of docs/own-data.md and keep the figures; returns their status."""
    common = ["--data", str(data), "--cache", str(cache), *more]
    weights = folder / f"{RECIPE}.safetensors"
    begun = ["--resume"] if (folder / "state.pt").exists() else []
    status = train.main([RECIPE, *common, "--folder", str(folder), *begun])
    if status == 0:
        status = evaluate.main([*common, *(groups or []), "--out", str(folder), f"{name}={weights}"])
    if status == 0:
        kept = out / f"own_{name}.json"
        aside = kept.with_suffix(".aside")
        table = folder / evaluate.TABLES[True].replace("fer2013", data.stem)
        aside.write_text(json.dumps(result(name, table, weights), indent=1) + "\n", encoding="utf-8")
        aside.replace(kept)
        print(f"{kept}: written")
    return status


def result(name: str, table: Path, weights: Path) -> dict[str, Any]:
    """The figures of an example's test split, and of its training, as JSON values without any paths."""
    report, card = make_report(table), load_card(weights)
    figures = report["splits"][MAIN_SPLIT]["models"][name]
    kept = ("n", "accuracy", "macro_f1", "per_class", "confusion")
    return {
        "labels": report["labels"],
        "figures": {key: figures[key] for key in kept},
        "training": {
            "by_class": card.data["by_class"],
            "begun_from": list(card.training["begun_from"]),
            **{key: card.training["recipe"][key] for key in ("name", "epochs", "batch", "learning_rate")},
            **{key: card.training[key] for key in ("seed", "minutes", "machine")},
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.own_examples", description="Run a worked example of docs/own-data.md."
    )
    examples = parser.add_subparsers(dest="example", required=True)
    contempt = examples.add_parser("contempt", help="an eighth class, from FER-2013 and the votes of FER+")
    contempt.add_argument("--data", type=Path, required=True, help="fer2013.csv")
    contempt.add_argument("--votes", type=Path, required=True, help="fer2013new.csv")
    smiling = examples.add_parser("smiling", help="two classes, from the London set")
    smiling.add_argument("--london", type=Path, required=True, help="folder of the London set")
    for example in (contempt, smiling):
        example.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the training runs")
        example.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of faces")
        example.add_argument("--out", type=Path, default=RESULTS, help="folder of the result file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
