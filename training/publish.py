"""Copy trained models into the package: weights and cards under their public names, with titles and places.

A model that stores only what it adds to another one is published with a card that names the base among the
published weights; where that is not there, nothing is copied. Nor where a published model would be left out
of the prediction tables that are written with it: all of them answer for the same pictures in one call.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fusion_model.backbones import ARCHITECTURES
from fusion_model.checkpoint import ASSETS, Card, CheckpointError, load_card, sha256_of
from fusion_model.evaluation import negative_log_likelihood
from fusion_model.prediction_table import PredictionTable, of_split

#: What people call the models, in the order in which they are shown; others keep what their card says.
TITLES = {
    "cnn": "CNN",
    "fusion": "Fusion",
    **{
        f"{name}{suffix}": f"{architecture.title}{title}"
        for name, architecture in ARCHITECTURES.items()
        for suffix, title in (("", ""), ("_fusion", " fusion"))
    },
}


def publishable(models: dict[str, Path], folder: Path = ASSETS, kept: Sequence[str] = ()) -> dict[str, Card]:
    """The cards of these models as they will be published, by public name.

    Parameters
    ----------
    models : weights by public name
    folder : where they will be copied to, beside the models that are there
    kept : models that stay as they are, and in the tables

    Raises
    ------
    CheckpointError
        For weights without a card; where one of the models, or one that is there already, would stand on
        weights that are not among the published ones; where one that is there and has the same classes is
        not among the models or the kept, and so would be in no table.
    """
    there = {path.stem: path for path in folder.glob("*.safetensors")} | models
    names = {sha256_of(path): name for name, path in there.items()}
    cards = {name: load_card(path) for name, path in there.items()}
    for name, card in cards.items():
        if card.base is None:
            continue
        if card.base.sha256 not in names:
            raise CheckpointError(
                f"The model {name} stands on {card.base.file}, which would not be among the published "
                "models: publish that file with it, in the same command."
            )
        cards[name] = replace(card, base=replace(card.base, file=f"{names[card.base.sha256]}.safetensors"))
    answered = {label for name in models for label in cards[name].labels}
    staying = {*models, *kept}
    left = [name for name in cards if name not in staying and answered == set(cards[name].labels)]
    if left:
        named = " ".join(f"{name}={there[name]}" for name in sorted(left))
        raise CheckpointError(
            f"The package has {', '.join(sorted(left))} too, which would be missing from the new tables: "
            f"name all models in one command. As they are: {named}."
        )
    return {name: _titled(name, cards[name]) for name in models}


def publish(models: dict[str, Path], cards: dict[str, Card], folder: Path = ASSETS) -> None:
    """Copy weights and cards, each aside and then renamed; models that others stand on come first."""
    for name in _bases_first(cards):
        weights_aside, card_aside = (folder / f"{name}.{what}.aside" for what in ("safetensors", "json"))
        shutil.copyfile(models[name], weights_aside)
        card_aside.write_text(cards[name].to_json(), encoding="utf-8")
        for aside in (weights_aside, card_aside):
            aside.replace(aside.with_suffix(""))


def tell_likelihoods(table: PredictionTable, folder: Path = ASSETS) -> None:
    """Write on the cards of a table's models how likely PublicTest's labels are to each.

    Cards of models that were published before they told it lack it, and one of another machine may differ in
    the last digit; after this all are of one table.
    """
    if "PublicTest" not in set(table.frame["split"]):
        return
    chosen_on = of_split(table, "PublicTest")
    for name in table.models:
        path = folder / f"{name}.json"
        card = load_card(path.with_suffix(".safetensors"))
        nll = negative_log_likelihood(chosen_on.truth(), chosen_on.probabilities(name))
        told = {**card.scores.get("PublicTest", {}), "nll": round(nll, 4)}
        aside = path.with_name(f"{path.name}.aside")
        aside.write_text(
            replace(card, scores={**card.scores, "PublicTest": told}).to_json(), encoding="utf-8"
        )
        aside.replace(path)


def _bases_first(cards: dict[str, Card]) -> Iterable[str]:
    return sorted(cards, key=lambda name: cards[name].base is not None)


def _titled(name: str, card: Card) -> Card:
    if name not in TITLES:
        return replace(card, name=name)
    return replace(card, name=name, title=TITLES[name], order=list(TITLES).index(name))
