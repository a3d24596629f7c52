"""Photographs of FairFace with the expressions that one sees in them, to learn from and to choose by.

FairFace has no expressions. `LABELS` has those of some of its training faces, aged ten or more, with a mesh:
what a general model of images and language called each, on sheets of 30 or 36 grey faces enlarged from 64 px:
one of the seven expressions; faces of which it could not tell are left out. So they are another model's
answers, no panel's, and extra supervision where a model learns from them. A smile, however slight, is
"happy": the first faces were looked at without being told so, and those of them called neutral once more, for
a smile alone. The faces of the use "validation" were gone through three times and the majority counts, those
of "training" once.

``python -m training.photographs FAIRFACE.npz [NAME=WEIGHTS …]`` counts what models get right of "validation",
of the faces drawn at random, as they are and bent as if the head were held otherwise, and of those on which
the fusion model of 2026-11-30 wavered between happy and neutral, in ``docs/results/photographs.csv``; without
names the package's own two.

Shape suffixes: N photographs, M of them drawn in one way, L landmark (478), D coordinate, K class.
"""

import argparse
import hashlib
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fusion_model.catalogue import ASSETS, DEFAULT_MODELS
from fusion_model.classifier import Classifier
from fusion_model.errors import ExpressionLensError
from fusion_model.faces import LANDMARKS
from fusion_model.labels import EXPRESSIONS
from fusion_model.preprocess import SIDE, VERSION, face_inputs
from training.counts import write
from training.data import add_worker_arguments
from training.dataset import Samples
from training.evaluate import labels_of, named_weights
from training.head_turns import cut_turned
from training.samples import DataError
from training.scoring import logits_of
from training.workers import (
    DEFAULT_CACHE,
    HERE,
    Arrays,
    Workers,
    arrays_in_parts,
    finder,
)

#: ``row`` of the packed file, ``use``, ``drawn`` ("at random", or "wavering": happy or neutral, nearly even),
#: ``said`` (a letter a pass), ``smiles`` (of those looked at once more: yes, no or X, a letter a pass),
#: ``expression``.
LABELS = Path(__file__).with_name("photographs.csv")
#: SHA-256, its beginning, of where the JPEG files lie in the packed file whose rows these are: in another one
#: the labels would be those of other faces.
EDITION = "e1802d59936ba4b9"
USES = ("training", "validation")
DRAWN = ("at random", "wavering")
#: How crops of the first of `DRAWN` are bent (`training.head_turns`), the meshes left as they are: pitch and
#: yaw, degrees, and the factor of heights.
BENT = {
    "chin up by 12°": (12.0, 0.0, 1.0),
    "chin down by 12°": (-12.0, 0.0, 1.0),
    "longer by 6 %": (0.0, 0.0, 1.06),
    "shorter by 6 %": (0.0, 0.0, 0.94),
}
#: Expressions that are counted by themselves, and the word for the rest.
SHOWN, OTHERS = ("happy", "neutral"), "others"
RESULT = Path("docs/results/photographs.csv")
_PART = 256


def read_photographs(
    path: Path, use: str, cache: Path = DEFAULT_CACHE, workers: Workers = HERE
) -> tuple[Samples, pd.DataFrame]:
    """The photographs of a use as samples, and their rows of `LABELS` in the same order.

    Parameters
    ----------
    path : FairFace, packed as `training.fairface.read_fairface` takes it
    use : one of `USES`
    cache : folder of what Face Mesh found, made if missing
    workers : who looks for the meshes

    Raises
    ------
    DataError
        If the file is missing, or has not these faces.
    """
    labels = pd.read_csv(LABELS)
    labels = labels[labels["use"] == use].reset_index(drop=True)
    codes = _codes(path, labels["row"].to_numpy())
    key = hashlib.sha256(b"".join(codes)).hexdigest()[:16]
    made = arrays_in_parts(
        cache / f"photographs-{key}-v{VERSION}.npz",
        len(codes),
        _PART,
        _make_part,
        lambda rows: (codes[rows],),
        workers,
    )
    samples = Samples(
        images_NHW=made["crops"],
        matrices_N23=np.tile(np.eye(2, 3), (len(codes), 1, 1)),
        landmarks_NLD=made["landmarks"],
        mesh_found_N=made["found"],
        labels_N=np.array([EXPRESSIONS.index(name) for name in labels["expression"]], np.int64),
        votes_NV=None,
        labels=EXPRESSIONS,
    )
    return samples, labels


