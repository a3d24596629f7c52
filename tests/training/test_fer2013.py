"""FER-2013 from CSV files: every layout reads back the same, and every wrong file is named by its row."""

import gzip
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fusion_model.errors import ExpressionLensError
from fusion_model.labels import EXPRESSIONS
from training.duplicates import find_duplicates
from training.fer2013 import (
    SPLITS,
    VOTE_COLUMNS,
    DataError,
    FaceDataset,
    copies_of_training,
    read_fer2013,
    read_votes,
)

VOTE_FOR_EXPRESSION = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
REAL_ARRAYS = Path(__file__).parents[2] / "../shared/data/fer2013/fer2013_images.npz"


@pytest.fixture
def faces() -> FaceDataset:
    """Twenty random pictures: twelve Training, four of each test split."""
    rng = np.random.default_rng(2013)
    return FaceDataset(
        images_NHW=rng.integers(0, 256, (20, 48, 48), dtype=np.uint8),
        labels_N=rng.integers(0, 7, 20),
        splits_N=np.repeat(SPLITS, (12, 4, 4)),
    )


def csv_text(faces: FaceDataset, layout: str = "kaggle", rows: slice = slice(None)) -> str:
    """Write `faces` as one of the CSV layouts that are about."""
    header, form = {
        "kaggle": ("emotion,pixels,Usage", "{emotion},{pixels},{usage}"),
        "icml": ("emotion, Usage, pixels", "{emotion},{usage},{pixels}"),
        "train": ("emotion,pixels", "{emotion},{pixels}"),
        "test": ("pixels", "{pixels}"),
        "quoted": ('"emotion","pixels","Usage"', '"{emotion}","{pixels}","{usage}"'),
    }[layout]
    lines = [
        form.format(emotion=label, pixels=" ".join(map(str, image.ravel().tolist())), usage=split)
        for image, label, split in zip(
            faces.images_NHW[rows], faces.labels_N[rows], faces.splits_N[rows], strict=True
        )
    ]
    return "\n".join([header, *lines]) + "\n"


