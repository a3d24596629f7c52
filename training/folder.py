"""Pictures sorted into folders by split and class, in a directory or a zip: FER-2013's folder release.

How the official splits are kept there:

- A file named as in Kaggle's folder release (`Training_3908.jpg`, `PublicTest_...`, `PrivateTest_...`)
  belongs to the split of its name, whatever folder it lies in.
- Any other file belongs to the split of its folder: `train/` is Training, `validation/` or `val/` PublicTest,
  `test/` PrivateTest.
- Where this leaves no PublicTest, a tenth of the Training pictures of each class serves as PublicTest, chosen
  by the hash of their pixels: the same ones each time, and never one of two identical pictures of a class
  without the other. A note of the data set says so.

The files are JPEGs, so pixels differ a little from those of the CSV, and the row order of the CSV is lost:
FER+ votes cannot be joined.

Shapes: N pictures, H = W = 48 pixels.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from fusion_model.labels import EXPRESSIONS
from fusion_model.sources import zip_names
from training.samples import SIDE, SPLITS, DataError, FaceDataset

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")
SPLIT_OF_FOLDER = {
    "train": "Training",
    "training": "Training",
    "val": "PublicTest",
    "valid": "PublicTest",
    "validation": "PublicTest",
    "publictest": "PublicTest",
    "test": "PrivateTest",
    "testing": "PrivateTest",
    "privatetest": "PrivateTest",
}
ALIASES = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}  # other names that releases give to the classes
_OFFICIAL_NAME = re.compile(r"(Training|PublicTest|PrivateTest)_\d+", re.ASCII)
_SHARE = 0.1  # of Training, where no PublicTest is marked


@dataclass(frozen=True)
class ClassFile:
    """One picture file in a tree of `<split>/<class>/<file>`."""

    path: str  # relative to the tree's root, with forward slashes
    split: str  # one of SPLITS, by the folder
    class_name: str  # the folder's name as it stands


@dataclass(frozen=True)
class ClassFolder:
    """The picture files of a tree `<split>/<class>/<file>`, sorted by path."""

    root: Path  # the directory or zip file
    files: tuple[ClassFile, ...]


def read_class_folder(path: str | Path) -> ClassFolder:
    """List the pictures below `path` (a directory or a zip) that lie in `<split>/<class>/`, at any depth.

    Raises
    ------
    DataError
        If there is no such picture.
    """
    root = Path(path)
    if root.is_dir():
        names = [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    elif root.is_file():
        names = zip_names(root)
    else:
        raise DataError(f"{root} does not exist.")
    files = tuple(file for name in sorted(names) if (file := class_file(name)) is not None)
    if not files:
        raise DataError(
            f"{root} holds no pictures in train/<class>/ or test/<class>/: "
            "expected .jpg or .png files in such folders."
        )
    return ClassFolder(root, files)


def class_file(name: str, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> ClassFile | None:
    """The picture at this relative path, if it is one in `<split>/<class>/`."""
    parts = PurePosixPath(name).parts
    if len(parts) < 3 or PurePosixPath(name).suffix.lower() not in suffixes:
        return None
    split = SPLIT_OF_FOLDER.get(parts[-3].lower())
    return ClassFile(name, split, parts[-2]) if split and not parts[-1].startswith(".") else None


def has_pictures(names: list[str]) -> bool:
    """Tell whether any of these relative paths is a picture in `<split>/<class>/`."""
    return any(class_file(name) is not None for name in names)


def read_folder_release(path: str | Path) -> FaceDataset:
    """Read the folder release of FER-2013, `train/<class>/*.jpg` and `test/<class>/*.jpg`, in order of path.

    Parameters
    ----------
    path
        The directory, or a zip, that holds `train/` and `test/`, itself or deeper.

    Returns
    -------
    FaceDataset
        With the official splits as far as the files tell them, and notes where they do not.

    Raises
    ------
    DataError
        If a folder is no class of FER-2013, or a file is damaged or not 48x48; the sentence names it.
    """
    folder = read_class_folder(path)
    codes = [_code(folder, file) for file in folder.files]
    pixels = bytearray()
    with opener(folder.root) as read:
        for file in tqdm(folder.files, desc=folder.root.name, unit="picture", disable=None, leave=False):
            pixels += _grey(file.path, read(file.path)).tobytes()
    images_NHW = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    labels_N = np.array(codes, np.int64)
    named = [_OFFICIAL_NAME.match(PurePosixPath(file.path).name) for file in folder.files]
    splits_N = np.array(
        [name[1] if name else file.split for name, file in zip(named, folder.files, strict=True)],
        f"<U{max(map(len, SPLITS))}",
    )
    splits_N, notes = _complete_splits(images_NHW, labels_N, splits_N)
    unnamed = sum(name is None for name in named)
    if unnamed:
        notes = (
            f"the names of {unnamed:,} files do not tell their official split; their folder was used.",
            *notes,
        )
    return FaceDataset(images_NHW, labels_N, splits_N, original_rows=False, notes=notes)


def _code(folder: ClassFolder, file: ClassFile) -> int:
    name = file.class_name.lower()
    name = ALIASES.get(name, name)
    if name not in EXPRESSIONS:
        raise DataError(
            f"{folder.root.name}/{PurePosixPath(file.path).parent}: expected folders named "
            f"{', '.join(EXPRESSIONS)}, found '{file.class_name}'."
        )
    return EXPRESSIONS.index(name)


@contextmanager
def opener(root: Path) -> Iterator[Callable[[str], bytes]]:
    """Give a function from relative path to bytes, for a directory or a zip."""
    if root.is_dir():
        yield lambda name: (root / name).read_bytes()
        return
    try:
        with zipfile.ZipFile(root) as archive:
            yield archive.read
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{root.name} is damaged or locked ({error}): get the file again.") from error


def _grey(name: str, data: bytes) -> npt.NDArray[np.uint8]:
    """Decode one file to (48, 48) grey."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if picture.size != (SIDE, SIDE):
                raise DataError(
                    f"{name}: expected {SIDE}x{SIDE} pixels, found {picture.width}x{picture.height}."
                )
            if picture.mode.startswith(("I", "F")):
                raise DataError(
                    f"{name}: expected 8 bits a pixel, found more."
                )  # convert() would clip to white
            return np.asarray(picture.convert("L"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # as Pillow reports damage
        raise DataError(
            f"{name} is cut or not a picture: expected a JPEG or PNG of {SIDE}x{SIDE} pixels."
        ) from error


def _complete_splits(
    images_NHW: npt.NDArray[np.uint8], labels_N: npt.NDArray[np.int64], splits_N: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.str_], tuple[str, ...]]:
    """Take a share of Training as PublicTest where there is none."""
    if (splits_N == "PublicTest").any() or not (splits_N == "Training").any():
        return splits_N, ()
    chosen_N = validation_share(images_NHW, labels_N, splits_N, _SHARE)
    note = (
        f"no file is marked as PublicTest: test/ counts as PrivateTest, and {int(chosen_N.sum()):,} pictures "
        f"of train/ ({_SHARE:.0%} of each class, chosen by the hash of their pixels) serve as PublicTest."
    )
    return np.where(chosen_N, "PublicTest", splits_N), (note,)


def validation_share(
    images_NHW: npt.NDArray[np.uint8],
    labels_N: npt.NDArray[np.int64],
    splits_N: npt.NDArray[np.str_],
    share: float,
    salt: bytes = b"",
    least: int = 0,
) -> npt.NDArray[np.bool_]:
    """Choose a share of the Training pictures of each class by the hash of their pixels, (N,) bool.

    The same ones each time for the same salt, whatever the files are called and wherever others are added,
    and identical pictures of a class together. Of a class of more than `least` at least so many are chosen.
    """
    training_N = splits_N == "Training"
    hash_N = np.array([hashlib.sha256(salt + image_HW.tobytes()).hexdigest() for image_HW in images_NHW])
    chosen_N = np.zeros(len(splits_N), bool)
    for code in np.unique(labels_N[training_N]):
        of_class_N = training_N & (labels_N == code)
        count = int(of_class_N.sum())
        wanted = max(round(share * count), least if count > least else 0)
        if wanted:
            # All pictures up to the wanted one's hash, so that identical pictures stay together.
            chosen_N |= of_class_N & (hash_N <= np.sort(hash_N[of_class_N])[wanted - 1])
    return chosen_N