def measure(models: dict[str, Path], samples: Samples, labels: pd.DataFrame) -> pd.DataFrame:
    """Right answers among seven: one row a model, way in which faces were drawn, and expression.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``drawn`` (of `DRAWN`, or the first of them and one of `BENT`), ``expression`` (happy,
        neutral, or `OTHERS` together), ``right``, ``n``.
    """
    order = [labels_of(models).index(name) for name in EXPRESSIONS]
    shown = labels["expression"].where(labels["expression"].isin(SHOWN), OTHERS).to_numpy()
    ways = {drawn: np.flatnonzero(labels["drawn"] == drawn) for drawn in DRAWN}
    seen = {drawn: (samples.select(chosen_M), shown[chosen_M]) for drawn, chosen_M in ways.items()}
    whole, shown_M = seen[DRAWN[0]]
    seen |= {f"{DRAWN[0]}, {name}": (_bent(whole, *bend), shown_M) for name, bend in BENT.items()}
    rows = []
    for name, weights in models.items():
        classifier = Classifier.load(weights)
        for drawn, (faces, shown_M) in seen.items():
            logits_MK = logits_of(classifier, faces, mirrored=True)[:, order]
            right_M = logits_MK.argmax(axis=1) == faces.labels_N
            for expression in (*SHOWN, OTHERS):
                among_M = shown_M == expression
                rows.append((name, drawn, expression, int(right_M[among_M].sum()), int(among_M.sum())))
    return pd.DataFrame(rows, columns=["model", "drawn", "expression", "right", "n"])


def _bent(samples: Samples, pitch: float, yaw: float, factor: float) -> Samples:
    """The samples, whose pictures are aligned crops, with heads turned, degrees, and faces stretched."""
    turn, as_it_is = np.array([*np.deg2rad([pitch, yaw]), factor]), np.eye(2, 3)
    crops = [cut_turned(crop_HW, as_it_is, turn, as_it_is) for crop_HW in samples.images_NHW]
    return replace(samples, images_NHW=np.array(crops).reshape(samples.images_NHW.shape))


def _codes(path: Path, rows: np.ndarray) -> list[bytes]:
    """The JPEG files of these rows."""
    try:
        with np.load(path, allow_pickle=False) as packed:
            jpeg, offsets = packed["jpeg"], packed["offsets"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is no packed FairFace: an .npz of jpeg, offsets … is needed ({error})."
        ) from error
    edition = hashlib.sha256(np.ascontiguousarray(offsets, np.int64).tobytes()).hexdigest()
    if not edition.startswith(EDITION):
        raise DataError(f"{path} is packed otherwise: {LABELS.name} has labels of rows of another file.")
    return [jpeg[offsets[row] : offsets[row + 1]].tobytes() for row in rows]


def _make_part(codes: Sequence[bytes]) -> Arrays:
    """Crops (N, 48, 48), landmarks as the networks take them and whether there are any, of JPEG files."""
    crops = np.zeros((len(codes), SIDE, SIDE), np.uint8)
    landmarks_NLD, found_N = np.zeros((len(codes), LANDMARKS, 3), np.float32), np.zeros(len(codes), bool)
    for index, code in enumerate(codes):
        image_HW = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_GRAYSCALE) if code else None
        if image_HW is None:
            raise DataError("A face of FairFace cannot be read: fetch or pack the file again.")
        inputs = face_inputs(image_HW, finder().read_crop(image_HW))
        crops[index], landmarks_NLD[index] = inputs.crop_HW, inputs.landmarks_LD
        found_N[index] = inputs.mesh_found
    return {"crops": crops, "landmarks": landmarks_NLD, "found": found_N}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.photographs", description="What models make of labelled photographs."
    )
    parser.add_argument("fairface", type=Path, help="FairFace, packed: fairface_64px.npz")
    parser.add_argument("models", nargs="*", type=named_weights, metavar="NAME=WEIGHTS")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of landmarks and faces")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result file")
    add_worker_arguments(parser)
    options = parser.parse_args(arguments)
    models = dict(options.models) or {name: ASSETS / f"{name}.safetensors" for name in DEFAULT_MODELS}
    try:
        workers = Workers(options.processes, options.dask)
        samples, labels = read_photographs(options.fairface, "validation", options.cache, workers)
        write(measure(models, samples, labels), options.out)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
