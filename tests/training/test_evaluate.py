"""The evaluation command: both prediction tables, and what it publishes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from sklearn.metrics import log_loss

from fusion_model import evaluation_report
from fusion_model.catalogue import LAST
from fusion_model.checkpoint import Base, Card, load_card, load_checkpoint, save_checkpoint
from fusion_model.classifier import Classifier
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.prediction_table import of_split, read_table
from fusion_model.preprocess import face_inputs
from training import evaluate
from training.slices import measured_slices

from .conftest import COPIES, SMALL_LANDMARKS, SMALL_PIXELS, WITHOUT_FACE, TinyFer

CONFIGS: dict[str, dict[str, Any]] = {
    "cnn": {"pixels": SMALL_PIXELS},
    "fusion": {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8},
}


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """Weights of two small random models whose answers differ between faces."""
    paths = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        network = build_network(name, 7, config)
        with torch.no_grad():
            network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
        paths[name] = tmp_path / "runs" / f"{name}.safetensors"
        save_checkpoint(paths[name], network, Card(name, name, config, EXPRESSIONS, temperature=1.7))
    return paths


@pytest.fixture
def command(tiny_fer: TinyFer, models: dict[str, Path], tmp_path: Path) -> Callable[..., int]:
    def run(*more: str, data: Path = tiny_fer.csv) -> int:
        arguments = ["--data", str(data), "--cache", str(tiny_fer.cache), "--out", str(tmp_path / "tables")]
        return evaluate.main([*arguments, *(more or [f"{name}={path}" for name, path in models.items()])])

    return run


def test_both_tables_are_written(command: Callable[..., int], tiny_fer: TinyFer, tmp_path: Path) -> None:
    assert command() == 0
    tables = {name: read_table(tmp_path / "tables" / name) for name in evaluate.TABLES.values()}
    assert len(tables) == 2
    for table in tables.values():
        assert table.models == ("cnn", "fusion")
        assert table.labels == EXPRESSIONS
        frame = table.frame
        # Rows 24 to 39 of the CSV: those of the two test splits.
        assert frame["row"].tolist() == list(range(24, 40))
        assert frame["split"].tolist() == ["PublicTest"] * 8 + ["PrivateTest"] * 8
        assert table.truth().tolist() == tiny_fer.dataset.labels_N[24:].tolist()
        without = set(frame["row"][frame["mesh_found"] == 0])
        assert without == {row for row in WITHOUT_FACE if row >= 24}
        assert set(frame["row"][frame["copy_in_training"] == 1]) == {row for row, _ in COPIES}
        for model in table.models:
            np.testing.assert_allclose(table.probabilities(model).sum(axis=1), 1, atol=1e-3)
    with_flip, without_flip = tables.values()
    assert not np.array_equal(with_flip.probabilities("cnn"), without_flip.probabilities("cnn"))


def test_every_row_has_the_slices_of_its_picture(
    command: Callable[..., int], models: dict[str, Path], tiny_fer: TinyFer, tmp_path: Path
) -> None:
    dataset, landmarks = tiny_fer.dataset, tiny_fer.landmarks
    expected = measured_slices(
        dataset.images_NHW, landmarks.landmarks_NLD, landmarks.mesh_found_N, dataset.votes_NV
    )
    cnn = f"cnn={models['cnn']}"
    assert command("--votes", str(tiny_fer.votes), cnn) == 0
    for name in evaluate.TABLES.values():
        frame = read_table(tmp_path / "tables" / name).frame
        assert frame.columns.tolist()[5:14] == expected.columns.tolist()
        for column in expected.columns.drop("ferplus_label"):
            np.testing.assert_array_equal(frame[column], expected[column][24:])
        assert frame["ferplus_label"].fillna("").tolist() == expected["ferplus_label"].tolist()[24:]
    assert command(cnn) == 0
    without_votes = read_table(tmp_path / "tables" / evaluate.TABLES[True]).frame
    assert not [column for column in without_votes.columns if column.startswith("ferplus")]
    assert without_votes["yaw"].tolist()[3:8] == expected["yaw"].tolist()[27:32]


def test_votes_of_other_pictures_are_refused(
    command: Callable[..., int],
    models: dict[str, Path],
    tiny_fer: TinyFer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cut = tmp_path / "fer2013new.csv"
    cut.write_text("\n".join(tiny_fer.votes.read_text().splitlines()[:30]) + "\n")
    assert command("--votes", str(cut), f"cnn={models['cnn']}") == 1
    assert "fer2013new.csv has 29 rows but the data set 40" in capsys.readouterr().err
    assert not (tmp_path / "tables").exists()


def test_the_table_holds_what_the_live_page_would_say(
    command: Callable[..., int], models: dict[str, Path], tiny_fer: TinyFer, finder: Any, tmp_path: Path
) -> None:
    assert command() == 0
    for mirrored, name in evaluate.TABLES.items():
        table = read_table(tmp_path / "tables" / name)
        for model, weights in models.items():
            classifier = Classifier.load(weights)
            for index in (0, 2, 9, 15):
                image_HW = tiny_fer.dataset.images_NHW[24 + index]
                live = [face_inputs(image_HW, finder.read_crop(image_HW))]
                expected_K = classifier.probabilities(live, mirrored=mirrored)[0]
                np.testing.assert_allclose(table.probabilities(model)[index], expected_K, atol=2e-5)


def test_the_same_models_give_the_same_bytes(command: Callable[..., int], tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        assert command() == 0
        written.append([(tmp_path / "tables" / name).read_bytes() for name in evaluate.TABLES.values()])
    assert written[0] == written[1]


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the package's."""
    folder = tmp_path / "assets"
    folder.mkdir()
    monkeypatch.setattr(evaluate, "ASSETS", folder)
    return folder


