"""Train the classifier of groups: ``python -m training.groups --fairface fairface.npz [--resume]``.

Its weights stay in ``runs/groups`` and are never shipped (docs/decisions/0016): what the package holds are
the error rates and the estimates for FER-2013's test pictures, see `training.estimated_groups`.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from fusion_model.errors import ExpressionLensError
from training.augment import Augmentation
from training.fairface import FairFace, read_fairface, samples_of
from training.group_network import begun_from_cnn
from training.loop import Run, Runtime, TrainingError
from training.losses import Objective
from training.recipe import Recipe

FOLDER = Path("runs/groups")
#: Faces of the training split kept back: by them classes are merged and probabilities calibrated.
KEPT_BACK = 2000


def recipe() -> Recipe:
    """Fine-tuning of the CNN's pixel branch in five epochs on growing pictures: about 8 minutes of a core.

    The estimates that ship come from a run that was stopped after the third epoch; their file says so.
    """
    return Recipe(
        name="groups",
        kind="cnn",
        epochs=5,
        learning_rate=0.03,
        warmup=0.2,
        label_smoothing=0.0,
        sides=((24, 1), (32, 2)),
        augmentation=Augmentation(rotation=10.0, scale=0.1, shift=0.06, erase=0.0, mesh_dropout=0.0),
    )


def divided(faces: FairFace, seed: int = 0) -> tuple[FairFace, FairFace, FairFace]:
    """Faces to train on, faces of the training split kept back, and the validation split."""
    train = faces.select(~faces.validation_N)
    order_N = np.random.default_rng(seed).permutation(len(train))
    kept = min(KEPT_BACK, len(train) // 4)
    return train.select(order_N[kept:]), train.select(order_N[:kept]), faces.select(faces.validation_N)


def prepared_run(faces: FairFace, made: Recipe, folder: Path, seed: int) -> Run:
    """A run that has not begun."""
    train, kept_back, _ = divided(faces)
    objective = Objective(begun_from_cnn(), made.label_smoothing, 0.0)
    return Run(made, seed, folder, Runtime.start(), objective, samples_of(train), samples_of(kept_back))


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.groups", description="Train the classifier of groups on FairFace."
    )
    parser.add_argument("--fairface", type=Path, required=True, help="FairFace, packed as one .npz")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    options = parser.parse_args(arguments)
    try:
        run = prepared_run(read_fairface(options.fairface), recipe(), options.folder, options.seed)
        if options.resume:
            run.resume()
        elif run.state_file.exists():
            raise TrainingError(f"{run.state_file} is there already: --resume goes on with it.")
        run.train_all()
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
