"""Checks of explanations: what they delete and redraw, and that they find a map that is right."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_model.checkpoint import Card, load_checkpoint, save_checkpoint
from fusion_model.classifier import FaceBatch
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.preprocess import FaceInputs
from fusion_model.regions import NAMES
from training import explain_checks
from training.explain_checks import BLUR, DELETED, deleted, left_without, spoiled_from_the_top
from training.explain_methods import CHOSEN_MAP, CHOSEN_REGIONS, MAPS
from training.explain_sheet import Sheet, likeness

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS, TinyFer

CONFIGS = {
    "cnn": {"pixels": SMALL_PIXELS},
    "fusion": {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small random models whose answers differ between faces."""
    torch.manual_seed(0)
    for kind, config in CONFIGS.items():
        network = build_network(kind, 7, config)
        with torch.no_grad():
            network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
        save_checkpoint(tmp_path / f"{kind}.safetensors", network, Card(kind, kind, config, EXPRESSIONS))
    return tmp_path


def test_what_is_marked_is_blurred_and_nothing_else(face_crops: np.ndarray) -> None:
    batch = FaceBatch.of(
        [FaceInputs(face_crops[0], np.zeros((478, 3), np.float32), False)], torch.device("cpu")
    )
    map_HW = np.zeros((48, 48))
    map_HW[:10] = 1
    made = deleted(batch, map_HW)
    assert made.count == len(DELETED) and len(made.pixels_BCHW) == 2 * len(DELETED)
    before, after = batch.pixels_BCHW[0, 0].numpy(), made.pixels_BCHW[:, 0].numpy()
    for row, share in enumerate(DELETED):
        changed = after[row] != before
        assert changed.sum() <= round(share * before.size)
        if share <= 10 / 48:
            assert not changed[10:].any() and changed.sum() > 0.9 * round(share * before.size)
        np.testing.assert_array_equal(after[len(DELETED) + row], after[row][:, ::-1])
    assert BLUR > 0


def test_regions_go_in_the_order_of_their_values() -> None:
    # The worth of a set is how many of the two regions that matter it has.
    sets = np.arange(2 ** len(NAMES))
    left_NC = ((sets & 1) + (sets >> 1 & 1))[None].astype(float)
    values = np.array([[5.0, 4, 3, 2, 1, 0]])
    assert left_without(left_NC, values) == pytest.approx(np.mean([1, 0, 0, 0, 0]))
    assert left_without(left_NC, -values) == pytest.approx(np.mean([2, 2, 2, 2, 1]))


def test_layers_are_drawn_anew_from_the_top_down(folder: Path) -> None:
    network, _ = load_checkpoint(folder / "fusion.safetensors")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    changed: list[set[str]] = []
    for _ in spoiled_from_the_top(network, 0):
        now = network.state_dict()
        changed.append({name.split(".")[0] for name in before if not torch.equal(now[name], before[name])})
    assert changed[:3] == [{"head"}, {"head", "fuse"}, {"head", "fuse", "landmark_branch"}]
    first = "pixel_branch.maps.0.weight"
    assert not torch.equal(network.state_dict()[first], before[first])


def test_means_have_intervals_and_constants_no_likeness() -> None:
    sheet = Sheet()
    sheet.add("check", "cnn", "method", "marked", np.array([0.1, 0.2, 0.3, np.nan]))
    (row,) = sheet.frame().to_dict("records")
    assert row["value"] == pytest.approx(0.2) and row["n"] == 3 and row["low"] < 0.2 < row["high"]
    rising, flat = np.arange(5.0)[None], np.zeros((1, 5))
    assert likeness(rising, 2 * rising) == pytest.approx([1])
    assert likeness(rising, -rising) == pytest.approx([-1])
    assert np.isnan(likeness(rising, flat)).all()


def test_the_command_checks_both_models(
    folder: Path, tiny_fer: TinyFer, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "results" / "checks.csv"
    paths = ["--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache), "--folder", str(folder)]
    options = [*paths, "--pictures", "4", "--trials", "3", "--out", str(out)]
    assert explain_checks.main(options) == 0
    frame = pd.read_csv(out, keep_default_na=False)
    assert set(frame["check"]) == {"deletion", "regions", "weights", "time"}
    deletion = frame[(frame["check"] == "deletion") & (frame["model"] == "fusion")]
    assert set(deletion["method"]) == {*MAPS, ""}
    assert deletion[deletion["method"] == CHOSEN_MAP]["n"].unique().tolist() == [4]
    known = frame.set_index(["check", "model", "method", "order"])["value"]
    marked, against, nothing = (
        known["regions", "fusion", method, order]
        for method, order in ((CHOSEN_REGIONS, "marked"), (CHOSEN_REGIONS, "against"), ("", "nothing"))
    )
    assert marked < against and 0 < nothing < 1
    assert main_without(folder, paths) == 1 and "gone" in capsys.readouterr().err


def main_without(folder: Path, paths: list[str]) -> int:
    """The command, asked for a model that is not there."""
    return explain_checks.main([*paths, "--out", str(folder / "none.csv"), "gone"])
