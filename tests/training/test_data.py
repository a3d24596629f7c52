"""Own data: told from FER-2013, read by the live page's way, and everything wrong with them told at once."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusion_model.faces import FaceFinder
from fusion_model.labels import EXPRESSIONS
from fusion_model.preprocess import face_inputs
from training.data import Asked, is_own, read_data, read_training_data
from training.dataset import make_samples
from training.landmark_cache import landmarks_of
from training.samples import MARGIN, SIDE, DataError, FaceDataset
from training.scoring import face_of
from training.workers import Workers

from .conftest import TinyFer

Ask = Callable[..., Asked]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Face crops, read in this process, unless told otherwise."""

    def make(data: Path, **changes: object) -> Asked:
        asked = Asked(data, cache=tmp_path / "cache", crops=True, workers=Workers(1))
        return replace(asked, **changes)  # type: ignore[arg-type]

    return make


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def wrong_with(asked: Asked, batch: int = 4) -> str:
    with pytest.raises(DataError) as caught:
        read_training_data(asked, batch)
    return str(caught.value)


def counts(dataset: FaceDataset) -> list[list[int]]:
    return dataset.counts_SK().tolist()


# What is read


def test_a_folder_of_crops_is_read_with_its_own_classes(own_folder: Path, ask: Ask) -> None:
    dataset = read_training_data(ask(own_folder), 4)
    assert dataset.labels == ("calm", "merry")
    assert counts(dataset) == [[8, 8], [4, 4], [0, 0]]
    assert dataset.name == "own"
    assert dataset.images_NHW.shape == (24, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)
    assert dataset.own is not None
    assert dataset.own.paths[:2] == ("train/calm/01.png", "train/calm/03.png")
    assert dataset.notes[0].startswith("train has fewer than ten pictures of calm (8), merry (8)")


def test_known_expressions_come_first_in_the_order_of_our_models(own_folder: Path, ask: Ask) -> None:
    for number, name in enumerate(("contempt", "sad", "happy", "awe")):
        save(own_folder / "train" / name / "x.png", np.full((48, 48), 50 * number, np.uint8))
    assert read_data(ask(own_folder)).labels == ("happy", "sad", "awe", "calm", "contempt", "merry")


def test_faces_are_found_in_photographs_and_seen_as_by_the_live_page(
    astronaut: np.ndarray, finder: FaceFinder, tmp_path: Path, ask: Ask
) -> None:
    """Colour and grey, of any size; without augmentation the networks get the page's inputs."""
    grey_HW = np.asarray(Image.fromarray(astronaut).convert("L"))
    pictures = {"calm/a": astronaut, "calm/b": grey_HW[:400, :380], "merry/c": astronaut[::2, ::2]}
    pictures["merry/d"] = np.full((300, 200, 3), 90, np.uint8)  # nobody there
    for name, pixels in pictures.items():
        save(tmp_path / "own" / "train" / f"{name}.png", pixels)
    dataset = read_data(ask(tmp_path / "own", crops=False))
    assert dataset.own is not None
    assert [picture.path for picture in dataset.own.left_out] == ["train/merry/d.png"]
    assert any("show no face and are left out: train/merry/d.png" in note for note in dataset.notes)
    samples = make_samples(dataset, landmarks_of(dataset))
    for row, name in enumerate(("calm/a", "calm/b", "merry/c")):
        rgb_HWC = np.asarray(Image.fromarray(pictures[name]).convert("RGB"))
        live, read = face_inputs(rgb_HWC, finder.find(rgb_HWC)[0]), face_of(samples, row)
        assert read.mesh_found
        np.testing.assert_array_equal(read.landmarks_LD, live.landmarks_LD)
        np.testing.assert_array_equal(read.crop_HW, live.crop_HW)
        # And the margin goes on where the crop ends.
        picture_HW = dataset.images_NHW[row].astype(int)
        steps = np.abs(np.diff(picture_HW, axis=1)).mean(axis=0)
        assert steps[MARGIN - 1] < 2 * steps.mean() and steps[-MARGIN] < 2 * steps.mean()


