"""From the Kaggle file to the tables: every model and figure of this repository, made anew by one command.

``python -m training.reproduce --data fer2013.csv --votes fer2013new.csv [--backbones] [--london FOLDER]
[--photographs FAIRFACE.npz] [--publish]``

In this order: landmarks of all pictures, the CNN, the landmark branch, the fusion model, with
``--backbones`` MobileNetV2, InceptionV3 and ResNet50 and their fusion models; the prediction tables, the
photographs of the London set, faces in other surroundings, rough pictures, with ``--photographs`` faces out
of the web, the study of landmarks over seeds. What is finished in ``runs`` is kept, what only that was made
of is not made again, and a killed run goes on, so the command can be repeated until it ends. Without
``--publish`` the tables are put in ``runs/evaluation`` and compared with those that the package ships. With
it they, the weights and the results of studies are replaced, and then all else that is told of them: what
lowers trust, the drawings of the test faces, the census, the checks of explanations, the examples of own
data, the time that a face takes, the figures in the texts. Models of the package that are not made anew keep
the answers that it has of them, so that all stand in the same tables.

On another machine the last bits differ, and with them a few answers in a thousand.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from fusion_model.catalogue import DEFAULT_MODELS
from fusion_model.checkpoint import ASSETS
from fusion_model.costs import LATENCY
from fusion_model.errors import ExpressionLensError
from fusion_model.prediction_table import PredictionTable, of_split, read_table
from training import (
    census,
    evaluate,
    explain_checks,
    figures,
    landmark_report,
    landmark_study,
    london,
    mesh_drawings,
    own_examples,
    photographs,
    rough,
    surroundings,
    trust,
)
from training.landmark_cache import DEFAULT_CACHE
from training.published import PUBLISHED, missing, weights_of
from training.recipes import RECIPES
from training.score_blocks import RESULTS
from training.train import finish, lacks_photographs

#: The cheapest first; a fusion model right after the backbone that it stands on.
BACKBONES = ("mobilenet_v2", "inception_v3", "resnet50")
#: What ends the names of their recipes, by budget: hours of a CPU, or a GPU.
BUDGETS = {"short": "_short", "full": ""}
SEED = 0
TABLE = evaluate.TABLES[True]


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    paths = {name: getattr(options, name) for name in ("data", "votes", "cache", "photographs")}
    try:
        published = PUBLISHED | backbone_recipes(options.backbones)
        weights = {name: weights_of(name, options.runs) for name in published.values()}
        needed = missing(weights, options.runs)
        _look_for_photographs(options, needed)
        for name in needed:
            finish(name, **paths, seed=SEED, folder=options.runs / name)
        return _measure(options, {name: weights[recipe] for name, recipe in published.items()})
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on after the last finished epoch.", file=sys.stderr)
        return 130


def _look_for_photographs(options: argparse.Namespace, recipes: Iterable[str]) -> None:
    """Read the photographs that recipes learn from, if any does; told here, not after hours of training.

    TrainingError where none are given, DataError where they are not those that were labelled.
    """
    learning = [name for name in recipes if RECIPES[name]().photographs]
    if learning and options.photographs is None:
        raise lacks_photographs(learning[0])
    if learning:
        photographs.read_photographs(options.photographs, photographs.USES[0], options.cache)


def backbone_recipes(budget: str | None) -> dict[str, str]:
    """Recipes of torchvision's backbones and their fusion models by public name; none without a budget."""
    if budget is None:
        return {}
    names = (f"{name}{fusion}" for name in BACKBONES for fusion in ("", "_fusion"))
    return {name: f"{name}{BUDGETS[budget]}" for name in names}


