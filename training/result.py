"""What a finished run leaves: weights in half precision, and the card that tells how they came about."""

import datetime
import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion_model.backbones import pretrained_name
from fusion_model.calibration import fit_biases, fit_temperature
from fusion_model.checkpoint import Base, Card, load_card, load_checkpoint, save_checkpoint
from fusion_model.classifier import Classifier, softmax
from fusion_model.evaluation import negative_log_likelihood
from fusion_model.inference import fingerprint
from fusion_model.network import ExpressionNetwork
from training.loop import Run, TrainingError
from training.recipe import Recipe
from training.samples import FaceDataset
from training.scoring import logits_of
from training.start import start_weights, told


def write_model(run: Run, dataset: FaceDataset, weights: Path) -> None:
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
    if recipe.biases:
        scale, biases_K = fit_biases(logits_of(classifier, run.choose, mirrored=True), labels_N)
        add_biases(run.objective.network, scale * biases_K)
        fitted = dict(zip(dataset.labels, biases_K.round(4).tolist(), strict=True))
        card = replace(card, training=card.training | {"biases": fitted})
        save_checkpoint(weights, run.objective.network, card)
        classifier = Classifier.load(weights, device.type)
    with_flip_NK = logits_of(classifier, run.choose, mirrored=True)
    without_NK = logits_of(classifier, run.choose, mirrored=False)
    temperature = round(fit_temperature(with_flip_NK, labels_N), 4)
    nll = negative_log_likelihood(labels_N, softmax(with_flip_NK, temperature))
    card = replace(
        card,
        temperature=temperature,
        scores={
            "PublicTest": {
                "n": len(labels_N),
                "accuracy": _accuracy(with_flip_NK, labels_N),
                "accuracy_without_flip": _accuracy(without_NK, labels_N),
                "nll": round(nll, 4),
            }
        },
    )
    save_checkpoint(weights, run.objective.network, card)
    print(f"{weights}: PublicTest {json.dumps(card.scores['PublicTest'])}, temperature {card.temperature}")


def add_biases(network: ExpressionNetwork, biases_K: np.ndarray) -> None:
    """Add to the logits of a network, in place, by its last layer."""
    bias_K = network.get_submodule("head.1").get_parameter("bias")
    with torch.no_grad():
        bias_K.add_(torch.from_numpy(biases_K).to(bias_K))


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
    if recipe.teachers:
        told.append(f"answers of {', '.join(recipe.teachers)} together")
    if recipe.photographs:
        told.append("photographs of FairFace, labelled by another model")
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


def _accuracy(logits_NK: np.ndarray, labels_N: np.ndarray) -> float:
    return round(float((logits_NK.argmax(axis=1) == labels_N).mean()), 4)


def _machine(device: torch.device, world: int) -> str:
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    return (
        f"{world} x {kind}" if device.type == "cuda" else f"{kind}, {torch.get_num_threads() * world} threads"
    )
