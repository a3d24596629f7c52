"""The folder release of FER-2013: splits from names or folders, and every wrong file named."""

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fusion_model.labels import EXPRESSIONS
from training.duplicates import copies_of_training
from training.fer2013 import DataError, FaceDataset, read_fer2013
from training.folder import read_class_folder, read_folder_release

RELEASE_NAMES = ("angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral")


def face(seed: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def save(path: Path, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def make_release(root: Path, per_class: int = 2) -> Path:
    """Write `per_class` Training and two test pictures of each class, named as in Kaggle's release."""
    for code, name in enumerate(EXPRESSIONS):
        for number in range(per_class):
            save(root / f"train/{name}/Training_{code}{number:03}.png", face(100 * code + number))
        save(root / f"test/{name}/PublicTest_{code}000.png", face(5000 + code))
        save(root / f"test/{name}/PrivateTest_{code}001.png", face(6000 + code))
    return root


def make_unnamed(root: Path, per_class: int, names: tuple[str, ...] = RELEASE_NAMES) -> Path:
    """Write a release whose file names tell no split."""
    for code, name in enumerate(names):
        for number in range(per_class):
            save(root / f"train/{name}/im{number}.png", face(100 * code + number))
        save(root / f"test/{name}/im0.png", face(5000 + code))
    return root


def zip_of(root: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, f"archive/{file.relative_to(root).as_posix()}")
    return path


def test_file_names_tell_the_official_splits(tmp_path: Path) -> None:
    found = read_fer2013(make_release(tmp_path))
    assert found.counts_SK().tolist() == [[2] * 7, [1] * 7, [1] * 7]
    assert found.notes == ()
    assert not found.original_rows
    # In order of path: test/angry/PrivateTest_0001.png comes first.
    np.testing.assert_array_equal(found.images_NHW[0], face(6000))
    assert (found.labels_N[0], found.splits_N[0]) == (0, "PrivateTest")
    assert found.images_NHW.flags.writeable


def test_the_name_of_a_file_outweighs_its_folder(tmp_path: Path) -> None:
    make_release(tmp_path)
    save(tmp_path / "train/happy/PrivateTest_9999.png", face(9999))
    assert read_fer2013(tmp_path).counts_SK()[:, 3].tolist() == [2, 1, 2]


@pytest.mark.parametrize("prefix", ["", "archive", "data/images"])
def test_the_release_may_lie_deeper(tmp_path: Path, prefix: str) -> None:
    make_release(tmp_path / "a")
    make_release(tmp_path / "b" / prefix)
    assert read_fer2013(tmp_path / "b").fingerprint == read_fer2013(tmp_path / "a").fingerprint


def test_a_zip_reads_as_its_directory(tmp_path: Path) -> None:
    root = make_release(tmp_path / "release")
    (root / "labels.csv").write_text("a,b\n")  # a stray table does not make it a CSV release
    packed, loose = read_fer2013(zip_of(root, tmp_path / "x.zip")), read_fer2013(root)
    assert packed.fingerprint == loose.fingerprint
    np.testing.assert_array_equal(packed.splits_N, loose.splits_N)


def test_without_marks_test_is_private_and_a_share_of_train_public(tmp_path: Path) -> None:
    found = read_fer2013(make_unnamed(tmp_path, per_class=20))
    assert found.counts_SK().tolist() == [[18] * 7, [2] * 7, [1] * 7]
    assert "147 files do not tell their official split" in found.notes[0]
    assert "test/ counts as PrivateTest, and 14 pictures of train/ (10% of each class" in found.notes[1]
    assert all(note in found.describe() for note in found.notes)


def test_the_share_is_the_same_whatever_the_files_are_called(tmp_path: Path) -> None:
    first = read_fer2013(make_unnamed(tmp_path / "a", per_class=20))
    for file in sorted((make_unnamed(tmp_path / "b", per_class=20) / "train").rglob("*.png")):
        file.rename(file.with_name(f"{99 - int(file.stem[2:])}.png"))
    second = read_fer2013(tmp_path / "b")

    def public(faces: FaceDataset) -> set[bytes]:
        return {image.tobytes() for image in faces.images_NHW[faces.splits_N == "PublicTest"]}

    assert public(first) == public(second)


def test_the_share_takes_identical_pictures_of_a_class_together(tmp_path: Path) -> None:
    make_unnamed(tmp_path, per_class=20)
    for file in sorted((tmp_path / "train").rglob("*.png")):
        file.with_name(f"twin_{file.name}").write_bytes(file.read_bytes())
    found = read_fer2013(tmp_path)
    assert found.counts_SK()[1].tolist() == [4] * 7
    assert not copies_of_training(found).any()


def test_a_validation_folder_is_public_test(tmp_path: Path) -> None:
    make_unnamed(tmp_path, per_class=2)
    save(tmp_path / "validation/happy/1.png", face(1))
    found = read_fer2013(tmp_path)
    assert found.counts_SK()[:, 3].tolist() == [2, 1, 1]
    assert len(found.notes) == 1


@pytest.mark.parametrize("kind", ["L", "RGB", "P", "jpg"])
def test_grey_is_read_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    smooth = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)
    path = save(tmp_path / "train/happy/Training_1.png", smooth)
    if kind == "jpg":
        Image.fromarray(smooth).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    else:
        Image.fromarray(smooth).convert(kind).save(path)
    found = read_folder_release(tmp_path)
    np.testing.assert_allclose(found.images_NHW[0].astype(int), smooth.astype(int), atol=3)


def test_class_names_are_read_in_any_case_and_form(tmp_path: Path) -> None:
    names = ("Anger", "DISGUST", "Fear", "Happiness", "sadness", "Surprise", "Neutral")
    assert read_fer2013(make_unnamed(tmp_path, 1, names)).counts_SK()[2].tolist() == [1] * 7


def _png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_png(64, 50), "train/happy/Training_7.png: expected 48x48 pixels, found 64x50."),
        (_png(48, 48)[:60], "train/happy/Training_7.png is cut or not a picture"),
        (b"", "train/happy/Training_7.png is cut or not a picture"),
        (b"GIF89a nothing", "train/happy/Training_7.png is cut or not a picture"),
    ],
)
def test_a_wrong_picture_is_named(tmp_path: Path, data: bytes, sentence: str) -> None:
    make_release(tmp_path)
    (tmp_path / "train/happy/Training_7.png").write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_fer2013(tmp_path)
    assert sentence in str(caught.value)


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    save(tmp_path / "train/happy/Training_7.png", np.full((48, 48), 40_000, np.uint16))
    with pytest.raises(DataError, match=r"Training_7\.png: expected 8 bits a pixel"):
        read_fer2013(tmp_path)


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    make_release(tmp_path)
    save(tmp_path / "train/contempt/Training_7.png", face(7))
    with pytest.raises(DataError, match=r"train/contempt: expected folders named angry, .* found 'contempt'"):
        read_fer2013(tmp_path)


def test_a_damaged_zip_is_a_sentence(tmp_path: Path) -> None:
    data = bytearray(zip_of(make_release(tmp_path / "release"), tmp_path / "x.zip").read_bytes())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"x\.zip is damaged or locked"):
        read_fer2013(tmp_path / "x.zip")
    (tmp_path / "x.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"x\.zip is not a whole zip file"):
        read_fer2013(tmp_path / "x.zip")


def test_listing_takes_pictures_in_split_and_class_only(tmp_path: Path) -> None:
    make_release(tmp_path, per_class=1)
    (tmp_path / "train/happy/Thumbs.db").write_bytes(b"x")
    (tmp_path / "train/happy/._Training_1.png").write_bytes(b"x")
    save(tmp_path / "cover.png", face(1))
    save(tmp_path / "extra/happy/1.png", face(1))
    folder = read_class_folder(tmp_path)
    assert len(folder.files) == 21
    assert {file.split for file in folder.files} == {"Training", "PrivateTest"}  # by folder, not by name
    with pytest.raises(DataError, match="does not exist"):
        read_class_folder(tmp_path / "none")