def _measure(options: argparse.Namespace, made: dict[str, Path]) -> int:
    """Write the tables; returns the exit status of the first step that fails, or 0."""
    common = ["--data", str(options.data), "--votes", str(options.votes), "--cache", str(options.cache)]
    out = options.runs / "evaluation"
    publish = ["--publish"] if options.publish else []
    keep = ["--keep"] if options.publish and (ASSETS / TABLE).exists() else []
    scored = [*common, "--out", str(out), *publish, *keep, *_named(made)]
    steps: list[Callable[[], int]] = [lambda: evaluate.main(scored)]
    if options.london is not None:
        studio = ["--folder", str(options.london)]  # by all models of the package, and into it
        if not options.publish:
            studio += ["--out", str(out / london.TABLE.name), "--models", *_named(made)]
        steps.append(lambda: london.main(studio))
    read = ["--data", str(options.data), "--cache", str(options.cache)]
    own = _named({name: path for name, path in made.items() if name in DEFAULT_MODELS})
    for counted in (surroundings, rough):
        counts = counted.RESULT if options.publish else out / counted.RESULT.name
        steps.append(partial(counted.main, [*read, "--out", str(counts), *own]))
    if options.photographs is not None:
        counts = photographs.RESULT if options.publish else out / photographs.RESULT.name
        cache = ["--cache", str(options.cache), "--out", str(counts)]
        steps.append(partial(photographs.main, [str(options.photographs), *own, *cache]))
    if not options.without_study:
        results = landmark_study.RESULTS if options.publish else out
        study = [*common, "--runs", str(options.runs), "--out", str(results)]
        study += ["--seeds", *map(str, options.seeds)]
        steps.append(lambda: landmark_study.main(study))
        if options.publish:
            steps.append(landmark_report.main)
    steps += _told_of_the_package(options, read, made) if options.publish else [lambda: _compare(out)]
    return next((status for status in (step() for step in steps) if status), 0)


def _named(models: dict[str, Path]) -> list[str]:
    return [f"{name}={path}" for name, path in models.items()]


def _told_of_the_package(
    options: argparse.Namespace, read: list[str], made: dict[str, Path]
) -> list[Callable[[], int]]:
    """What the texts say beside the scores, of the models that the package has now; the texts come last."""
    runs = ["--runs", str(options.runs), "--cache", str(options.cache)]
    rows = ["--data", str(options.data), "--votes", str(options.votes)]
    steps = [
        lambda: trust.main([*read, "--models", ",".join(made)]),
        lambda: mesh_drawings.main(read),
        lambda: census.main(rows),
        lambda: explain_checks.main(read),
        lambda: own_examples.main(["contempt", *rows, *runs]),
    ]
    if options.london is not None:
        steps.append(lambda: own_examples.main(["smiling", "--london", str(options.london), *runs]))
    return [*steps, time_faces, lambda: figures.main([])]


def time_faces() -> int:
    """Measure what a face costs: all models, our own two by precision; the first bad status, or 0.

    In processes of their own: CPU time counts all threads of one, also those that earlier steps started.
    """
    asked = [["--models", "all", "--out", str(LATENCY)]]
    for precision in ("bfloat16", "float32"):
        asked.append(["--precision", precision, "--out", str(RESULTS / f"latency_{precision}.json")])
    command = [sys.executable, "-m", "fusion_model.benchmark"]
    runs = (subprocess.run([*command, *given], check=False).returncode for given in asked)
    return next((status for status in runs if status), 0)


def _compare(made: Path) -> int:
    """Say how far the tables made now are from those that the package ships."""
    here, shipped = (of_split(read_table(folder / TABLE), "PrivateTest") for folder in (made, ASSETS))
    for name in here.models:
        known = (
            f"{_accuracy(shipped, name)} in the package" if name in shipped.models else "not in the package"
        )
        print(f"{name}, PrivateTest: {_accuracy(here, name)} here, {known}")
    return 0


def _accuracy(table: PredictionTable, model: str) -> str:
    return f"{100 * float((table.predicted(model) == table.truth()).mean()):.2f} %"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.reproduce", description="Make every model and table anew."
    )
    parser.add_argument("--data", type=Path, required=True, help="the Kaggle file, fer2013.csv")
    parser.add_argument("--votes", type=Path, required=True, help="FER+ votes, fer2013new.csv")
    parser.add_argument(
        "--photographs", type=Path, help="FairFace, packed: measured on, and learned from where a recipe does"
    )
    parser.add_argument(
        "--backbones",
        nargs="?",
        choices=BUDGETS,
        const="short",
        help="make MobileNetV2, InceptionV3 and ResNet50 too, with their fusion models: short (the default), "
        "hours of a CPU each, or full, for a GPU",
    )
    parser.add_argument("--london", type=Path, help="folder of the London set")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the training runs")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(landmark_study.SEEDS), metavar="SEED")
    parser.add_argument("--without-study", action="store_true", help="leave out the study over seeds")
    parser.add_argument("--publish", action="store_true", help="replace what the package ships")
    return parser


if __name__ == "__main__":
    sys.exit(main())
