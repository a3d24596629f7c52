"""Packed data: what comes out is what training on the whole file would see, without PrivateTest."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from fusion_model.checkpoint import ASSETS, load_card
from training import evaluate, landmark_cache, packed, train
from training.augment import Augmentation
from training.data import PACKED_MARK, is_packed
from training.dataset import EpochBatches, make_samples
from training.packed import pack, read_packed
from training.recipe import Recipe
from training.samples import DataError

from .conftest import COUNTS, TinyFer

ROOT = Path(__file__).parents[2]
COUNT = COUNTS["Training"] + COUNTS["PublicTest"]


@pytest.fixture
def file(tiny_fer: TinyFer, tmp_path: Path) -> Path:
    path = tmp_path / "packed" / "faces.npz"
    assert pack(tiny_fer.dataset, make_samples(tiny_fer.dataset, tiny_fer.landmarks), path) == COUNT
    return path


def test_pictures_labels_and_votes_come_back_and_private_test_stays_at_home(
    file: Path, tiny_fer: TinyFer
) -> None:
    dataset, samples = read_packed(file)
    whole = tiny_fer.dataset
    assert set(dataset.splits_N) == {"Training", "PublicTest"}
    assert len(dataset) == len(samples) == COUNT
    np.testing.assert_array_equal(dataset.images_NHW, whole.images_NHW[:COUNT])
    np.testing.assert_array_equal(dataset.labels_N, whole.labels_N[:COUNT])
    np.testing.assert_array_equal(dataset.splits_N, whole.splits_N[:COUNT])
    assert whole.votes_NV is not None and dataset.votes_NV is not None
    np.testing.assert_array_equal(dataset.votes_NV, whole.votes_NV[:COUNT])
    assert (dataset.name, dataset.fingerprint, dataset.labels) == (
        whole.name,
        whole.fingerprint,
        whole.labels,
    )


def test_without_votes_there_are_none(tiny_fer: TinyFer, tmp_path: Path) -> None:
    dataset = replace(tiny_fer.dataset, votes_NV=None)
    pack(dataset, make_samples(dataset, tiny_fer.landmarks), tmp_path / "bare.npz")
    assert read_packed(tmp_path / "bare.npz")[0].votes_NV is None


def test_the_crops_are_those_of_the_whole_data(file: Path, tiny_fer: TinyFer) -> None:
    whole = make_samples(tiny_fer.dataset, tiny_fer.landmarks).select(np.arange(COUNT))
    batches = [
        EpochBatches(each, 8, Augmentation(), seed=1, epoch=2) for each in (whole, read_packed(file)[1])
    ]
    for first, second in zip(*batches, strict=True):
        assert first.pixels_BCHW.equal(second.pixels_BCHW)
        assert first.labels_B.equal(second.labels_B) and first.votes_BV.equal(second.votes_BV)


def test_other_files_are_not_packed(file: Path, tiny_fer: TinyFer, tmp_path: Path) -> None:
    assert is_packed(file)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    assert not any(
        is_packed(path) for path in (tmp_path / "other.npz", tiny_fer.csv, tmp_path, tmp_path / "no")
    )


def test_a_damaged_file_is_told(file: Path) -> None:
    arrays = dict(np.load(file))
    np.savez(file, **(arrays | {"ends_N": arrays["ends_N"] - 7}))
    with pytest.raises(DataError, match="damaged: pack the data again"):
        read_packed(file)
    np.savez(file, **(arrays | {PACKED_MARK: np.array(99)}))
    with pytest.raises(DataError, match="another version"):
        read_packed(file)


def test_a_pack_that_is_killed_leaves_the_old_file(
    file: Path, tiny_fer: TinyFer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        pack(tiny_fer.dataset, make_samples(tiny_fer.dataset, tiny_fer.landmarks), file)
    assert file.read_bytes() == before


def test_the_command_packs_fer2013_and_nothing_else(
    tiny_fer: TinyFer, own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, common = tmp_path / "out.npz", ["--cache", str(tiny_fer.cache), "--out", str(tmp_path / "out.npz")]
    assert packed.main(["--data", str(tiny_fer.csv), "--votes", str(tiny_fer.votes), *common]) == 0
    assert f"{COUNT} pictures" in capsys.readouterr().out
    assert is_packed(out)
    out.unlink()
    out.mkdir()
    assert packed.main(["--data", str(tiny_fer.csv), *common]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert not out.with_name("out.npz.aside").exists()
    out.rmdir()
    assert packed.main(["--data", str(own_folder), *common]) == 1
    assert "is not FER-2013" in capsys.readouterr().err
    assert not out.exists()


def test_commands_that_need_the_whole_data_ask_for_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    scored = ["--data", str(file), "--out", str(tmp_path / "out"), "cnn=" + str(ASSETS / "cnn.safetensors")]
    for command, given in ((landmark_cache.main, [str(file)]), (evaluate.main, scored)):
        assert command([*given, *cache]) == 1
        assert "give the data it was packed from" in capsys.readouterr().err


@pytest.fixture
def recipes(
    small_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Callable[[], Recipe]]:
    made: dict[str, Callable[[], Recipe]] = {
        "cnn": lambda: small_recipe("cnn"),
        "landmarks": lambda: small_recipe("landmarks"),
        "pupil": lambda: small_recipe("cnn", name="pupil", teachers=("landmarks",), teaching=0.5),
    }
    monkeypatch.setattr(train, "RECIPES", made)
    return made


def test_training_on_packed_data_gives_the_same_weights(
    file: Path, tiny_fer: TinyFer, recipes: dict[str, Callable[[], Recipe]], tmp_path: Path
) -> None:
    whole = ["--data", str(tiny_fer.csv), "--votes", str(tiny_fer.votes), "--cache", str(tiny_fer.cache)]
    for name, given in {"whole": whole, "packed": ["--data", str(file)]}.items():
        assert train.main(["cnn", *given, "--folder", str(tmp_path / name)]) == 0
    weights = [tmp_path / name / "cnn.safetensors" for name in ("whole", "packed")]
    first, second = (load_file(path) for path in weights)
    assert all(first[name].equal(second[name]) for name in first)
    cards = [load_card(path) for path in weights]
    assert cards[0].data == cards[1].data
    assert (cards[0].scores, cards[0].temperature) == (cards[1].scores, cards[1].temperature)


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("landmarks", [], "landmarks needs the landmarks"),
        ("cnn", ["--votes", "votes.csv"], "leave --votes out"),
    ],
)
def test_what_packed_data_cannot_do_is_told(
    name: str,
    more: list[str],
    sentence: str,
    file: Path,
    recipes: dict[str, Callable[[], Recipe]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train.main([name, "--data", str(file), "--folder", str(tmp_path / name), *more]) == 1
    assert sentence in capsys.readouterr().err


def test_teachers_that_look_at_landmarks_need_some(
    file: Path,
    tiny_fer: TinyFer,
    recipes: dict[str, Callable[[], Recipe]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train.finish("landmarks", tiny_fer.csv, None, tiny_fer.cache, 0, tmp_path / "landmarks")
    assert train.main(["pupil", "--data", str(file), "--folder", str(tmp_path / "pupil")]) == 1
    assert "landmarks cannot teach without" in capsys.readouterr().err


def test_training_on_packed_data_needs_no_mediapipe(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['mediapipe'] = None\n"
        "from training import train\nfrom training.recipe import Recipe\n"
        "pixels = {'stem': 4, 'stages': [4, 8, 8], 'blocks': 1}\n"
        "recipe = Recipe(name='cnn', kind='cnn', config={'pixels': pixels}, epochs=1, batch=8)\n"
        "train.RECIPES = {'cnn': lambda: recipe}\n"
        "sys.exit(train.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "cnn", "--data", str(file), "--folder", str(tmp_path / "run")]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / "run" / "cnn.safetensors").exists()