def test_crops_without_a_mesh_keep_the_frame_of_fer2013(ask: Ask, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    save(tmp_path / "own" / "train" / "calm" / "a.png", noise)
    dataset = read_data(ask(tmp_path / "own"))
    samples = make_samples(dataset, landmarks_of(dataset))
    assert not samples.mesh_found_N[0]
    np.testing.assert_array_equal(face_of(samples, 0).crop_HW, noise)


def test_crops_of_fer2013_are_seen_as_by_its_own_way(tiny_fer: TinyFer, tmp_path: Path, ask: Ask) -> None:
    chosen = [0, 1, 2, 30]
    for row in chosen:
        save(tmp_path / "own" / "train" / "x" / f"{row:02}.png", tiny_fer.dataset.images_NHW[row])
    dataset = read_data(ask(tmp_path / "own"))
    own = make_samples(dataset, landmarks_of(dataset))
    fer = make_samples(tiny_fer.dataset, tiny_fer.landmarks)
    for row, other in enumerate(chosen):
        mine, its = face_of(own, row), face_of(fer, other)
        np.testing.assert_array_equal(mine.landmarks_LD, its.landmarks_LD)
        np.testing.assert_array_equal(mine.crop_HW, its.crop_HW)


def test_a_table_and_a_zip_are_read_as_the_folder(own_folder: Path, tmp_path: Path, ask: Ask) -> None:
    expected = read_training_data(ask(own_folder), 4)
    files = sorted(own_folder.rglob("*.png"))
    lines = [f"{file.relative_to(own_folder)},{file.parent.name},{file.parts[-3]}" for file in files]
    table = own_folder / "labels.csv"
    table.write_text("path,label,split\n" + "\n".join(lines) + "\n")
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(own_folder).as_posix())
    for source in (table, tmp_path / "own.zip"):
        found = read_training_data(ask(source), 4)
        assert found.fingerprint == expected.fingerprint
        np.testing.assert_array_equal(found.splits_N, expected.splits_N)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL"])
def test_the_validation_folder_has_many_names(name: str, own_folder: Path, ask: Ask) -> None:
    (own_folder / "val").rename(own_folder / name)
    assert counts(read_training_data(ask(own_folder), 4))[1] == [4, 4]


def test_without_val_a_share_of_each_class_takes_its_place_by_the_seed(own_folder: Path, ask: Ask) -> None:
    for file in sorted((own_folder / "val").rglob("*.png")):
        file.rename(own_folder / "train" / file.parent.name / file.name)
    shutil.rmtree(own_folder / "val")
    found = [read_training_data(ask(own_folder, split_seed=seed), 4) for seed in (0, 0, 1)]
    assert counts(found[0]) == [[10, 10], [2, 2], [0, 0]]
    assert "4 pictures of train (20% of each class, seed 0)" in found[0].notes[0]
    np.testing.assert_array_equal(found[0].splits_N, found[1].splits_N)
    assert counts(found[2]) == counts(found[0])
    assert (found[2].splits_N != found[0].splits_N).any()


