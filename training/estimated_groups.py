"""Measure the classifier of groups, and keep its estimates for FER-2013's test pictures; it is never shipped.

``python -m training.estimated_groups --fairface fairface.npz --data fer2013.csv [--london LONDON]``, after
``python -m training.groups``, writes ``fer2013_estimated_groups.csv.gz`` (for each test picture the estimates
and their probabilities) and ``fer2013_estimated_groups.json`` (error rates) where the package ships them.

Error rates are those on FairFace's validation faces, brought to FER-2013's size and frame, a mesh found on
them and aligned by it as FER-2013 is. Nobody knows those on FER-2013 itself: it has no such labels. What can
be measured of the step from one set to the other stands beside them: how sure the classifier is on both, how
it does on photographs of people who told their gender themselves, and whether it errs more where an
expression model is less sure. Where no mesh is found, nothing is estimated. A run that was stopped early is
measured as it is, and the file says after how many epochs.

Shape suffixes: N pictures, G groups, K expressions.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_model.catalogue import ASSETS
from fusion_model.classifier import Classifier, softmax
from fusion_model.errors import ExpressionLensError
from fusion_model.estimated_groups import ERRORS, ESTIMATES, PREFIX, SHORT, write_json
from fusion_model.table_file import write_csv
from training.dataset import Samples, make_samples
from training.evaluate import TEST_SPLITS
from training.fairface import AGES, JOINT, FairFace, bare_samples, read_fairface, windowed
from training.fer2013 import read_fer2013
from training.group_measures import KINDS, Answers, figures, shares, tally, temperatures
from training.group_network import GroupsNetwork, answers
from training.groups import FOLDER, divided, prepared_run, recipe
from training.landmark_cache import DEFAULT_CACHE, landmarks_of
from training.london import largest_faces, read_photographs
from training.samples import DataError, FaceDataset
from training.scoring import logits_of
from training.workers import Workers

#: Years of age with which FairFace's bands begin.
BAND_STARTS = (0, 3, 10, 20, 30, 40, 50, 60, 70)
#: London's words for what FairFace has a word for as well.
LONDON_RACES = {"white": "White", "black": "Black", "east_asian": "East Asian"}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    try:
        values, estimates = measure(options)
        write_csv(estimates, options.estimates)
        write_json(values, options.errors)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    for name, told in values["groupings"].items():
        counts_GG = np.array(told["counts"])
        recalls = np.diag(counts_GG) / counts_GG.sum(axis=1)
        by_group = dict(zip(told["names"], recalls.round(3).tolist(), strict=True))
        print(
            f"{name}: {np.trace(counts_GG) / counts_GG.sum():.3f} right, balanced {recalls.mean():.3f}, of "
            f"{counts_GG.sum():,} faces; by group {by_group}"
        )
    return 0


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], pd.DataFrame]:
    """The file of error rates as plain values, and the estimates, a row a test picture with a mesh."""
    faces = read_fairface(options.fairface)
    run = prepared_run(faces, recipe(), options.folder, 0)
    run.resume()
    if not run.progress.epoch:
        raise DataError(
            "The classifier has not been trained for an epoch yet: python -m training.groups --resume."
        )
    network = run.objective.network
    assert isinstance(network, GroupsNetwork)
    _, kept_back, validation = divided(faces)
    kept_back, _, kept_samples = aligned(kept_back, options.folder)
    found, framed, samples = aligned(validation, options.folder)
    temperature = temperatures(answers(network, kept_samples), kept_back)
    answered = answers(network, samples)
    expression_NK = _expressions(framed)
    told = {kind.name: figures(kind, answered, temperature, found, expression_NK) for kind in KINDS}
    rows_N, everywhere, test = fer2013(options.data, options.cache)
    estimated = shares(answers(network, test), temperature)
    for name, shares_NG in estimated.items():
        told[name]["confidence"]["fer2013"] = round(float(shares_NG.max(axis=1).mean()), 4)
    if options.london is not None:
        _add_london(told, options.london, network, temperature)
    values = {
        "measured_on": "FairFace, validation faces with a mesh, brought to the size and frame of FER-2013",
        "with_mesh": {
            "fairface": round(len(found) / len(validation), 4),
            "fer2013": round(len(rows_N) / everywhere, 4),
        },
        "training": {
            "faces": len(run.train),
            "kept_back": len(kept_back),
            "epochs": run.progress.epoch,
            "of_epochs": run.recipe.epochs,
            "minutes": round(run.progress.seconds / 60, 1),
        },
        "groupings": told,
    }
    return values, _frame(rows_N, estimated)


def aligned(faces: FairFace, folder: Path) -> tuple[FairFace, Samples, Samples]:
    """Those faces on which a mesh is found; framed as FER-2013 is, and cut closer for the classifier.

    Meshes are kept in the folder's ``cache``.
    """
    splits_N = np.full(len(faces), "PublicTest")
    dataset = FaceDataset(
        faces.images_NHW, faces.joint_N, splits_N, JOINT, original_rows=False, name="FairFace"
    )
    samples = make_samples(dataset, landmarks_of(dataset, folder / "cache", Workers(processes=1)))
    found_N = samples.mesh_found_N
    samples = samples.select(found_N)
    closer = bare_samples(samples.images_NHW, samples.matrices_N23, samples.labels_N)
    return faces.select(found_N), samples, closer


def fer2013(data: Path, cache: Path) -> tuple[np.ndarray, int, Samples]:
    """Rows of the test pictures with a mesh, (N,) int; how many there are without and with; the samples."""
    dataset = read_fer2013(data)
    landmarks = landmarks_of(dataset, cache)
    test_N = np.isin(dataset.splits_N, TEST_SPLITS)
    rows_N = np.flatnonzero(test_N & landmarks.mesh_found_N)
    part = FaceDataset(dataset.images_NHW[rows_N], dataset.labels_N[rows_N], dataset.splits_N[rows_N])
    meshes = replace(
        landmarks,
        landmarks_NLD=landmarks.landmarks_NLD[rows_N],
        mesh_found_N=landmarks.mesh_found_N[rows_N],
    )
    samples = make_samples(part, meshes)
    return (
        rows_N,
        int(test_N.sum()),
        bare_samples(windowed(samples.images_NHW), samples.matrices_N23, samples.labels_N),
    )


def _expressions(framed: Samples) -> np.ndarray:
    """What the shipped CNN says of faces, probabilities (N, K)."""
    classifier = Classifier.load(ASSETS / "cnn.safetensors")
    return softmax(logits_of(classifier, framed, mirrored=False), classifier.card.temperature)


def _add_london(
    told: dict[str, Any], folder: Path, network: GroupsNetwork, temperature: dict[str, float]
) -> None:
    """Count how many of the London set's neutral faces are estimated as the people told of themselves."""
    people = read_photographs(folder)
    people = people[people["expression"] == "neutral"].reset_index(drop=True)
    faces = largest_faces([folder / file for file in people["file"]])
    found_N = np.array([face is not None and face.mesh_found for face in faces])
    crops_NHW = np.array([face.crop_HW for face in faces if face is not None and face.mesh_found])
    people = people[found_N].reset_index(drop=True)
    level = np.tile(np.eye(2, 3), (len(people), 1, 1))
    samples = bare_samples(windowed(crops_NHW), level, np.zeros(len(people), np.int64))
    found: Answers = answers(network, samples)
    estimated = shares(found, temperature)
    parts = {
        "gender": people["gender"].map({"female": "Female", "male": "Male"}),
        "age": people["age"].map(_band),
        "race": people["ethnicity"].map(LONDON_RACES),
    }
    wanted = {kind.name: parts[kind.name].map(kind.group_of, na_action="ignore") for kind in KINDS}
    for kind in KINDS:
        known_N = wanted[kind.name].notna().to_numpy()
        answer_N = np.array(kind.names)[estimated[kind.name].argmax(axis=1)]
        told[kind.name]["london"] = tally((answer_N == wanted[kind.name].to_numpy())[known_N])
        told[kind.name]["confidence"]["london"] = round(float(estimated[kind.name].max(axis=1).mean()), 4)


