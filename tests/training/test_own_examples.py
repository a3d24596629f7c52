"""The worked examples: their data are built as docs/own-data.md says."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from training import own_examples, score_blocks
from training.data import Asked, is_own
from training.fer2013 import VOTE_COLUMNS
from training.own_examples import contempt_folder, smiling_table

from .conftest import COUNTS, TinyFer


def test_contempt_is_what_most_votes_say_and_the_others_keep_their_label(
    tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tiny_fer.votes.read_text().splitlines()
    column = lines[0].split(",").index("contempt")
    for row, votes in ((3, "10"), (9, "10"), (30, "10"), (12, "1")):
        cells = lines[row + 1].split(",")
        cells[column] = votes
        lines[row + 1] = ",".join(cells)
    (tmp_path / "votes.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(own_examples, "MOST", {"Training": 2, "PublicTest": 9, "PrivateTest": 9})
    folder = contempt_folder(tiny_fer.csv, tmp_path / "votes.csv", tmp_path / "out")
    files = {file.name: file.parent.relative_to(folder).as_posix() for file in folder.rglob("*.png")}
    assert {name for name, place in files.items() if place.endswith("contempt")} == {
        "row00003.png",
        "row00009.png",
        "row00030.png",
    }
    assert sum(place.startswith("train") for place in files.values()) == 8 * 2
    assert sum(place.startswith("test") for place in files.values()) == COUNTS["PrivateTest"]
    for name, place in files.items():
        row = int(name[3:8])
        expected = tiny_fer.dataset.labels[tiny_fer.dataset.labels_N[row]]
        assert place.split("/")[1] in (expected, "contempt")
        pixels = np.asarray(Image.open(folder / place / name))
        np.testing.assert_array_equal(pixels, tiny_fer.dataset.images_NHW[row])
    assert is_own(Asked(folder))  # the eighth class tells it from FER-2013's own folders
    assert "contempt" in VOTE_COLUMNS


def test_no_person_of_the_london_set_is_in_two_splits(tmp_path: Path) -> None:
    rows = ["file,expression,person,age,gender,ethnicity"]
    for person in range(1, 41):
        rows += [f"{person:03}_0{shot}.jpg,{shown},{person:03},30,female,NA" for shot, shown in SHOTS]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    frame = pd.read_csv(smiling_table(tmp_path, tmp_path / "smiling.csv"))
    assert (frame.groupby("person")["split"].nunique() == 1).all()
    assert frame.groupby("split")["person"].nunique().to_dict() == {"train": 20, "val": 6, "test": 14}
    assert (frame.groupby("split")["label"].value_counts(normalize=True) == 0.5).all()
    smile = frame[frame["label"] == "smiling"]["path"]
    assert smile.str.endswith("_08.jpg").all() and Path(smile.iloc[0]).is_absolute()


def test_examples_of_another_fusion_model_are_not_gone_on_with(
    tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run of the same one is: its folder is the same."""
    folders: list[Path] = []
    monkeypatch.setattr(own_examples, "run", lambda name, data, folder, *_: folders.append(folder) or 0)
    weights = tmp_path / "fusion.safetensors"
    monkeypatch.setattr(own_examples, "start_weights", lambda name: weights)
    rows = ["--data", str(tiny_fer.csv), "--votes", str(tiny_fer.votes), "--runs", str(tmp_path)]
    for content in (b"one", b"one", b"other"):
        weights.write_bytes(content)
        assert own_examples.main(["contempt", *rows]) == 0
    assert folders[0] == folders[1] != folders[2]
    assert all(folder.is_relative_to(tmp_path) for folder in folders)


SHOTS = ((3, "neutral"), (8, "happy"))


@pytest.mark.parametrize("example", ["contempt", "smiling"])
def test_the_kept_results_hold_figures_and_nothing_of_a_machine_or_picture(example: str) -> None:
    text = (score_blocks.RESULTS / f"own_{example}.json").read_text()
    found = json.loads(text)
    assert sum(map(sum, found["figures"]["confusion"])) == found["figures"]["n"]
    assert list(found["training"]["by_class"]) == found["labels"]
    assert "/" not in text and ".jpg" not in text and ".png" not in text
