"""The London set: the same answers as the live page, groups as reported, and what happens without a face."""

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from fusion_model.checkpoint import ASSETS, Card, save_checkpoint
from fusion_model.images import read_image
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.prediction_table import read_table
from fusion_model.predictor import Predictor
from training import london

from .conftest import SMALL_LANDMARKS, SMALL_PIXELS

REAL = Path(__file__).parents[3] / "shared" / "data" / "london"
CONFIGS: dict[str, dict[str, Any]] = {
    "cnn": {"pixels": SMALL_PIXELS},
    "fusion": {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8},
}
LABELS = """file,expression,person,age,gender,ethnicity
001_03.jpg,neutral,001,24,female,white
002_03.jpg,neutral,002,NA,NA,east_asian/white
001_08.jpg,happy,001,24,female,white
002_08.jpg,happy,002,NA,NA,east_asian/white
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small random models."""
    folder = tmp_path_factory.mktemp("weights")
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        network = build_network(name, 7, config)
        with torch.no_grad():
            network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
        save_checkpoint(folder / f"{name}.safetensors", network, Card(name, name, config, EXPRESSIONS))
    return folder


@pytest.fixture(scope="module")
def photographs(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs as in the set: a portrait, nobody, two portraits of unlike size, a mirrored one."""
    folder = tmp_path_factory.mktemp("london")
    bgr = cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR)
    smaller = cv2.resize(bgr, (400, 400), interpolation=cv2.INTER_AREA)
    both = np.hstack([np.pad(smaller, ((0, 112), (0, 0), (0, 0)), mode="edge"), bgr])
    for file, picture in (
        ("001_03.jpg", bgr),
        ("002_03.jpg", np.full_like(bgr, 90)),
        ("001_08.jpg", both),
        ("002_08.jpg", bgr[:, ::-1]),
    ):
        assert cv2.imwrite(str(folder / file), picture)
    (folder / "labels.csv").write_text(LABELS)
    return folder


def command(folder: Path, out: Path, *models: str) -> int:
    return london.main(
        ["--folder", str(folder), "--out", str(out), *(["--models", *models] if models else [])]
    )


def test_every_photograph_gets_the_answers_of_the_live_page_for_its_largest_face(
    photographs: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "assets" / "table.csv.gz"
    assert command(photographs, out, *(f"{name}={weights / name}.safetensors" for name in CONFIGS)) == 0
    table = read_table(out)
    assert (table.labels, table.models) == (EXPRESSIONS, ("cnn", "fusion"))
    frame = table.frame
    assert frame["row"].tolist() == [0, 1, 2, 3]
    assert frame["split"].tolist() == ["London"] * 4
    assert frame["label"].tolist() == ["neutral", "neutral", "happy", "happy"]
    assert frame["mesh_found"].tolist() == frame["face_found"].tolist() == [1, 0, 1, 1]
    assert frame["copy_in_training"].tolist() == [0] * 4
    with Predictor(tuple(CONFIGS), weights) as predictor:
        for row, file in ((0, "001_03.jpg"), (2, "001_08.jpg"), (3, "002_08.jpg")):
            with (photographs / file).open("rb") as stream:
                faces = predictor.predict(read_image(stream)).faces
            assert len(faces) == (2 if row == 2 else 1)
            for name, answer in faces[0].models.items():
                expected_K = [answer.probabilities[label] for label in EXPRESSIONS]
                np.testing.assert_allclose(table.probabilities(name)[row], expected_K, atol=2e-5)
    said = capsys.readouterr().out
    for name in CONFIGS:
        right_N = table.predicted(name) == table.truth()
        neutral, happy = right_N[:2].sum(), right_N[2:].sum()
        assert f"{name}: {right_N.sum()} of 4 right" in said
        assert f"neutral {neutral} of 2, happy {happy} of 2; 1 without a face." in said


def test_a_photograph_without_a_face_is_a_row_that_counts_as_wrong(photographs: Path, weights: Path) -> None:
    table = london.measure(photographs, {"cnn": weights / "cnn.safetensors"})
    assert table.frame["face_found"][1] == 0
    np.testing.assert_array_equal(table.probabilities("cnn")[1], np.full(7, 1 / 7))
    answer = table.labels[table.predicted("cnn")[1]]
    assert answer not in london.SHOWN


def test_groups_are_as_reported_and_empty_where_nothing_was(photographs: Path) -> None:
    frame = london.read_photographs(photographs)
    assert frame["person"].tolist() == [1, 2, 1, 2]
    assert frame["gender"].tolist() == ["female", "", "female", ""]
    assert frame["ethnicity"].tolist() == ["white", "east_asian/white"] * 2
    assert frame["age"].isna().tolist() == frame["age_band"].isna().tolist() == [False, True, False, True]
    assert frame["age"][0] == 24


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (17, "under 18"),
        (18, "18 to 24"),
        (24, "18 to 24"),
        (25, "25 to 34"),
        (34, "25 to 34"),
        (35, "35 and over"),
    ],
)
def test_a_band_begins_with_its_first_year(age: int, band: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(LABELS.replace(",24,", f",{age},"))
    assert london.read_photographs(tmp_path)["age_band"][0] == band


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("ethnicity", "origin", "lacks ethnicity"),
        (LABELS[LABELS.index("001_03") :], "", "lacks rows"),
        ("jpg,neutral,002", "jpg,sad,002", "line 3: 'sad' is no expression of the set"),
        ("happy,001", "happy,one", "line 4: 'one' is no person of the set"),
        (",24,", ",young,", "line 2: 'young' is no age of the set"),
    ],
)
def test_labels_of_another_shape_are_refused_by_line(
    before: str, after: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(LABELS.replace(before, after, 1))
    with pytest.raises(london.DataError, match=says):
        london.read_photographs(tmp_path)


def test_a_missing_folder_photograph_or_model_is_told(
    photographs: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, cnn = tmp_path / "table.csv", f"cnn={weights / 'cnn.safetensors'}"
    assert command(tmp_path / "nowhere", out, cnn) == 1
    assert "labels.csv cannot be read" in capsys.readouterr().err
    folder = shutil.copytree(photographs, tmp_path / "london")
    (folder / "001_08.jpg").unlink()
    assert command(folder, out, cnn) == 1
    assert "001_08.jpg cannot be read" in capsys.readouterr().err
    (folder / "001_08.jpg").write_text("no picture")
    assert command(folder, out, cnn) == 1
    assert "001_08.jpg cannot be read" in capsys.readouterr().err
    assert command(folder, out, f"cnn={tmp_path / 'none.safetensors'}") == 1
    assert "none.safetensors" in capsys.readouterr().err
    assert not out.exists()


def test_a_model_of_other_labels_is_refused(photographs: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.safetensors"
    network = build_network("cnn", 2, CONFIGS["cnn"])
    save_checkpoint(path, network, Card("two", "cnn", CONFIGS["cnn"], ("yes", "no")))
    with pytest.raises(london.DataError, match="two answers"):
        london.measure(photographs, {"two": path})


def test_the_committed_table_is_that_of_the_set() -> None:
    table = read_table(london.TABLE)
    frame = table.frame
    assert table.labels == EXPRESSIONS
    assert {"cnn", "fusion"} <= set(table.models)
    assert frame["row"].tolist() == list(range(204))
    assert frame["label"].value_counts().to_dict() == {"neutral": 102, "happy": 102}
    assert (frame["person"].value_counts() == 2).all()
    people = frame.drop_duplicates("person")
    assert len(people) == 102
    assert set(people["gender"]) == {"female", "male"}
    assert people["age"].isna().sum() == people["age_band"].isna().sum() == 2
    assert frame["face_found"].isin((0, 1)).all()


def test_the_committed_table_holds_what_the_committed_models_say(tmp_path: Path) -> None:
    if not REAL.exists():
        pytest.skip(f"the London set is not at {REAL}")
    rows = [0, 102, 103]
    header, *lines = (REAL / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([header, *(lines[row] for row in rows)]) + "\n")
    for row in rows:
        shutil.copy(REAL / lines[row].partition(",")[0], tmp_path)
    committed = read_table(london.TABLE)
    now = london.measure(tmp_path, {name: ASSETS / f"{name}.safetensors" for name in committed.models})
    assert (
        now.frame["label"].tolist()
        == committed.frame["label"][rows].tolist()
        == ["neutral", "happy", "happy"]
    )
    for name in committed.models:
        # Wide enough for the arithmetic of other processors, and of half precision.
        np.testing.assert_allclose(now.probabilities(name), committed.probabilities(name)[rows], atol=0.02)