def test_tables_weights_and_cards_are_published_under_the_name_given(
    command: Callable[..., int], models: dict[str, Path], assets: Path, tmp_path: Path
) -> None:
    assert command("--publish", f"cnn={models['cnn']}", f"best={models['fusion']}") == 0
    assert sorted(path.name for path in assets.iterdir()) == sorted(
        [*evaluate.TABLES.values(), "best.json", "best.safetensors", "cnn.json", "cnn.safetensors"]
    )
    assert not (tmp_path / "tables").exists()
    assert (assets / "best.safetensors").read_bytes() == models["fusion"].read_bytes()
    _, card = load_checkpoint(assets / "best.safetensors")
    assert (card.name, card.kind, card.temperature) == ("best", "fusion", 1.7)
    titles = [(card.title, card.order) for card in (load_card(assets / name) for name in ("cnn", "best"))]
    assert titles == [("CNN", 0), ("", LAST)]
    assert load_card(models["fusion"]).name == "fusion"
    table = read_table(assets / evaluate.TABLES[True])
    assert table.models == ("cnn", "best")
    chosen_on = of_split(table, "PublicTest")
    for name in table.models:
        likelihood = log_loss(chosen_on.truth(), chosen_on.probabilities(name), labels=range(7))
        scores = load_card(assets / name).scores["PublicTest"]
        assert scores["nll"] == pytest.approx(likelihood, abs=1e-4)