def _band(age: Any) -> str | None:
    """FairFace's band of an age in years; None where it was not told."""
    return None if pd.isna(age) else AGES[int(np.searchsorted(BAND_STARTS, age, side="right")) - 1]


def _frame(rows_N: np.ndarray, estimated: dict[str, np.ndarray]) -> pd.DataFrame:
    columns: dict[str, Any] = {"row": rows_N}
    for kind in KINDS:
        shares_NG = estimated[kind.name]
        names = np.array([SHORT + name for name in kind.names])
        columns[PREFIX + kind.name] = names[shares_NG.argmax(axis=1)]
        columns[f"{PREFIX}{kind.name}_probability"] = shares_NG.max(axis=1).round(2)
    return pd.DataFrame(columns)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.estimated_groups",
        description="Measure the classifier of groups, and keep its estimates for FER-2013's test pictures.",
    )
    parser.add_argument("--fairface", type=Path, required=True, help="FairFace, packed as one .npz")
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv or what else training reads")
    parser.add_argument("--london", type=Path, help="folder of the London set, to measure on it as well")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the run of training.groups")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of FER-2013's landmarks")
    parser.add_argument("--estimates", type=Path, default=ESTIMATES, help="where the estimates go")
    parser.add_argument("--errors", type=Path, default=ERRORS, help="where the error rates go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
