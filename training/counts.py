"""Right answers counted on changed test pictures: the command line and the file of the studies that do so."""

import argparse
from pathlib import Path

import pandas as pd

from training.evaluate import named_weights
from training.landmark_cache import DEFAULT_CACHE


def parser(prog: str, description: str, models: str, out: Path) -> argparse.ArgumentParser:
    """Of a study's command: the models, the data, and where the counts go.

    Parameters
    ----------
    prog, description : as argparse takes them
    models : which ones are measured where none is named
    out : where the counts go unless told otherwise
    """
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument(
        "models", nargs="*", type=named_weights, metavar="NAME=WEIGHTS", help=f"default: {models}"
    )
    made.add_argument("--data", type=Path, required=True, help="fer2013.csv or what else training reads")
    made.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    made.add_argument("--out", type=Path, default=out, help="the result file")
    return made


def write(counts: pd.DataFrame, path: Path) -> None:
    """Write counts as CSV, aside and then renamed, and print them with the share that is right.

    Parameters
    ----------
    counts : with columns ``right`` and ``n``, pictures
    path : its folder is made if missing
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside")
    counts.to_csv(aside, index=False, lineterminator="\n")
    aside.replace(path)
    print(counts.assign(percent=(100 * counts["right"] / counts["n"]).round(2)).to_string(index=False))
