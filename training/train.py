"""Train a model: ``python -m training.train RECIPE --data fer2013.csv [--votes fer2013new.csv] [--resume]``.

Pictures of your own, any classes: ``python -m training.train finetune --data FOLDER`` (docs/own-data.md).
Many processes: ``torchrun --nproc-per-node N -m training.train RECIPE …``. On a machine without MediaPipe:
``--data packed.npz`` (`training.packed`).
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from fusion_model.backbones import pretrained_state
from fusion_model.checkpoint import load_card, load_checkpoint
from fusion_model.errors import ExpressionLensError
from fusion_model.network import build_network
from training.data import DATA_HELP, Asked, add_arguments, is_own, is_packed, read_training_data
from training.dataset import Samples, make_samples
from training.landmark_cache import landmarks_of
from training.loop import PixelFeatures, Run, Runtime, TrainingError
from training.losses import Objective
from training.packed import PIXEL_KINDS, read_packed
from training.photographs import USES, read_photographs
from training.recipe import Recipe
from training.recipes import RECIPES
from training.result import write_model
from training.samples import FaceDataset
from training.start import take_part, take_weights, with_start
from training.teachers import Teachers, taught

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
    dataset, samples = _read(asked, recipe, runtime)
    if dataset.own is not None and runtime.first:
        print(dataset.describe(), file=sys.stderr)
    if dataset.votes_NV is None and recipe.votes_weight:
        recipe = replace(recipe, votes_weight=0.0)
    samples = samples.with_mesh(recipe.mesh, options.seed)
    photographs = _photographs(asked, options.photographs, recipe, samples.labels, runtime)
    folder = options.run or Path("runs") / recipe.name
    run = prepare_run(
        recipe, options.seed, folder, runtime, dataset, samples, photographs, begin=not options.resume
    )
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
        write_model(run, dataset, weights)
    return weights


def _read(asked: Asked, recipe: Recipe, runtime: Runtime) -> tuple[FaceDataset, Samples]:
    """The data, ready to train that recipe on."""
    if is_packed(asked.data):
        if recipe.kind not in PIXEL_KINDS:
            raise TrainingError(
                f"{asked.data} is packed for networks of pixels alone: {recipe.name} needs the landmarks."
            )
        if asked.votes is not None:
            raise TrainingError(f"{asked.data} holds the votes it was packed with: leave --votes out.")
        return read_packed(asked.data)
    read = partial(read_training_data, asked, recipe.batch)
    dataset = _in_turn(runtime, read) if is_own(asked) else read()
    landmarks = _in_turn(runtime, lambda: landmarks_of(dataset, asked.cache, asked.workers))
    return dataset, make_samples(dataset, landmarks)


def _photographs(
    asked: Asked, path: Path | None, recipe: Recipe, labels: tuple[str, ...], runtime: Runtime
) -> Samples | None:
    """The labelled photographs that a recipe learns from, if it does; `labels` are the data's classes.

    TrainingError where no photographs are given, or their classes are others.
    """
    if not recipe.photographs:
        return None
    if path is None:
        raise lacks_photographs(recipe.name)
    photographs, _ = _in_turn(runtime, partial(read_photographs, path, USES[0], asked.cache, asked.workers))
    if photographs.labels != labels:
        raise TrainingError(
            f"{recipe.name} learns from photographs too, labelled {', '.join(photographs.labels)}: the data "
            f"have other classes, {', '.join(labels)}."
        )
    return photographs


def lacks_photographs(name: str) -> TrainingError:
    """What is wrong where no photographs are given to a recipe that learns from them."""
    return TrainingError(
        f"{name} learns from photographs too: --photographs, with the path of FairFace, packed."
    )


def _weighted(photographs: Samples, recipe: Recipe) -> Samples:
    """The photographs with what each counts in the loss, where the recipe tells."""
    if not recipe.photograph_weights:
        return photographs
    weight_K = np.array([recipe.photograph_weights.get(name, 1.0) for name in photographs.labels], np.float32)
    return replace(photographs, weights_N=weight_K[photographs.labels_N])


def finish(
    name: str,
    data: Path,
    votes: Path | None,
    cache: Path,
    seed: int,
    folder: Path,
    known: PixelFeatures | None = None,
    photographs: Path | None = None,
) -> Path:
    """The weights of a run: those that are there, or else trained now, from where it was if it was begun.

    Parameters
    ----------
    name : of the recipe
    data, votes, cache, seed, photographs : as the command line takes them
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
    given += ["--photographs", photographs] if photographs else []
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
    photographs: Samples | None = None,
    *,
    begin: bool = True,
) -> Run:
    """The network, with its parts from other runs (beside this one's folder), ready to train.

    `photographs` are added to Training. `begin` is False where the weights come from the run's own checkpoint
    afterwards.
    """
    torch.manual_seed(seed)
    network = build_network(recipe.kind, len(dataset.labels), recipe.config)
    if recipe.start and begin:
        take_weights(network, dataset.labels, recipe)
    if recipe.pretrained and begin:
        network.get_submodule("pixel_branch").load_state_dict(pretrained_state(recipe.architecture))
    for part, source in recipe.parts.items():
        other, _ = load_checkpoint(folder.parent / source / f"{source}.safetensors")
        take_part(network.get_submodule(part), other.get_submodule(part))
    splits = {split: samples.select(dataset.splits_N == split) for split in ("Training", "PublicTest")}
    for split, chosen in splits.items():
        if not len(chosen):
            raise TrainingError(f"The data have no {split} pictures: training needs Training and PublicTest.")
    if len(splits["Training"]) < recipe.batch:
        raise TrainingError(
            f"The data have {len(splits['Training'])} Training pictures, fewer than one batch of "
            f"{recipe.batch}: give a smaller --batch."
        )
    weights = [folder.parent / name / f"{name}.safetensors" for name in recipe.teachers]
    blind = [path.stem for path in weights if load_card(path).kind not in PIXEL_KINDS]
    if blind and not samples.mesh_found_N.any():
        raise TrainingError(f"No picture has landmarks, and {', '.join(blind)} cannot teach without.")
    teachers = Teachers.load(weights, recipe.teaching, runtime.device) if recipe.live else None
    if weights and not recipe.live:
        splits["Training"] = taught(splits["Training"], weights, recipe.teaching)
    if photographs is not None:
        splits["Training"] = splits["Training"].joined(_weighted(photographs, recipe))
    objective = Objective(network, recipe.label_smoothing, recipe.votes_weight)
    return Run(recipe, seed, folder, runtime, objective, splits["Training"], splits["PublicTest"], teachers)


def _in_turn(runtime: Runtime, make: Callable[[], T]) -> T:
    """What `make` gives: the first process makes what a cache lacks while the others wait for it."""
    if not runtime.first:
        runtime.wait()
    made = make()
    if runtime.first:
        runtime.wait()
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description="Train a model on FER-2013, or on pictures of your own."
    )
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument(
        "--data", type=Path, required=True, help=f"{DATA_HELP}; or what training.packed wrote"
    )
    parser.add_argument(
        "--votes", type=Path, help="FER+ votes, fer2013new.csv: extra supervision by a second head"
    )
    parser.add_argument(
        "--photographs",
        type=Path,
        help="FairFace, packed (fairface_64px.npz): labelled photographs, where the recipe learns from them",
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
