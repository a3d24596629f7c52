"""Which models there are: order, titles and labels by the cards; what is said of one that is not there."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fusion_model.catalogue import (
    Entry,
    available_models,
    catalogue,
    default_models,
    leading,
    unknown_models,
)
from fusion_model.labels import EXPRESSIONS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four models: two with a place of their own, one without, one whose card is broken."""
    cards: dict[str, Any] = {
        "zebra": {"labels": ["yes", "no"], "title": "Zebra", "order": 0},
        "cnn": {
            "labels": EXPRESSIONS,
            "title": "CNN",
            "order": 5,
            "scores": {"PublicTest": {"accuracy": 0.7}},
        },
        "alpha": {"labels": ["a", "b", "c"]},
    }
    for name, card in cards.items():
        (tmp_path / f"{name}.safetensors").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps(card))
    (tmp_path / "broken.safetensors").touch()
    (tmp_path / "broken.json").write_text("[1, 2")
    (tmp_path / "picture.jpg").touch()
    return tmp_path


def test_models_stand_in_the_order_of_their_cards_and_those_without_a_place_last(folder: Path) -> None:
    assert available_models(folder) == ("zebra", "cnn", "alpha", "broken")
    assert available_models(folder / "nothing") == ()


def test_titles_labels_and_scores_come_from_the_cards(folder: Path) -> None:
    entries = catalogue(folder)
    assert [entry.title for entry in entries.values()] == ["Zebra", "CNN", "alpha", "broken"]
    assert entries["zebra"].labels == ("yes", "no") and entries["alpha"].labels == ("a", "b", "c")
    assert entries["cnn"].accuracy == 0.7 and math.isnan(entries["zebra"].accuracy)
    assert entries["broken"].labels == ()


def test_an_unknown_name_is_told_with_those_that_there_are(folder: Path) -> None:
    assert unknown_models(["cnn", "zebra"], folder) == ""
    said = unknown_models(["cnn", "vgg", "lenet"], folder)
    assert said == "There is no model named vgg, lenet; choose from zebra, cnn, alpha, broken."
    assert "none at all" in unknown_models(["cnn"], folder / "nothing")


def test_the_usual_pair_is_asked_or_the_first_that_there_is() -> None:
    assert default_models(("resnet50", "fusion", "cnn")) == ("cnn", "fusion")
    assert default_models(("fusion", "other")) == ("fusion",)
    assert default_models(("other", "more")) == ("other",)
    assert default_models(()) == ()


def test_the_model_with_the_best_score_on_public_test_leads() -> None:
    scores = {"x": 0.7, "y": 0.6, "new": math.nan}
    entries = {name: Entry(name, name, ("a", "b"), accuracy=score) for name, score in scores.items()}
    assert leading(["y", "x", "new"], entries) == "x"
    assert leading(["y", "new"], entries) == "y"
    assert leading(["new", "unheard"], entries) == "unheard"
    # Likelihood decides where all tell it, whatever the accuracy.
    entries["likely"] = Entry("likely", "likely", ("a", "b"), accuracy=0.69, nll=0.6)
    assert leading(["x", "likely"], entries) == "x"
    entries["x"] = Entry("x", "x", ("a", "b"), accuracy=0.7, nll=0.61)
    assert leading(["x", "likely"], entries) == "likely"
    # A score on other classes says nothing.
    entries["easy"] = Entry("easy", "easy", ("yes", "no"), accuracy=0.99)
    assert leading(["y", "x", "easy"], entries) == "x"


def test_the_committed_models_have_titles_and_places() -> None:
    entries = catalogue()
    assert list(entries)[:2] == ["cnn", "fusion"]
    assert [entries[name].title for name in ("cnn", "fusion")] == ["CNN", "Fusion"]
    assert all(entry.labels == EXPRESSIONS for entry in entries.values())
    assert leading(["cnn", "fusion"], entries) == "fusion"