def test_answers_of_models_that_stay_are_kept(
    command: Callable[..., int],
    models: dict[str, Path],
    tiny_fer: TinyFer,
    assets: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cnn, fusion = (f"{name}={path}" for name, path in models.items())
    assert command("--publish", cnn, fusion) == 0
    before = {name: read_table(assets / name) for name in evaluate.TABLES.values()}
    assert command("--publish", f"cnn={models['fusion']}") == 1  # fusion would be in no table
    assert "name all models" in capsys.readouterr().err
    assert command("--publish", "--keep", f"cnn={models['fusion']}") == 0
    for name, then in before.items():
        now = read_table(assets / name)
        assert now.models == ("cnn", "fusion")
        assert np.array_equal(now.probabilities("fusion"), then.probabilities("fusion"))
        assert not np.array_equal(now.probabilities("cnn"), then.probabilities("cnn"))
    # Rows of other pictures are not taken for these.
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("\n".join(tiny_fer.csv.read_text().splitlines()[:-1]) + "\n")
    assert command("--publish", "--keep", cnn, data=fewer) == 1
    assert "has other pictures than the data" in capsys.readouterr().err


@pytest.fixture
def on_base(models: dict[str, Path], tmp_path: Path) -> Path:
    """A fusion model that stores only what it adds to the CNN's pixel branch."""
    cnn, _ = load_checkpoint(models["cnn"])
    fusion, card = load_checkpoint(models["fusion"])
    fusion.get_submodule("pixel_branch").load_state_dict(cnn.get_submodule("pixel_branch").state_dict())
    path = tmp_path / "elsewhere" / "fusion.safetensors"
    save_checkpoint(path, fusion, replace(card, base=Base.of(models["cnn"], path.parent, "pixel_branch")))
    return path


def test_a_model_on_a_base_is_published_with_the_bases_public_name(
    command: Callable[..., int],
    models: dict[str, Path],
    on_base: Path,
    assets: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("--publish", f"added={on_base}") == 1
    error = capsys.readouterr().err
    assert "added stands on ../runs/cnn.safetensors" in error and "in the same command" in error
    assert not list(assets.iterdir())
    assert command("--publish", f"added={on_base}", f"small={models['cnn']}") == 0
    _, card = load_checkpoint(assets / "added.safetensors")
    assert card.base is not None and card.base.file == "small.safetensors"
    # A table with one of them alone would leave the other without figures: it is named, as it is there.
    capsys.readouterr()
    assert command("--publish", f"added={on_base}") == 1
    there = f"small={assets / 'small.safetensors'}"
    assert f"name all models in one command. As they are: {there}." in capsys.readouterr().err
    assert command("--publish", f"added={on_base}", there) == 0
    assert read_table(assets / evaluate.TABLES[True]).models == ("added", "small")
    # The base cannot be taken from under it.
    capsys.readouterr()
    assert command("--publish", f"small={models['fusion']}") == 1
    assert "added stands on small.safetensors" in capsys.readouterr().err
    load_checkpoint(assets / "added.safetensors")


def test_missing_weights_are_named(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(f"cnn={tmp_path / 'nobody.safetensors'}") == 1
    assert "nobody.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "tables").exists()


def test_a_model_of_other_labels_is_refused(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = build_network("cnn", 2, CONFIGS["cnn"])
    weights = tmp_path / "two.safetensors"
    save_checkpoint(weights, network, Card("two", "cnn", CONFIGS["cnn"], ("yes", "no")))
    assert command(f"two={weights}") == 1
    error = capsys.readouterr().err
    assert "two" in error and "yes" in error


def test_data_without_test_pictures_are_told(
    command: Callable[..., int], tiny_fer: TinyFer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = tmp_path / "fer2013.csv"
    csv.write_text("\n".join(tiny_fer.csv.read_text().splitlines()[:9]) + "\n")
    assert command(data=csv) == 1
    assert "no PublicTest or PrivateTest pictures" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["cnn", "=weights", "cnn="])
def test_a_wrong_call_is_told_as_such(
    wrong: str, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command(wrong)
    assert caught.value.code == 2
    assert "NAME=WEIGHTS" in capsys.readouterr().err


# Own data


@pytest.fixture
def own_models(tmp_path: Path) -> dict[str, Path]:
    """Small random models of three classes, one of which the own pictures do not show."""
    paths = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        network = build_network(name, 3, config)
        with torch.no_grad():
            network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
        paths[name] = tmp_path / "runs" / f"own_{name}.safetensors"
        save_checkpoint(paths[name], network, Card(name, name, config, ("merry", "unseen", "calm")))
    return paths


def score(folder: Path, models: dict[str, Path], tmp_path: Path, *more: str) -> int:
    arguments = ["--data", str(folder), "--crops", "--cache", str(tmp_path / "cache"), *more]
    arguments += ["--out", str(tmp_path / "tables")]
    return evaluate.main([*arguments, *(f"{name}={path}" for name, path in models.items())])


def test_own_pictures_are_scored_with_their_groups_by_the_cards_classes(
    own_folder: Path, own_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "val" / "calm" / "broken.png").write_bytes(b"")
    copy = own_folder / "val" / "merry" / "copy.png"
    copy.write_bytes((own_folder / "train" / "merry" / "00.png").read_bytes())
    groups = tmp_path / "groups.csv"
    groups.write_text("path,light,label\nval/calm/17.png,dim,x\nval/merry/copy.png,bright,y\n")
    assert score(own_folder, own_models, tmp_path, "--groups", str(groups), "--processes", "1") == 0
    table = read_table(tmp_path / "tables" / "own_predictions.csv.gz")
    assert table.labels == ("merry", "unseen", "calm")
    assert table.models == ("cnn", "fusion")
    frame = table.frame.set_index("path")
    assert len(frame) == 9 and set(frame["split"]) == {"PublicTest"}
    assert frame["light"].dropna().to_dict() == {"val/calm/17.png": "dim", "val/merry/copy.png": "bright"}
    assert frame["copy_in_training"].to_dict()["val/merry/copy.png"] == 1
    assert frame["copy_in_training"].sum() == 1
    assert frame.loc["val/calm/17.png", "label"] == "calm"
    left = (tmp_path / "tables" / "own_left_out.csv").read_text().splitlines()
    assert left[0] == "path,label,split,reason"
    assert left[1].startswith('val/calm/broken.png,calm,PublicTest,"The file is empty')
    # Whatever the classes, the evaluation's command reads it.
    capsys.readouterr()
    assert evaluation_report.main(["--table", str(tmp_path / "tables" / "own_predictions.csv.gz")]) == 0
    assert "unseen" in capsys.readouterr().out


@pytest.mark.slow
def test_many_workers_give_the_same_rows(
    own_folder: Path, own_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    monkeypatch.setattr("training.scoring.CHUNK", 8)
    try:
        for more in (["--as-test"], ["--as-test", "--processes", "2"]):
            assert score(own_folder, own_models, tmp_path, *more) == 0
            tables.append(read_table(tmp_path / "tables" / "own_predictions.csv.gz"))
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert len(tables[0]) == 24 and set(tables[0].frame["split"]) == {"PrivateTest"}
    assert tables[0].frame["path"].tolist() == tables[1].frame["path"].tolist()
    for model in tables[0].models:
        np.testing.assert_allclose(tables[0].probabilities(model), tables[1].probabilities(model), atol=2e-5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,light\nx,dim\n", "has no column 'path'"),
        ("path,light\nval/calm/99.png,dim\n", "not in the data"),
        ("path,light\nval/calm/17.png,a\nval/calm/17.png,b\n", "more than once: val/calm/17.png"),
        ("path,yaw\nval/calm/17.png,a\n", "columns that the table has already: yaw"),
    ],
)
def test_wrong_groups_are_told(
    text: str,
    sentence: str,
    own_folder: Path,
    own_models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text(text)
    assert score(own_folder, own_models, tmp_path, "--groups", str(groups), "--processes", "1") == 1
    assert sentence in capsys.readouterr().err


def test_models_of_one_table_need_the_same_classes(
    own_folder: Path,
    own_models: dict[str, Path],
    models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mixed = {"own": own_models["cnn"], "seven": models["cnn"]}
    assert score(own_folder, mixed, tmp_path) == 1
    assert "need the same classes: seven answers angry" in capsys.readouterr().err


def test_tables_of_own_pictures_are_not_published(
    own_folder: Path, own_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(own_folder, own_models, tmp_path, "--publish") == 1
    assert "leave --publish out" in capsys.readouterr().err
    assert score(own_folder, own_models, tmp_path, "--keep") == 1
    assert "leave --keep out" in capsys.readouterr().err