def test_what_was_read_is_kept(own_folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_training_data(ask(own_folder), 4)
    with monkeypatch.context() as patch:
        patch.setattr("training.own_faces._read_part", None)
        assert read_training_data(ask(own_folder), 4).fingerprint == first.fingerprint
    save(own_folder / "train" / "calm" / "01.png", np.zeros((48, 48), np.uint8))
    assert read_training_data(ask(own_folder), 4).fingerprint != first.fingerprint


# What is told apart


def test_fer2013_stays_fer2013(tiny_fer: TinyFer, tmp_path: Path) -> None:
    release = tmp_path / "release"
    for code, name in enumerate(EXPRESSIONS):
        save(release / "train" / name / "Training_1.png", tiny_fer.dataset.images_NHW[code])
    assert not is_own(Asked(tiny_fer.csv))
    assert not is_own(Asked(tiny_fer.csv.parent))
    assert not is_own(Asked(release))
    # The same classes at another size, or another class beside them, are a person's own.
    save(release / "train" / "angry" / "A.png", np.zeros((64, 64), np.uint8))
    assert is_own(Asked(release))
    (release / "train" / "angry" / "A.png").unlink()
    save(release / "train" / "contempt" / "x.png", np.zeros((48, 48), np.uint8))
    assert is_own(Asked(release))


def test_votes_belong_to_fer2013(own_folder: Path, tiny_fer: TinyFer, ask: Ask) -> None:
    assert "leave --votes out" in wrong_with(ask(own_folder, votes=tiny_fer.votes))


# What is wrong with them


def test_everything_wrong_is_told_together(own_folder: Path, ask: Ask) -> None:
    (own_folder / "train" / "calm" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (own_folder / "train" / "merry" / "text.jpg").write_text("no picture")
    (own_folder / "train" / "angry").mkdir()
    save(own_folder / "train" / "Merry " / "x.png", np.zeros((48, 48), np.uint8))
    save(own_folder / "val" / "bored" / "x.png", np.ones((48, 48), np.uint8))
    save(own_folder / "test" / "calm" / "leak.png", _pixels(own_folder / "train" / "calm" / "01.png"))
    save(own_folder / "train" / "merry" / "twin.png", _pixels(own_folder / "train" / "calm" / "01.png"))
    save(own_folder / "train" / "Anger" / "x.png", np.full((48, 48), 9, np.uint8))
    save(own_folder / "cover.png", np.zeros((48, 48), np.uint8))
    told = wrong_with(ask(own_folder), batch=128)
    for sentence in (
        "7 errors to mend before these data can be used:",
        "error: no pictures in train/angry: fill or remove the folder.",
        "error: class names that differ only in case or spaces: 'Merry ', 'merry'.",
        "error: class names with spaces at an end or unprintable signs: 'Merry '.",
        "error: val has classes that train does not have: bored.",
        "error: 2 of 31 files cannot be read: train/calm/broken.png (",
        "--skip-unreadable.",
        "error: train has 19 usable pictures, fewer than one batch of 128:",
        "warning: the class 'Anger' is new to our models, which know 'angry'",
        "warning: 1 pictures lie outside of train/<class>/ and its like, and are not used: cover.png.",
        "warning: val has no pictures of Anger, Merry :",
        "warning: 1 pictures of val or test are exact copies of pictures of train",
        "test/calm/leak.png = train/calm/01.png.",
        "warning: 1 groups of identical pictures have conflicting labels.",
    ):
        assert sentence in told, sentence
    assert "Traceback" not in told


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_unreadable_files_can_be_left_out(own_folder: Path, ask: Ask) -> None:
    (own_folder / "train" / "calm" / "broken.png").write_bytes(b"")
    dataset = read_training_data(ask(own_folder, skip_unreadable=True), 4)
    assert len(dataset) == 24
    assert any("1 of 25 files cannot be read: train/calm/broken.png" in note for note in dataset.notes)


def test_one_class_is_too_few(own_folder: Path, ask: Ask) -> None:
    for split in ("train", "val"):
        for file in (own_folder / split / "merry").iterdir():
            file.unlink()
        (own_folder / split / "merry").rmdir()
    assert "train has one class only, 'calm': two are needed." in wrong_with(ask(own_folder))
    assert read_data(ask(own_folder)).labels == ("calm",)  # which can still be scored


def test_a_folder_without_pictures_is_told(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "own" / "train" / "calm").mkdir(parents=True)
    told = wrong_with(ask(tmp_path / "own"))
    assert "no pictures in train/calm" in told and "there are no pictures in train/<class>/" in told


def test_a_table_with_wrong_rows_is_told(own_folder: Path, ask: Ask) -> None:
    table = own_folder / "labels.csv"
    table.write_text(
        "Path,Label,Split\ntrain/calm/01.png,calm,train\ntrain/calm/01.png,calm,train\n"
        "train/merry/00.png,,train\ntrain/merry/02.png,merry,holdout\nshort\nnowhere.png,merry,train\n"
    )
    told = wrong_with(ask(table), 2)
    for sentence in (
        "1 rows with too few fields, in line 6.",
        "1 rows without a path or a label, in line 4.",
        "1 rows whose split is none of train, val and test, in line 5 ('holdout').",
        "1 pictures stand there more than once: train/calm/01.png.",
        "1 of 3 files cannot be read: nowhere.png (There is no such file.)",
    ):
        assert sentence in told, sentence


def test_a_table_of_other_columns_is_told(tmp_path: Path, ask: Ask) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,class\na,b\n")
    assert "labels.csv has the columns file, class; path,label[,split] are needed." in wrong_with(ask(table))
