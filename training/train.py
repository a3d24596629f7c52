"""Train a model: ``python -m training.train RECIPE --data fer2013.csv [--votes fer2013new.csv] [--resume]``.

Pictures of your own, any classes: ``python -m training.train finetune --data FOLDER`` (docs/own-data.md).
Many processes: ``torchrun --nproc-per-node N -m training.train RECIPE …``.
"""

import argparse
import datetime
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from fusion_model.backbones import pretrained_name, pretrained_state
from fusion_model.calibration import fit_temperature
from fusion_model.checkpoint import Base, Card, load_card, load_checkpoint, save_checkpoint
from fusion_model.classifier import Classifier
from fusion_model.errors import ExpressionLensError
from fusion_model.inference import fingerprint
from fusion_model.network import build_network
from training.data import DATA_HELP, Asked, add_arguments, is_own, read_training_data
from training.dataset import Samples, make_samples
from training.landmark_cache import landmarks_of
from training.loop import PixelFeatures, Run, Runtime, TrainingError
from training.losses import Objective
from training.recipe import Recipe
from training.recipes import RECIPES
from training.samples import FaceDataset
from training.scoring import logits_of
from training.start import start_weights, take_weights, told, with_start

T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    changes = {name: getattr(options, name) for name in ("epochs", "batch", "start")}
    changes["pretrained"] = options.pretrained or None
    if options.start and not RECIPES[options.recipe]().start:
        parser.error(f"--from is for finetune and finetune_frozen, not for {options.recipe}")
    try:
        recipe = replace(
            RECIPES[options.recipe](), **{name: value for name, value in changes.items() if value is not None}
        )
    except ValueError as error:
        parser.error(str(error))
    runtime = Runtime.start()
    try:
        train(recipe, options, runtime)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Stopped. The last finished epoch is kept: the same command with --resume goes on.",
            file=sys.stderr,
        )
        return 130
    finally:
        runtime.stop()
    return 0


def train(
    recipe: Recipe, options: argparse.Namespace, runtime: Runtime, known: PixelFeatures | None = None
) -> Path:
    """Train as the options say, and write the weights with their card; returns the weights' path.

    `known` is what `training.loop.Run.pixel_features` holds of a run on the same pixel branch, with the same
    seed, batches and augmentation of pixels; it is added to.
    """
    if recipe.pretrained and not options.resume:
        pretrained_state(recipe.architecture)  # kept on disk: whether they can be had is told before all work
    asked, recipe = Asked.of(options), with_start(recipe)
    read = partial(read_training_data, asked, recipe.batch)
    dataset = _in_turn(runtime, read) if is_own(asked) else read()
    if dataset.own is not None and runtime.first:
        print(dataset.describe(), file=sys.stderr)
    if dataset.votes_NV is None and recipe.votes_weight:
        recipe = replace(recipe, votes_weight=0.0)
    landmarks = _in_turn(runtime, lambda: landmarks_of(dataset, asked.cache, asked.workers))
    samples = make_samples(dataset, landmarks)
    samples = samples.with_mesh(recipe.mesh, options.seed)
    folder = options.run or Path("runs") / recipe.name
    run = prepare_run(recipe, options.seed, folder, runtime, dataset, samples, begin=not options.resume)
    if known is not None:
        run.pixel_features = known
    if options.resume:
        run.resume()
    elif run.state_file.exists():
        raise TrainingError(
            f"{run.state_file} is there already: --resume goes on with it, --folder FOLDER starts apart."
        )
    run.train_all()
    weights = run.folder / f"{recipe.name}.safetensors"
    if runtime.first:
        publish(run, dataset, weights)
    return weights


def finish(
    name: str,
    data: Path,
    votes: Path | None,
    cache: Path,
    seed: int,
    folder: Path,
    known: PixelFeatures | None = None,
) -> Path:
    """The weights of a run: those that are there, or else trained now, from where it was if it was begun.

    Parameters
    ----------
    name : of the recipe
    data, votes, cache, seed : as the command line takes them
    folder : of the run; what it takes from other runs lies beside it
    known : see `train`
    """
    weights = folder / f"{name}.safetensors"
    if weights.exists():
        return weights
    resume = (folder / "state.pt").exists()
    print(f"{folder}: {name}, seed {seed}{', resumed' if resume else ''}", flush=True)
    given = ["--data", data, "--cache", cache, "--seed", seed, "--folder", folder]
    given += ["--votes", votes] if votes else []
    options = _parser().parse_args([name, *map(str, given), *(["--resume"] if resume else [])])
    runtime = Runtime.start()
    try:
        return train(RECIPES[name](), options, runtime, known)
    finally:
        runtime.stop()


def prepare_run(
    recipe: Recipe,
    seed: int,
    folder: Path,
    runtime: Runtime,
    dataset: FaceDataset,
    samples: Samples,
    *,
    begin: bool = True,
) -> Run:
    """The network, with its parts from other runs (beside this one's folder), ready to train.

    `begin` is False where the weights come from the run's own checkpoint afterwards.
    """
    torch.manual_seed(seed)
    network = build_network(recipe.kind, len(dataset.labels), recipe.config)
    if recipe.start and begin:
        take_weights(network, dataset.labels, recipe)
    if recipe.pretrained and begin:
        network.get_submodule("pixel_branch").load_state_dict(pretrained_state(recipe.architecture))
    for part, source in recipe.parts.items():
        other, _ = load_checkpoint(folder.parent / source / f"{source}.safetensors")
        network.get_submodule(part).load_state_dict(other.get_submodule(part).state_dict())
    splits = {split: samples.select(dataset.splits_N == split) for split in ("Training", "PublicTest")}
    for split, chosen in splits.items():
        if not len(chosen):
            raise TrainingError(f"The data have no {split} pictures: training needs Training and PublicTest.")
    if len(splits["Training"]) < recipe.batch:
        raise TrainingError(
            f"The data have {len(splits['Training'])} Training pictures, fewer than one batch of "
            f"{recipe.batch}: give a smaller --batch."
        )
    objective = Objective(network, recipe.label_smoothing, recipe.votes_weight)
    return Run(recipe, seed, folder, runtime, objective, splits["Training"], splits["PublicTest"])


