"""Which models there are, by their cards: names, titles, order and labels. Nothing heavy is loaded for it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).with_name("assets")
#: Asked where nothing else is said.
DEFAULT_MODELS = ("cnn", "fusion")
#: Place of a model whose card names none: after those that do, by name.
LAST = 1000


@dataclass(frozen=True)
class Entry:
    """What a model's card says of it to those who choose models.

    Attributes
    ----------
    name : of the file, of the option, and of the columns in prediction tables.
    title : what people call it.
    labels : its classes, in the order of its answers.
    order : place among the models, the lowest first.
    accuracy : on PublicTest, on which settings are chosen, 0 to 1; nan where the card has none.
    nll : mean negative log-likelihood of the labels there, nats; nan likewise.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    order: int = LAST
    accuracy: float = float("nan")
    nll: float = float("nan")

    @classmethod
    def of_card(cls, name: str, card: dict[str, Any]) -> "Entry":
        """From a card's JSON values; ValueError, TypeError or LookupError where they are none."""
        scores = card.get("scores", {}).get("PublicTest", {})
        return cls(
            name,
            str(card.get("title") or name),
            tuple(map(str, card["labels"])),
            int(card.get("order", LAST)),
            float(scores.get("accuracy", "nan")),
            float(scores.get("nll", "nan")),
        )


def catalogue(folder: Path = ASSETS) -> dict[str, Entry]:
    """The models of a folder by name, in their order; those whose card cannot be read come last.

    Their weights are not looked into: what is wrong with them is told when they are loaded.
    """
    entries = (_entry(path) for path in folder.glob("*.safetensors"))
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: (entry.order, entry.name))}


def available_models(folder: Path = ASSETS) -> tuple[str, ...]:
    """Names of the models of a folder, in their order."""
    return tuple(catalogue(folder))


def default_models(models: Iterable[str]) -> tuple[str, ...]:
    """Of these models, those to ask where nothing else is said: the usual pair, or else the first."""
    known = tuple(models)
    return tuple(name for name in DEFAULT_MODELS if name in known) or known[:1]


def leading(models: Sequence[str], entries: dict[str, Entry]) -> str:
    """Whose answer comes first: the model to which PublicTest's labels are likeliest; else the last of them.

    Likelihood judges all probabilities, accuracy only which is the highest. Where a card does not tell it,
    all are compared by accuracy. Scores are compared among models of the same classes: those of the first
    that has a score.
    """
    known = [name for name in models if name in entries and entries[name].accuracy >= 0]
    alike = [name for name in known if entries[name].labels == entries[known[0]].labels]
    if not alike:
        return models[-1]
    if all(entries[name].nll >= 0 for name in alike):
        return min(alike, key=lambda name: entries[name].nll)
    return max(alike, key=lambda name: entries[name].accuracy)


def unknown_models(models: Iterable[str], folder: Path = ASSETS) -> str:
    """What to say where some of these models are not there; empty where all are."""
    known = available_models(folder)
    missing = [name for name in models if name not in known]
    if not missing:
        return ""
    there = f"choose from {', '.join(known)}" if known else f"there is none at all in {folder}"
    return f"There is no model named {', '.join(missing)}; {there}."


def _entry(weights: Path) -> Entry:
    try:
        return Entry.of_card(
            weights.stem, json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Entry(weights.stem, weights.stem, ())
