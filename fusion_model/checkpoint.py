"""A trained network on disk: weights as safetensors, and beside them a JSON card that people can read.

``cnn.safetensors`` holds the weights in half precision (the running statistics of normalisation in full);
``cnn.json`` holds everything needed to use and to judge them. Nothing is unpickled.

A network on a part of another one, held fixed, stores only what it adds: its card names the weights that it
stands on by file and checksum (`Base`), and loading puts both together.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fusion_model.catalogue import ASSETS, LAST, available_models
from fusion_model.errors import ExpressionLensError
from fusion_model.network import ExpressionNetwork, build_network
from fusion_model.preprocess import Preprocessing

__all__ = [  # two of the catalogue's among them: who loads models asks which there are, and where
    "ASSETS",
    "Base",
    "Card",
    "CheckpointError",
    "available_models",
    "load_card",
    "load_checkpoint",
    "save_checkpoint",
    "sha256_of",
]


class CheckpointError(ExpressionLensError):
    """A checkpoint is missing, damaged, or made for other inputs than this version gives."""


@dataclass(frozen=True)
class Base:
    """Weights that a checkpoint stands on and does not repeat.

    Attributes
    ----------
    file : their path, as seen from the checkpoint's folder.
    sha256 : of that file, hexadecimal.
    part : the piece of both networks that comes from there, such as ``pixel_branch``.
    """

    file: str
    sha256: str
    part: str

    @classmethod
    def of(cls, weights: Path, folder: Path, part: str) -> "Base":
        """For a checkpoint in `folder` on a part of `weights`; CheckpointError where these are not there."""
        return cls(Path(os.path.relpath(weights, folder)).as_posix(), sha256_of(weights), part)

    def tensors(self, weights: Path) -> dict[str, torch.Tensor]:
        """The part's tensors, for the checkpoint `weights`.

        Raises
        ------
        CheckpointError
            Where the file is missing, or is another one.
        """
        path = weights.parent / self.file
        if sha256_of(path, f"{weights.name} stores only what it adds to it") != self.sha256:
            raise CheckpointError(
                f"{weights.name} stands on {path}, but that file is another one than it was trained on "
                f"(its SHA-256 does not begin with {self.sha256[:12]}): put the right one there, or train "
                f"{weights.stem} again."
            )
        return {name: tensor for name, tensor in load_file(path).items() if name.startswith(f"{self.part}.")}


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself.

    Attributes
    ----------
    name : the model's name, as in the prediction table's columns.
    kind : one of `fusion_model.network.KINDS`.
    config : what `fusion_model.network.build_network` takes.
    labels : class names, in the order of the logits.
    preprocessing : the inputs it was trained on.
    temperature : divides the logits, fitted on PublicTest; above 0.
    data : name, fingerprint and extra supervision of the training data.
    training : recipe, seed, epochs, machine kind, minutes.
    scores : figures on PublicTest, written by the training command.
    base : weights that it stands on, or None for a checkpoint that is whole.
    title : what people call the model; empty for its name.
    order : place among the models, the lowest first.
    """

    name: str
    kind: str
    config: dict[str, Any]
    labels: tuple[str, ...]
    preprocessing: Preprocessing = Preprocessing()  # noqa: RUF009 - frozen
    temperature: float = 1.0
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    base: Base | None = None
    title: str = ""
    order: int = LAST

    def __post_init__(self) -> None:
        """Check."""
        if not self.temperature > 0:
            raise ValueError(f"a temperature is above 0, not {self.temperature}")
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"a model needs two different labels or more, not {self.labels}")

    def to_json(self) -> str:
        """As indented JSON."""
        values = asdict(self) | {"labels": list(self.labels), "preprocessing": self.preprocessing.to_json()}
        return json.dumps(values, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """From `to_json`'s text; ValueError, TypeError or KeyError where it is something else."""
        values = json.loads(text)
        values["labels"] = tuple(values["labels"])
        values["preprocessing"] = Preprocessing.from_json(values["preprocessing"])
        values["base"] = Base(**values["base"]) if values.get("base") else None
        return cls(**values)


def save_checkpoint(path: Path, network: ExpressionNetwork, card: Card) -> None:
    """Write ``path`` (``….safetensors``) and its card ``….json``, each aside and then renamed.

    Parameters
    ----------
    path : where the weights go
    network : built by `build_network` from the card's kind and config
    card : Card; the part that its `base` has is not written again
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, tensor in network.state_dict().items():
        if card.base is not None and name.startswith(f"{card.base.part}."):
            continue
        keep = "running_" in name or not tensor.is_floating_point()
        tensors[name] = (tensor if keep else tensor.half()).detach().cpu().contiguous()
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    save_file(tensors, aside)
    aside.replace(path)
    aside.write_text(card.to_json(), encoding="utf-8")
    aside.replace(path.with_suffix(".json"))


def load_checkpoint(path: Path) -> tuple[ExpressionNetwork, Card]:
    """The network, in full precision and evaluation mode, and its card.

    Raises
    ------
    CheckpointError
        With a sentence that says which file, and what is wrong with it.
    """
    card = load_card(path)
    if card.preprocessing != Preprocessing():
        raise CheckpointError(
            f"{path.name} was trained on inputs prepared as {card.preprocessing.to_json()}, this version "
            f"prepares them as {Preprocessing().to_json()}: train it again, or use the version it came with."
        )
    try:
        with torch.device("meta"):  # no time for random weights that are replaced at once
            network = build_network(card.kind, len(card.labels), card.config)
        tensors = load_file(path)
        if card.base is not None:
            tensors |= card.base.tensors(path)
        full = {name: _full(tensor) for name, tensor in tensors.items()}
        network.load_state_dict(full, assign=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"The weights {path} are missing; only their card is there.") from error
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        # PyTorch lists every tensor that does not fit, one a line, below a headline.
        reason = " ".join(str(error).split()[:40])
        raise CheckpointError(f"The weights {path} cannot be used with their card: {reason}") from error
    return network.eval(), card


def load_card(path: Path) -> Card:
    """The card beside the weights ``path``; CheckpointError where it is missing or wrong."""
    beside = path.with_suffix(".json")
    try:
        return Card.from_json(beside.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no model at {path}: its card {beside.name} is missing.") from error
    except OSError as error:
        raise CheckpointError(f"The card {beside} cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CheckpointError(f"The card {beside} is not one of this version: {error}") from error


def sha256_of(path: Path, why: str = "") -> str:
    """Checksum of a file of weights; CheckpointError, with the reason why it is wanted, without one."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        wanted = f": {why}" if why else ""
        raise CheckpointError(
            f"The weights {path} cannot be read ({error.strerror or error}){wanted}."
        ) from error


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