def publish(run: Run, dataset: FaceDataset, weights: Path) -> None:
    """Write the weights and their card: the temperature and the scores come from PublicTest."""
    device = run.runtime.device
    recipe = run.recipe
    card = Card(
        name=recipe.name,
        kind=recipe.kind,
        config=recipe.config,
        labels=dataset.labels,
        data={
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "trained_on": "Training",
            "pictures": len(run.train),
            "extra_supervision": _extra_supervision(recipe),
            **_of_own(dataset),
        },
        training={
            "recipe": recipe.to_json(),
            "begun_from": _sources(run),
            "seed": run.seed,
            "minutes": round(run.progress.seconds / 60, 1),
            "machine": _machine(device, run.runtime.world),
            "finished": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "history": [
                {name: round(v, 4) for name, v in figures.items()} for figures in run.progress.history
            ],
        },
    )
    card = replace(card, base=_base(run, weights))
    # Scores are those of the weights as written, in half precision.
    save_checkpoint(weights, run.objective.network, card)
    classifier = Classifier.load(weights, device.type)
    labels_N = run.choose.labels_N
    with_flip_NK = logits_of(classifier, run.choose, mirrored=True)
    without_NK = logits_of(classifier, run.choose, mirrored=False)
    card = replace(
        card,
        temperature=round(fit_temperature(with_flip_NK, labels_N), 4),
        scores={
            "PublicTest": {
                "n": len(labels_N),
                "accuracy": _accuracy(with_flip_NK, labels_N),
                "accuracy_without_flip": _accuracy(without_NK, labels_N),
            }
        },
    )
    save_checkpoint(weights, run.objective.network, card)
    print(f"{weights}: PublicTest {json.dumps(card.scores['PublicTest'])}, temperature {card.temperature}")


def _base(run: Run, weights: Path) -> Base | None:
    """Where the pixel branch is another run's and held fixed, it is not stored again.

    What was begun from a model's weights (`Recipe.start`) is whole, so that it can be taken elsewhere.
    """
    source = run.recipe.parts.get("pixel_branch")
    if source is None or "pixel_branch" not in run.recipe.frozen:
        return None
    path = run.folder.parent / source / f"{source}.safetensors"
    base, _ = load_checkpoint(path)
    branches: list[Any] = [network.get_submodule("pixel_branch") for network in (base, run.objective.network)]
    if fingerprint(branches[0]) != fingerprint(branches[1]):
        raise TrainingError(
            f"{path} is not the one that {run.recipe.name} was begun from: it was made anew since. Train "
            f"{run.recipe.name} again, with --folder FOLDER for a place of its own."
        )
    return Base.of(path, weights.parent, "pixel_branch")


def _extra_supervision(recipe: Recipe) -> str | None:
    """What the model learned from beside the pictures' own labels."""
    told = ["FER+ votes, second head"] if recipe.votes_weight else []
    if recipe.pretrained:
        told.append(f"ImageNet, by torchvision's {pretrained_name(recipe.architecture)} to begin with")
    return "; ".join(told) or None


def _of_own(dataset: FaceDataset) -> dict[str, Any]:
    """What a card says of data that are not FER-2013: how faces came about, pictures by class, and notes."""
    if dataset.own is None:
        return {}
    by_class = dict(zip(dataset.labels, dataset.counts_SK()[0].tolist(), strict=True))
    return {"faces": dataset.own.how, "by_class": by_class, "notes": list(dataset.own.notes)}


def _sources(run: Run) -> dict[str, Any]:
    """By source of weights: epochs, minutes and seed of its run, and what that was begun from."""
    cards = {
        source: load_card(run.folder.parent / source / f"{source}.safetensors")
        for source in dict.fromkeys(run.recipe.parts.values())
    }
    if run.recipe.start:
        begun = load_card(start_weights(run.recipe.start))
        cards[begun.name] = begun
    return {source: told(card) for source, card in cards.items()}


def _in_turn(runtime: Runtime, make: Callable[[], T]) -> T:
    """What `make` gives: the first process makes what a cache lacks while the others wait for it."""
    if not runtime.first:
        runtime.wait()
    made = make()
    if runtime.first:
        runtime.wait()
    return made


def _accuracy(logits_NK: np.ndarray, labels_N: np.ndarray) -> float:
    return round(float((logits_NK.argmax(axis=1) == labels_N).mean()), 4)


def _machine(device: torch.device, world: int) -> str:
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    return (
        f"{world} x {kind}" if device.type == "cuda" else f"{kind}, {torch.get_num_threads() * world} threads"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description="Train a model on FER-2013, or on pictures of your own."
    )
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument(
        "--votes", type=Path, help="FER+ votes, fer2013new.csv: extra supervision by a second head"
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="MODEL",
        help="what finetune begins with: a model of the package (default fusion) or weights",
    )
    parser.add_argument("--seed", type=int, default=0)
    # --run as well, but not under torchrun, which takes it for the beginning of an option of its own.
    parser.add_argument(
        "--folder", "--run", dest="run", type=Path, help="folder of this run; default runs/RECIPE"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    parser.add_argument(
        "--pretrained", action="store_true", help="begin a backbone with torchvision's ImageNet weights"
    )
    parser.add_argument("--epochs", type=int, help="other than the recipe's")
    parser.add_argument("--batch", type=int, help="other than the recipe's")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