def saved(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_gz(name: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, data in (("fer2013/README", b"read me"), (name, content.encode())):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def vote_text(faces: FaceDataset) -> str:
    """Write FER+ votes: in row i, i % 11 for NF and the rest for anger; the names are no row numbers."""
    lines = ["Usage,Image name," + ",".join(VOTE_COLUMNS)]
    for row, split in enumerate(faces.splits_N):
        lines.append(f"{split},fer{(row * 7) % 20:07}.png,0,0,0,0,{10 - row % 11},0,0,0,0,{row % 11}")
    return "\n".join(lines) + "\n"


def assert_same(found: FaceDataset, expected: FaceDataset) -> None:
    np.testing.assert_array_equal(found.images_NHW, expected.images_NHW)
    np.testing.assert_array_equal(found.labels_N, expected.labels_N)
    np.testing.assert_array_equal(found.splits_N, expected.splits_N)
    assert found.fingerprint == expected.fingerprint


CONTAINERS: dict[str, Callable[[str], str | bytes]] = {
    "fer2013.csv": lambda text: text,
    "dos.csv": lambda text: text.replace("\n", "\r\n"),
    "bom.csv": lambda text: "\ufeff" + text,
    "no_end.csv": lambda text: text.rstrip("\n"),
    "blank_end.csv": lambda text: text + "\n\n",
    "fer2013.csv.gz": lambda text: gzip.compress(text.encode()),
    "misnamed.csv": lambda text: gzip.compress(text.encode()),
    "fer2013.zip": lambda text: zipped({"fer2013.csv": text, "__MACOSX/._fer2013.csv": b"\0"}),
    "challenge.zip": lambda text: zipped(
        {"test.csv": "pixels\n", "train.csv": "x", "data/icml_face_data.csv": text}
    ),
    "fer2013.tar.gz": lambda text: tar_gz("fer2013/fer2013.csv", text),
}


@pytest.mark.parametrize("layout", ["kaggle", "icml", "quoted"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_layout_and_container_reads_back_the_same(
    tmp_path: Path, faces: FaceDataset, layout: str, name: str
) -> None:
    path = saved(tmp_path / name, CONTAINERS[name](csv_text(faces, layout)))
    found = read_fer2013(path)
    assert_same(found, faces)
    assert found.labels == EXPRESSIONS
    assert found.votes_NV is None
    assert found.original_rows
    assert found.images_NHW.dtype == np.uint8
    assert found.labels_N.dtype == np.int64
    assert found.images_NHW.flags.writeable  # torch.from_numpy warns about arrays that are not


@pytest.mark.parametrize("place", ["fer2013.csv", "fer2013/fer2013.csv", "fer2013/icml_face_data.csv"])
def test_directories_as_torchvision_has_them(tmp_path: Path, faces: FaceDataset, place: str) -> None:
    (tmp_path / "fer2013").mkdir()
    saved(tmp_path / place, csv_text(faces, "icml" if "icml" in place else "kaggle"))
    assert_same(read_fer2013(tmp_path), faces)


def test_train_csv_of_the_challenge_is_all_training(tmp_path: Path, faces: FaceDataset) -> None:
    saved(tmp_path / "train.csv", csv_text(faces, "train"))
    found = read_fer2013(tmp_path)
    assert set(found.splits_N) == {"Training"}
    assert "no Usage column" in found.describe()


def test_test_csv_of_the_challenge_has_no_labels(tmp_path: Path, faces: FaceDataset) -> None:
    saved(tmp_path / "test.csv", csv_text(faces, "test"))
    with pytest.raises(
        DataError, match=r"test\.csv, line 1: pictures without labels .* expected fer2013\.csv"
    ):
        read_fer2013(tmp_path)


def _row_17(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """Change the columns of data row 17, which stands in line 19."""

    def changed(text: str) -> str:
        lines = text.split("\n")
        lines[18] = ",".join(change(lines[18].split(",")))
        return "\n".join(lines)

    return changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            _row_17(lambda row: [row[0], " ".join(row[1].split()[:1200]), row[2]]),
            "expected 2304 pixel values, found 1200.",
        ),
        (_row_17(lambda row: [row[0], row[1] + " 7", row[2]]), "expected 2304 pixel values, found 2305."),
        (
            _row_17(lambda row: [row[0], "256" + row[1][row[1].index(" ") :], row[2]]),
            "found '256' as value 1.",
        ),
        (
            _row_17(lambda row: [row[0], row[1][: row[1].rindex(" ")] + " -1", row[2]]),
            "found '-1' as value 2304.",
        ),
        (
            _row_17(lambda row: [row[0], row[1][: row[1].rindex(" ")] + " 1.5", row[2]]),
            "from 0 to 255, found '1.5'",
        ),
        (_row_17(lambda row: [row[0], row[1][: row[1].rindex(" ")] + " é", row[2]]), "found 'é'"),
        (_row_17(lambda row: ["7", *row[1:]]), "expected an emotion from 0 to 6 (0 angry, 1 disgust,"),
        (_row_17(lambda row: ["", *row[1:]]), "found ''."),
        (
            _row_17(lambda row: [*row[:2], "Test"]),
            "expected Usage Training, PublicTest or PrivateTest, found 'Test'.",
        ),
        (_row_17(lambda row: row[:2]), "expected 3 columns, found 2: is the file cut?"),
        (lambda text: text[: text.rindex("\n", 0, text.rindex("PublicTest")) + 4000], "pixel values, found "),
        (_row_17(lambda row: [row[0], '"' + row[1] + " 1" * 100_000, row[2]]), "not a CSV row"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_expected(
    tmp_path: Path, faces: FaceDataset, change: Callable[[str], str], sentence: str
) -> None:
    faces = replace(faces, splits_N=np.repeat(SPLITS, (12, 6, 2)))  # so that the last PublicTest is row 17
    path = saved(tmp_path / "fer2013.csv", change(csv_text(faces)))
    with pytest.raises(DataError) as caught:
        read_fer2013(path)
    assert str(caught.value).startswith("fer2013.csv, row 17 (line 19): ")
    assert sentence in str(caught.value)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: "", "x.csv is empty"),
        (lambda text: gzip.compress(b""), "x.csv is empty"),
        (lambda text: "emotion,pixels,Usage\n", "has a header but no rows"),
        (lambda text: text.split("\n", 1)[1], "line 1: expected the columns emotion,pixels,Usage, found '"),
        (lambda text: text.replace(",", ";"), "line 1: expected the columns emotion,pixels,Usage"),
        (lambda text: "<!DOCTYPE html>\n<html>", "found '<!DOCTYPE html>'"),
        (lambda text: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a CSV file: expected text, found binary data."),
        (lambda text: text.encode("utf-16"), "not a CSV file"),
        (lambda text: gzip.compress(os.urandom(5000)), "x.csv"),
        (lambda text: _half(gzip.compress(text.encode())), "is cut or damaged after line "),
        (lambda text: _flipped(gzip.compress(text.encode())), "x.csv"),
        (lambda text: b"\x1f\x8b\x09garbage", "is cut or damaged before its first line"),
        (lambda text: _half(tar_gz("fer2013.csv", text)), "is cut or damaged after line "),
        (lambda text: tar_gz("other.txt", text), "holds no CSV file"),
        (lambda text: _half(zipped({"fer2013.csv": text})), "is not a whole zip file"),
        (lambda text: _flipped(zipped({"fer2013.csv": text})), "x.csv"),
        (lambda text: zipped({"a.csv": text, "b.csv": text}), "holds no CSV file, or several"),
        (lambda text: zipped({}), "holds no CSV file, or several"),
    ],
)
def test_a_file_that_is_no_whole_csv_is_a_sentence(
    tmp_path: Path, faces: FaceDataset, change: Callable[[str], str | bytes], sentence: str
) -> None:
    path = saved(tmp_path / "x.csv", change(csv_text(faces)))
    with pytest.raises(DataError) as caught:
        read_fer2013(path)
    assert sentence in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_missing_path_and_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_fer2013(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no pictures in train/<class>/"):
        read_fer2013(tmp_path)
    assert issubclass(DataError, ExpressionLensError)


def test_describe_counts_classes_by_split_and_tells_a_subset(faces: FaceDataset) -> None:
    assert faces.counts_SK().sum(axis=1).tolist() == [12, 4, 4]
    text = faces.describe()
    assert "happy" in text
    assert (
        "not the official splits of FER-2013 (Training 28,709, PublicTest 3,589, PrivateTest 3,589)" in text
    )
    assert "but Training 12, PublicTest 4, PrivateTest 4" in text


def test_arrays_that_do_not_belong_together_are_refused(faces: FaceDataset) -> None:
    with pytest.raises(ValueError, match="same length"):
        replace(faces, labels_N=faces.labels_N[1:])
    with pytest.raises(ValueError, match="index the 7 labels"):
        replace(faces, labels_N=faces.labels_N + 7)
    with pytest.raises(ValueError, match="must hold only"):
        replace(faces, splits_N=np.repeat("test", 20))
    with pytest.raises(ValueError, match="must be uint8"):
        replace(faces, images_NHW=faces.images_NHW.astype(np.float32))


def test_the_fingerprint_follows_pixels_and_labels(faces: FaceDataset) -> None:
    other = faces.images_NHW.copy()
    other[3, 5, 7] ^= 1
    assert len(faces.fingerprint) == 16
    assert replace(faces, images_NHW=other, fingerprint="").fingerprint != faces.fingerprint
    assert replace(faces, labels_N=6 - faces.labels_N, fingerprint="").fingerprint != faces.fingerprint


# FER+ votes


def test_votes_are_joined_by_row_not_by_image_name(tmp_path: Path, faces: FaceDataset) -> None:
    joined = read_votes(saved(tmp_path / "fer2013new.csv", vote_text(faces)), faces)
    assert joined.votes_NV is not None
    assert joined.votes_NV.shape == (20, 10)
    assert joined.votes_NV.dtype == np.float32
    np.testing.assert_array_equal(joined.votes_NV[:, VOTE_COLUMNS.index("NF")], np.arange(20) % 11)
    np.testing.assert_array_equal(joined.votes_NV[:, VOTE_COLUMNS.index("anger")], 10 - np.arange(20) % 11)
    assert_same(joined, faces)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.rsplit("\n", 2)[0], "has 19 rows but the data set 20"),
        (lambda text: text + text.split("\n")[-2] + "\n", "has 21 rows but the data set 20"),
        (
            lambda text: text.replace("PublicTest", "PrivateTest", 1),
            "row 12 (line 14): expected Usage PublicTest as in the pictures' row, found 'PrivateTest'.",
        ),
        (
            lambda text: text.replace(",9,0,0,0,0,1\n", ",9,0,0,0,0\n", 1),
            "row 1 (line 3): expected 12 columns, found 11",
        ),
        (
            lambda text: text.replace(",9,0,0,0,0,1\n", ",9,0,0,0,0,11\n", 1),
            "row 1 (line 3): expected a number of votes from 0 to 10 in column NF, found '11'",
        ),
        (
            lambda text: text.replace(",NF", ",none"),
            "line 1: expected the columns of fer2013new.csv, found none named NF",
        ),
    ],
)
def test_votes_that_do_not_fit_are_refused(
    tmp_path: Path, faces: FaceDataset, change: Callable[[str], str], sentence: str
) -> None:
    path = saved(tmp_path / "fer2013new.csv", change(vote_text(faces)))
    with pytest.raises(DataError) as caught:
        read_votes(path, faces)
    assert sentence in str(caught.value)


def test_votes_in_another_order_within_the_splits_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = FaceDataset(
        images_NHW=rng.integers(0, 256, (1500, 48, 48), dtype=np.uint8),
        labels_N=rng.integers(0, 7, 1500),
        splits_N=np.repeat("Training", 1500),
    )
    column_of = {
        name: VOTE_COLUMNS.index(vote) for name, vote in zip(EXPRESSIONS, VOTE_FOR_EXPRESSION, strict=True)
    }

    def text(labels_N: np.ndarray) -> str:
        lines = ["Usage,Image name," + ",".join(VOTE_COLUMNS)]
        for label in labels_N:
            votes = ["0"] * 10
            votes[column_of[EXPRESSIONS[label]]] = "10"
            lines.append("Training,," + ",".join(votes))
        return "\n".join(lines)

    read_votes(saved(tmp_path / "right.csv", text(faces.labels_N)), faces)
    with pytest.raises(DataError, match=r"agrees with only .* of the labels"):
        read_votes(saved(tmp_path / "shuffled.csv", text(rng.permutation(faces.labels_N))), faces)


def test_votes_need_the_row_order_of_the_csv(tmp_path: Path, faces: FaceDataset) -> None:
    path = saved(tmp_path / "fer2013new.csv", vote_text(faces))
    with pytest.raises(DataError, match="folder release has lost that order"):
        read_votes(path, replace(faces, original_rows=False))


# Duplicates


def test_duplicates_and_copies_of_training(faces: FaceDataset) -> None:
    images, labels = faces.images_NHW.copy(), faces.labels_N.copy()
    images[13] = images[4]  # PublicTest copy of a Training picture, same label
    labels[13] = labels[4]
    images[17] = images[18] = images[0]  # two PrivateTest copies of one, with another label
    labels[18] = (labels[0] + 1) % 7
    images[15] = images[14]  # twins within PublicTest: no copies of Training
    labels[15] = labels[14]
    images[2] = images[1]  # twins within Training
    labels[2] = (labels[1] + 1) % 7
    found = find_duplicates(replace(faces, images_NHW=images, labels_N=labels, fingerprint=""))
    assert np.flatnonzero(found.copies_N).tolist() == [13, 17, 18]
    assert (found.distinct, found.groups, found.conflicting) == (15, 4, 2)
    assert found.copies == {"PublicTest": 1, "PrivateTest": 2}
    assert found.first_N[[0, 2, 13, 15, 18, 19]].tolist() == [0, 1, 4, 14, 0, 19]
    assert "1 PublicTest and 2 PrivateTest pictures are exact copies" in found.describe()


def test_one_changed_pixel_is_no_copy(faces: FaceDataset) -> None:
    images = faces.images_NHW.copy()
    images[13] = images[4]
    images[13, 47, 47] ^= 1
    assert not copies_of_training(replace(faces, images_NHW=images, fingerprint="")).any()


# A terminal, and the real data


def test_a_terminal_gets_a_progress_bar(
    tmp_path: Path, faces: FaceDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "fer2013.csv", csv_text(faces))
    read_fer2013(path)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert_same(read_fer2013(path), faces)
    assert "fer2013.csv" in capsys.readouterr().err


def _real_data() -> FaceDataset:
    """Read the real data: EXPRESSION_LENS_FER2013, or the arrays beside the checkout."""
    given = os.environ.get("EXPRESSION_LENS_FER2013")
    if given:
        return read_fer2013(given)
    if not REAL_ARRAYS.is_file():
        pytest.skip("needs FER-2013: set EXPRESSION_LENS_FER2013 to fer2013.csv (not ours to distribute)")
    import cv2

    packed = np.load(REAL_ARRAYS)
    webp, offsets = packed["webp"], packed["offsets"]
    parts = pairwise(offsets)
    return FaceDataset(
        images_NHW=np.stack([cv2.imdecode(webp[start:end], cv2.IMREAD_GRAYSCALE) for start, end in parts]),
        labels_N=packed["emotion"].astype(np.int64),
        splits_N=np.array(SPLITS)[packed["usage"]],
    )


def test_known_counts_of_the_real_data() -> None:
    faces = _real_data()
    assert faces.counts_SK().tolist() == [
        [3995, 436, 4097, 7215, 4830, 3171, 4965],
        [467, 56, 496, 895, 653, 415, 607],
        [491, 55, 528, 879, 594, 416, 626],
    ]
    assert "Note:" not in faces.describe()
    found = find_duplicates(faces)
    assert (found.distinct, found.groups, found.conflicting) == (34_034, 1_516, 57)
    assert found.copies == {"PublicTest": 280, "PrivateTest": 288}
    assert faces.fingerprint == "3868265dad4fcf12"
