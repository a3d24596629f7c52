"""The data of a command line: FER-2013, or a person's own folder or table, told apart by content.

Own data are checked before anything is trained or scored, and everything that is wrong is told together.
"""

import argparse
import io
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from fusion_model.labels import EXPRESSIONS
from training.data_checks import check_classes, check_counts, check_duplicates, check_faces, left_out
from training.fer2013 import is_fer2013_table, read_fer2013, read_votes
from training.folder import ALIASES, opener, validation_share
from training.listing import Findings, Listing, is_table, list_pictures
from training.own_faces import faces_of
from training.samples import SIDE, SPLITS, DataError, FaceDataset, Landmarks, OwnFaces
from training.workers import DEFAULT_CACHE, Workers

DATA_HELP = (
    "FER-2013 (fer2013.csv, icml_face_data.csv, archive or folder), or pictures of your own: a folder or zip "
    "of train/CLASS/..., val/CLASS/..., test/CLASS/..., or a CSV of path,label[,split]"
)
#: An array of this name makes a file one that `training.packed` wrote.
PACKED_MARK = "expression_lens_packed"
#: Of Training, where own data have no validation pictures.
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Asked:
    """Which data a command was asked to read, and how.

    Attributes
    ----------
    data : what `training.fer2013.read_fer2013` or `training.listing.list_pictures` reads.
    votes : FER+ votes of FER-2013, or None.
    cache : folder of landmarks and faces, made if missing.
    crops : own pictures are faces already, framed as in FER-2013.
    split_seed : which own pictures of train serve for validation, where none do.
    skip_unreadable : own pictures that cannot be read are left out with a warning.
    as_test : all own pictures count as test pictures, whatever their folder says.
    workers : who finds faces and landmarks.
    """

    data: Path
    votes: Path | None = None
    cache: Path = DEFAULT_CACHE
    crops: bool = False
    split_seed: int = 0
    skip_unreadable: bool = False
    as_test: bool = False
    workers: Workers = field(default_factory=Workers)

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Asked":
        """From the options that `add_arguments` adds."""
        return cls(
            options.data.expanduser(),
            getattr(options, "votes", None),
            options.cache,
            options.crops,
            options.split_seed,
            options.skip_unreadable,
            getattr(options, "as_test", False),
            Workers(options.processes, options.dask),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Asked` to a command line, but for the data themselves and their votes."""
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of landmarks and faces")
    own = parser.add_argument_group("pictures of your own")
    own.add_argument("--crops", action="store_true", help="they are faces already, framed as in FER-2013")
    own.add_argument(
        "--split-seed",
        type=int,
        default=0,
        help="where there is no val: which fifth of each class of train takes its place; default 0",
    )
    own.add_argument(
        "--skip-unreadable", action="store_true", help="leave out files that cannot be read, with a warning"
    )
    add_worker_arguments(parser)


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Workers` to a command line."""
    many = parser.add_argument_group("many workers")
    many.add_argument(
        "--processes", type=int, help="so many find faces, and answer, at once; default: one a core"
    )
    many.add_argument("--dask", metavar="ADDRESS", help="use a Dask cluster: the address of its scheduler")


def is_packed(path: Path) -> bool:
    """Tell whether a file is one that `training.packed` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{PACKED_MARK}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def is_own(asked: Asked) -> bool:
    """Tell whether the data are a person's own, by their content: all that is not FER-2013."""
    path = asked.data
    if asked.crops or not path.exists():
        return asked.crops
    if not path.is_dir() and is_table(path):
        return True
    return not is_fer2013_table(path) and not _is_folder_release(path)


def read_data(asked: Asked) -> FaceDataset:
    """Read the data to score models on; files that cannot be read and pictures without a face are told.

    Raises
    ------
    DataError
        With everything that is wrong with own data, or the first mistake in FER-2013.
    """
    if is_packed(asked.data):
        raise DataError(
            f"{asked.data} is packed for training networks of pixels, without landmarks or PrivateTest: "
            "give the data it was packed from."
        )
    if not is_own(asked):
        fer2013 = read_fer2013(asked.data)
        return fer2013 if asked.votes is None else read_votes(asked.votes, fer2013)
    findings = Findings()
    listing = list_pictures(asked.data, findings)
    dataset = _dataset(listing, replace(asked, skip_unreadable=True), findings)
    if dataset is not None:
        check_duplicates(dataset, findings)
    return _told(dataset, asked, findings)


def read_training_data(asked: Asked, batch: int) -> FaceDataset:
    """Read the data to train on, in batches of so many.

    Raises
    ------
    DataError
        With everything that is wrong with own data, or the first mistake in FER-2013.
    """
    if not is_own(asked):
        return read_data(asked)
    findings = Findings()
    listing = list_pictures(asked.data, findings)
    check_classes(listing, findings)
    dataset = _dataset(listing, asked, findings)
    if dataset is not None:
        check_duplicates(dataset, findings)
        check_counts(dataset, batch, findings)
    return _told(dataset, asked, findings)


def _told(dataset: FaceDataset | None, asked: Asked, findings: Findings) -> FaceDataset:
    """The data with their warnings; DataError with all that was found where errors are."""
    if asked.votes is not None:
        findings.errors.append("FER+ votes belong to the rows of fer2013.csv: leave --votes out.")
    if dataset is None or dataset.own is None or findings.errors:
        raise DataError(findings.text(asked.data))
    own = replace(dataset.own, notes=(*dataset.notes, *findings.notes))
    return replace(dataset, notes=(*dataset.notes, *findings.warnings), own=own)


def _is_folder_release(path: Path) -> bool:
    """Tell the folder release of FER-2013 by its seven classes and the size of its first picture."""
    listing = list_pictures(path, Findings())
    classes = {ALIASES.get(name.lower(), name.lower()) for name in listing.labels}
    if classes != set(EXPRESSIONS):
        return False
    try:
        with opener(path) as read:
            size = _size(read(listing.files[0].path))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return size == (SIDE, SIDE)


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
        return picture.size


def _dataset(listing: Listing, asked: Asked, findings: Findings) -> FaceDataset | None:
    """The pictures that can be used, with their faces and splits; None where there are none."""
    if not listing.files:
        return None
    paths = tuple(file.path for file in listing.files)
    faces = faces_of(listing.root, paths, asked.cache, asked.workers, crops=asked.crops)
    check_faces(listing, faces, findings, skip_unreadable=asked.skip_unreadable)
    rows_N = np.flatnonzero((faces.problem_N == "") & (faces.count_N > 0))
    if not len(rows_N):
        findings.errors.append("no picture is left that can be used.")
        return None
    codes = {label: code for code, label in enumerate(listing.labels)}
    own = OwnFaces(
        rows_N,
        tuple(paths[row] for row in rows_N),
        Landmarks(faces.landmarks_NLD[rows_N], faces.mesh_found_N[rows_N]),
        "given as crops" if asked.crops else "found",
        left_out(listing, faces),
    )
    splits = [SPLITS[2] if asked.as_test else listing.files[row].split for row in rows_N]
    dataset = FaceDataset(
        faces.images_NHW[rows_N],
        np.array([codes[listing.files[row].class_name] for row in rows_N], np.int64),
        np.array(splits, f"<U{max(map(len, SPLITS))}"),
        listing.labels,
        name=asked.data.resolve().stem,
        own=own,
        original_rows=False,
    )
    return _with_validation(dataset, asked.split_seed)


def _with_validation(dataset: FaceDataset, seed: int) -> FaceDataset:
    """Take a share of Training for validation where there is none."""
    if (dataset.splits_N == SPLITS[1]).any() or not (dataset.splits_N == SPLITS[0]).any():
        return dataset
    chosen_N = validation_share(
        dataset.images_NHW,
        dataset.labels_N,
        dataset.splits_N,
        VALIDATION_SHARE,
        salt=seed.to_bytes(8, "little", signed=True),
        least=1,
    )
    note = (
        f"there is no val: {int(chosen_N.sum()):,} pictures of train ({VALIDATION_SHARE:.0%} of each class, "
        f"seed {seed}) serve as such."
    )
    splits_N = np.where(chosen_N, SPLITS[1], dataset.splits_N)
    return replace(dataset, splits_N=splits_N, notes=(*dataset.notes, note))
