"""What can be wrong with a person's own data as a whole: classes, faces, copies, numbers."""

from collections.abc import Mapping

import numpy as np

from training.duplicates import find_duplicates
from training.listing import Findings, Listing, some
from training.own_faces import Faces
from training.samples import SPLITS, FaceDataset, LeftOut

_FOLDERS = dict(zip(SPLITS, ("train", "val", "test"), strict=True))


def check_classes(listing: Listing, findings: Findings) -> None:
    """What training cannot do with these classes, by their names and splits alone."""
    names = {split: {file.class_name for file in listing.files if file.split == split} for split in SPLITS}
    if listing.files and not names["Training"]:
        findings.errors.append("there are no pictures in train.")
    elif len(names["Training"]) == 1:
        findings.errors.append(f"train has one class only, '{min(names['Training'])}': two are needed.")
    for split in SPLITS[1:]:
        unknown = names[split] - names["Training"]
        if unknown and names["Training"]:
            findings.errors.append(
                f"{_FOLDERS[split]} has classes that train does not have: {some(sorted(unknown))}."
            )
    missing = names["Training"] - names["PublicTest"]
    if names["PublicTest"] and missing:
        findings.warn(f"val has no pictures of {some(sorted(missing))}: how well they are told stays unknown")


def check_faces(listing: Listing, faces: Faces, findings: Findings, *, skip_unreadable: bool) -> None:
    """Files that cannot be read, and pictures without a face or with several."""
    paths, count = [file.path for file in listing.files], len(listing.files)
    wrong = [f"{paths[row]} ({faces.problem_N[row]})" for row in np.flatnonzero(faces.problem_N != "")]
    if wrong and skip_unreadable:
        findings.warn(f"{len(wrong):,} of {count:,} files cannot be read", wrong)
    elif wrong:
        findings.errors.append(
            f"{len(wrong):,} of {count:,} files cannot be read: {some(wrong)}. Mend or remove them, or leave "
            "them out by --skip-unreadable."
        )
    for rows, sentence in (
        (np.flatnonzero((faces.count_N == 0) & (faces.problem_N == "")), "show no face and are left out"),
        (np.flatnonzero(faces.count_N > 1), "show several faces, of which the largest is taken"),
    ):
        if len(rows):
            findings.warn(f"{len(rows):,} of {count:,} pictures {sentence}", (paths[row] for row in rows))


def left_out(listing: Listing, faces: Faces) -> tuple[LeftOut, ...]:
    """The pictures that cannot be used."""
    return tuple(
        LeftOut(file.path, file.class_name, file.split, str(problem) or "No face was found.")
        for file, problem, count in zip(listing.files, faces.problem_N, faces.count_N, strict=True)
        if not count
    )


def check_duplicates(dataset: FaceDataset, findings: Findings) -> None:
    """Exact copies, to the pixel, that leak between splits or have two labels."""
    assert dataset.own is not None
    paths, duplicates = dataset.own.paths, find_duplicates(dataset)
    of_train = {
        duplicates.first_N[row]: paths[row] for row in np.flatnonzero(dataset.splits_N == SPLITS[0])[::-1]
    }
    leaks = [
        f"{paths[row]} = {of_train[duplicates.first_N[row]]}" for row in np.flatnonzero(duplicates.copies_N)
    ]
    if leaks:
        findings.warn(
            f"{len(leaks):,} pictures of val or test are exact copies of pictures of train, which makes "
            "scores too good (evaluation tells them apart)",
            leaks,
        )
    if duplicates.conflicting:
        findings.warn(f"{duplicates.conflicting:,} groups of identical pictures have conflicting labels")


def check_counts(dataset: FaceDataset, batch: int, findings: Findings) -> None:
    """Whether there is enough to train on once unusable pictures are left out."""
    counts_K = dataset.counts_SK()[0]
    empty = [label for label, count in zip(dataset.labels, counts_K, strict=True) if not count]
    if empty and counts_K.any():
        findings.errors.append(f"train has no usable picture of {some(empty)}.")
    few: Mapping[str, int] = {
        label: int(count) for label, count in zip(dataset.labels, counts_K, strict=True) if 0 < count < 10
    }
    if few:
        listed = some(f"{label} ({count})" for label, count in few.items())
        findings.warn(f"train has fewer than ten pictures of {listed}")
    if counts_K.sum() < batch:
        findings.errors.append(
            f"train has {counts_K.sum():,} usable pictures, fewer than one batch of {batch}: add pictures or "
            "give a smaller --batch."
        )
    if not (dataset.splits_N == SPLITS[1]).any():
        findings.errors.append("there is no usable picture for validation: add some to val, or to train.")
