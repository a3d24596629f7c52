"""The training loop: epochs, checkpoints after each, resume to the same result, one or many processes.

Everything random follows from the seed and the epoch, so a run that is killed and resumed ends with the same
weights, to the bit, as one that was not (on the same machine and number of threads). Several processes share
each batch as if one had it whole (`training.sharing`), and end with the same weights but for rounding.
"""

import contextlib
import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from fusion_model.errors import ExpressionLensError
from training.averaging import normalise_anew
from training.dataset import Batch, EpochBatches, Samples, plain_batches
from training.losses import Objective
from training.optimizer import make_optimizer, make_schedule, mixed_precision
from training.recipe import Recipe
from training.sharing import Shares, share_layers, sum_over_all
from training.sharpness import uphill
from training.teachers import Teachers

#: What a frozen pixel branch makes of a batch, (B, F), by view and step.
PixelFeatures = dict[tuple[int, int], torch.Tensor]
#: That make batches for a GPU, which waits for them; where the CPU trains it has no time for more than one.
_THREADS = min(8, os.cpu_count() or 1)


class TrainingError(ExpressionLensError):
    """Training cannot start or go on."""


@dataclass(frozen=True)
class Runtime:
    """Where a run happens.

    Attributes
    ----------
    device : chosen by itself: CUDA where there is one.
    rank, world : this process among those that torchrun started; 0 of 1 without it.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @classmethod
    def start(cls) -> "Runtime":
        """Join the processes that torchrun started, if it did."""
        world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        cuda = torch.cuda.is_available()
        device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu")
        if world > 1:
            dist.init_process_group("nccl" if cuda else "gloo")
        return cls(device, rank, world)

    def wait(self) -> None:
        """Until all processes have come here."""
        if self.world > 1:
            dist.barrier()

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def stop(self) -> None:
        """Leave the other processes."""
        if self.world > 1:
            dist.destroy_process_group()


@dataclass
class Progress:
    """What a run has done so far; kept in its checkpoint."""

    epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Run:
    """A training run and everything in it that changes."""

    recipe: Recipe
    seed: int
    folder: Path
    runtime: Runtime
    objective: Objective
    train: Samples
    choose: Samples
    teachers: Teachers | None = None

    def __post_init__(self) -> None:
        """Make the optimiser and its schedule."""
        recipe = self.recipe
        world = self.runtime.world
        if recipe.batch % world:
            raise TrainingError(
                f"{world} processes cannot share batches of {recipe.batch}: give another --batch."
            )
        self.objective.to(self.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name in recipe.frozen:
            self.objective.network.get_submodule(name).requires_grad_(False)
        self.trained = [p for p in self.objective.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(recipe, self.trained)
        steps = recipe.epochs * max(1, len(self.train) // recipe.batch)
        self.schedule = make_schedule(recipe, self.optimizer, steps)
        self.average = AveragedModel(self.objective) if recipe.averaging else None
        self.begun = self._taken() if recipe.interpolation else {}
        self.progress = Progress()
        self.pixel_features: PixelFeatures = {}
        self.parallel: nn.Module = self.objective
        self.shares = Shares(self.runtime.rank, world)
        if world > 1:
            self.objective.world = world
            share_layers(self.objective, self.shares)
            self.parallel = DistributedDataParallel(self.objective)

    @property
    def state_file(self) -> Path:
        """The checkpoint of the last finished epoch."""
        return self.folder / "state.pt"

    def save(self) -> None:
        """Write the checkpoint aside, then rename it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.state_file.with_suffix(".aside")
        torch.save(
            {
                "recipe": self.recipe.to_json(),
                "seed": self.seed,
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "progress": vars(self.progress),
                **({"average": self.average.state_dict()} if self.average is not None else {}),
            },
            aside,
        )
        aside.replace(self.state_file)

    def resume(self) -> None:
        """Go on from the checkpoint; TrainingError where it belongs to another recipe or seed."""
        try:
            state: dict[str, Any] = torch.load(
                self.state_file, map_location=self.runtime.device, weights_only=True
            )
        except FileNotFoundError as error:
            raise TrainingError(
                f"There is nothing to resume in {self.folder}: leave --resume out."
            ) from error
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{self.state_file} is damaged: move it away and start again.") from error
        # A field that recipes did not have then had the value that is now its default.
        known = Recipe(name="", kind="").to_json() | state["recipe"]
        if (known, state["seed"]) != (self.recipe.to_json(), self.seed):
            raise TrainingError(
                f"{self.state_file} was made by another recipe or seed: use it, or another --folder."
            )
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.progress = Progress(**state["progress"])

    def train_all(self) -> None:
        """Train the epochs that are left; in the end the network has the weights that the recipe asks for."""
        with contextlib.ExitStack() as stack:
            log = None
            if self.runtime.first:
                log = stack.enter_context(SummaryWriter(str(self.folder / "tensorboard")))
            while self.progress.epoch < self.recipe.epochs:
                began = time.perf_counter()
                figures = self._train_epoch()
                figures["public_test_accuracy"] = accuracy(
                    self.objective.network, self.choose, self.runtime.device
                )
                self.progress.epoch += 1
                self.progress.seconds += time.perf_counter() - began
                self.progress.history.append(figures)
                if log is not None:
                    self.save()
                    self._report(log, figures)
        if self.average is not None:
            self._take_average(self.average)
        if self.begun:
            self._interpolate()
        if self.average is not None or self.begun:
            self._normalise_anew()

    def _taken(self) -> dict[str, torch.Tensor]:
        """Copies of what the network begins with: the weights of parts that are taken over and trained."""
        return {
            f"{part}.{name}": weight.detach().clone()
            for part in self.recipe.taken
            for name, weight in self.objective.network.get_submodule(part).named_parameters()
        }

    def _take_average(self, average: AveragedModel) -> None:
        """Give the network the mean weights."""
        # Only what was trained: even the mean of equal numbers changes the sign of a zero.
        with torch.no_grad():
            for weight, mean in zip(self.objective.parameters(), average.module.parameters(), strict=True):
                if weight.requires_grad:
                    weight.copy_(mean)

    def _interpolate(self) -> None:
        """Give the network weights between those it has and those it began with."""
        with torch.no_grad():
            for name, begun in self.begun.items():
                self.objective.network.get_parameter(name).lerp_(begun, self.recipe.interpolation)

    def _normalise_anew(self) -> None:
        """Give the normalisations what the pictures make of the weights, once these were moved."""
        self._seed_epoch()
        with mixed_precision(self.runtime.device):
            normalise_anew(self.objective, self.recipe.frozen, self._batches(self.recipe.epochs))

    def _train_epoch(self) -> dict[str, float]:
        self._seed_epoch()
        self.objective.train()
        averaged = self.progress.epoch >= self.recipe.epochs - self.recipe.averaging
        total, right, seen = 0.0, 0, 0
        title = f"epoch {self.progress.epoch + 1}/{self.recipe.epochs}"
        batches = self._batches(self.progress.epoch)
        steps = len(self.train) // self.recipe.batch
        with tqdm(
            batches, desc=title, unit="step", total=steps, disable=None if self.runtime.first else True
        ) as bar:
            for batch in bar:
                loss, logits_BK = self._step(batch)
                if averaged and self.average is not None:
                    self.average.update_parameters(self.objective)
                total, seen = total + loss * len(logits_BK), seen + len(logits_BK)
                right += int((logits_BK.argmax(1).cpu() == batch.labels_B).sum())
                bar.set_postfix(loss=f"{total / seen:.3f}", right=f"{right / seen:.3f}")
        if self.runtime.world > 1:
            sums = torch.tensor([total, right, seen], dtype=torch.float64, device=self.runtime.device)
            total, right, seen = sum_over_all(sums).tolist()
        return {"loss": total / max(1, seen), "training_accuracy": right / max(1, seen)}

    def _seed_epoch(self) -> None:
        torch.manual_seed(hash((self.seed, self.progress.epoch, 0)) % 2**31)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, ready for the network."""
        for name in self.recipe.frozen:
            self.objective.network.get_submodule(name).eval()
        view = epoch % self.recipe.views if self.recipe.views else epoch
        batches = EpochBatches(
            self.train,
            self.recipe.batch,
            self.recipe.augmentation,
            self.seed,
            view,
            self.runtime.rank,
            self.runtime.world,
            self.objective.network.reads_pixels and (view, 0) not in self.pixel_features,
            threads=1 if self.runtime.device.type == "cpu" else _THREADS,
        )
        side = self.recipe.side(epoch)
        for step, made in enumerate(batches):
            batch = made.to(self.runtime.device)
            if self.teachers is not None:
                batch = replace(batch, targets_BK=self.teachers(batch))
            batch = batch.resized(side)
            if self.recipe.views:
                batch = self._with_pixel_features(batch, view, step)
            if self.runtime.world > 1:
                self.shares.begin(batch.mesh_found_B)
            yield batch

    def _with_pixel_features(self, batch: Batch, view: int, step: int) -> Batch:
        """The batch with what the frozen pixel branch makes of it, computed once for each view."""
        if (view, step) not in self.pixel_features:
            branch = self.objective.network.get_submodule("pixel_branch")
            with torch.no_grad(), mixed_precision(self.runtime.device):
                self.pixel_features[view, step] = branch(batch.pixels_BCHW)
        return replace(batch, pixel_features_BF=self.pixel_features[view, step])

    def _step(self, batch: Batch) -> tuple[float, torch.Tensor]:
        with mixed_precision(self.runtime.device):
            loss, logits_BK = self.parallel(batch)
        if not torch.isfinite(loss):
            raise TrainingError(
                "The loss is no longer a number: lower the recipe's learning rate and start again, with "
                "--folder FOLDER for a place of its own."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.sharpness:
            with uphill(self.objective, self.trained, self.recipe.sharpness):
                self.optimizer.zero_grad(set_to_none=True)
                with mixed_precision(self.runtime.device):
                    there, _ = self.parallel(batch)
                there.backward()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.trained, self.recipe.clip)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach()), logits_BK.detach()

    def _report(self, log: SummaryWriter, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            log.add_scalar(name, value, self.progress.epoch)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        print(f"epoch {self.progress.epoch}  {shown}  minutes {self.progress.seconds / 60:.1f}", flush=True)


def accuracy(network: nn.Module, samples: Samples, device: torch.device) -> float:
    """Share of the samples that the network answers rightly, without test-time augmentation."""
    network.eval()
    right = 0
    for batch in plain_batches(samples, 256):
        moved = batch.to(device)
        with torch.inference_mode(), mixed_precision(device):
            logits_BK = network(moved.pixels_BCHW, moved.landmarks_BLD, moved.mesh_found_B)
        right += int((logits_BK.argmax(1).cpu().numpy() == batch.labels_B.numpy()).sum())
    return right / max(1, len(samples))
