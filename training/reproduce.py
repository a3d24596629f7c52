"""From the Kaggle file to the tables: every model and figure of this repository, made anew by one command.

``python -m training.reproduce --data fer2013.csv --votes fer2013new.csv [--london FOLDER] [--publish]``

In this order: landmarks of all pictures, the CNN, the landmark branch, the fusion model, the prediction
tables, the photographs of the London set, faces in other surroundings, the study of landmarks over seeds, the
figures in the texts. What is finished in ``runs`` is kept and a killed run goes on, so the command can be
repeated until it ends. Without ``--publish`` the tables are written to ``runs/evaluation`` and compared with
those that the package ships; with it they, the weights, the study's results and the texts are replaced.

On another machine the last bits differ, and with them a few answers in a thousand.
"""

import argparse
import sys
from pathlib import Path

from fusion_model.checkpoint import ASSETS
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation import model_figures
from fusion_model.prediction_table import of_split, read_table
from training import evaluate, figures, landmark_report, landmark_study, london, surroundings
from training.landmark_cache import DEFAULT_CACHE
from training.train import finish

#: Name that the package gives a model: the recipe that makes it.
PUBLISHED = {"cnn": "cnn_longer", "fusion": "fusion"}
#: What is trained, in the order in which one needs the other.
ORDER = ("cnn", "cnn_longer", "landmarks", "fusion")
SEED = 0
TABLE = evaluate.TABLES[True]


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    paths = {"data": options.data, "votes": options.votes, "cache": options.cache}
    try:
        weights = {name: finish(name, **paths, seed=SEED, folder=options.runs / name) for name in ORDER}
        return _measure(options, [f"{name}={weights[recipe]}" for name, recipe in PUBLISHED.items()])
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on after the last finished epoch.", file=sys.stderr)
        return 130


def _measure(options: argparse.Namespace, models: list[str]) -> int:
    """Write the tables; returns the exit status of the first step that fails, or 0."""
    common = ["--data", str(options.data), "--votes", str(options.votes), "--cache", str(options.cache)]
    out = options.runs / "evaluation"
    publish = ["--publish"] if options.publish else []
    steps = [lambda: evaluate.main([*common, "--out", str(out), *publish, *models])]
    if options.london is not None:
        table = (ASSETS if options.publish else out) / london.TABLE.name
        photographs = ["--folder", str(options.london)]
        steps.append(lambda: london.main([*photographs, "--out", str(table), "--models", *models]))
    counts = surroundings.RESULT if options.publish else out / surroundings.RESULT.name
    read = ["--data", str(options.data), "--cache", str(options.cache)]
    steps.append(lambda: surroundings.main([*read, "--out", str(counts), *models]))
    if not options.without_study:
        results = landmark_study.RESULTS if options.publish else out
        study = [*common, "--runs", str(options.runs), "--out", str(results)]
        study += ["--seeds", *map(str, options.seeds)]
        steps.append(lambda: landmark_study.main(study))
        if options.publish:
            steps.append(landmark_report.main)
    steps.append((lambda: figures.main([])) if options.publish else (lambda: _compare(out)))
    return next((status for status in (step() for step in steps) if status), 0)


def _compare(made: Path) -> int:
    """Say how far the tables made now are from those that the package ships."""
    for name in PUBLISHED:
        accuracies = [
            100 * model_figures(of_split(read_table(folder / TABLE), "PrivateTest"), name).accuracy.value
            for folder in (made, ASSETS)
        ]
        print(f"{name}, PrivateTest: {accuracies[0]:.2f} % here, {accuracies[1]:.2f} % in the package")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.reproduce", description="Make every model and table anew."
    )
    parser.add_argument("--data", type=Path, required=True, help="the Kaggle file, fer2013.csv")
    parser.add_argument("--votes", type=Path, required=True, help="FER+ votes, fer2013new.csv")
    parser.add_argument("--london", type=Path, help="folder of the London set")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the training runs")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(landmark_study.SEEDS), metavar="SEED")
    parser.add_argument("--without-study", action="store_true", help="leave out the study over seeds")
    parser.add_argument("--publish", action="store_true", help="replace what the package ships")
    return parser


if __name__ == "__main__":
    sys.exit(main())
