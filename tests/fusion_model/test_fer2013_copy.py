"""A user's own copy of FER-2013: read in every packing, and refused where it is not that."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fusion_model.fer2013_copy import read_copy
from fusion_model.mesh_drawings import MeshDrawings, digest_of
from fusion_model.sources import DataError

SPLITS = ["Training"] * 3 + ["PublicTest"] * 2 + ["PrivateTest"] * 2


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    images_NHW = np.random.default_rng(0).integers(0, 256, (len(SPLITS), 48, 48), np.uint8)
    images_NHW[6] = images_NHW[0]  # a test picture that is a copy of a training picture
    return images_NHW


@pytest.fixture(scope="module")
def known(images: np.ndarray) -> MeshDrawings:
    digests_N = np.array([digest_of(image_HW) for image_HW in images[3:]], np.uint64)
    return MeshDrawings.of(np.arange(3, 7), digests_N, np.zeros((4, 478, 3)), np.zeros(4, bool))


def text_of(images: np.ndarray, header: str = "emotion,pixels,Usage") -> str:
    rows = [header]
    for image_HW, split in zip(images, SPLITS, strict=True):
        pixels = " ".join(map(str, image_HW.ravel()))
        rows.append(f"0,{pixels},{split}" if header.startswith("emotion,pix") else f"0, {split}, {pixels}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("form", ["csv", "gz", "zip", "folder", "icml"])
def test_every_packing_gives_the_pictures_by_row(
    form: str, images: np.ndarray, known: MeshDrawings, tmp_path: Path
) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(text_of(images, "emotion, Usage, pixels" if form == "icml" else "emotion,pixels,Usage"))
    if form == "gz":
        path = tmp_path / "fer2013.csv.gz"
        path.write_bytes(gzip.compress((tmp_path / "fer2013.csv").read_bytes()))
    elif form == "zip":
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "fer2013.csv", "fer2013.csv")
    elif form == "folder":
        path = tmp_path
    pictures = read_copy(path, known)
    assert list(pictures) == [3, 4, 5, 6]
    for row, image_HW in pictures.items():
        np.testing.assert_array_equal(image_HW, images[row])


def test_rows_in_another_order_are_found_by_their_pixels(
    images: np.ndarray, known: MeshDrawings, tmp_path: Path
) -> None:
    header, *rows = text_of(images).splitlines()
    (tmp_path / "fer2013.csv").write_text("\n".join([header, *reversed(rows)]))
    np.testing.assert_array_equal(read_copy(tmp_path, known)[5], images[5])


def test_a_copy_that_is_cut_or_changed_is_refused(
    images: np.ndarray, known: MeshDrawings, tmp_path: Path
) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(text_of(images).splitlines()[:6]))
    with pytest.raises(DataError, match="holds 2 of the 4 different test pictures"):
        read_copy(path, known)
    path.write_text(text_of(images + np.uint8(1)))
    with pytest.raises(DataError, match=r"holds 0 of the 4 .*another data set"):
        read_copy(path, known)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,prediction\n1,2\n", "expected a column named pixels"),
        ("emotion,pixels,Usage\n0,1 2 3,PublicTest\n", "row 0 .*expected 2304 pixel values, found 3"),
        ("", "is empty"),
    ],
)
def test_another_file_is_a_sentence(text: str, words: str, known: MeshDrawings, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_copy(path, known)


def test_a_missing_file_and_a_folder_without_one_are_sentences(known: MeshDrawings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_copy(tmp_path / "none.csv", known)
    with pytest.raises(DataError, match=r"holds none of fer2013\.csv.*JPEGs"):
        read_copy(tmp_path, known)
