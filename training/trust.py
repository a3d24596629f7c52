"""What lowers trust, measured: PublicTest faces made worse on purpose, and the slices of the table.

``python -m training.trust --data fer2013.csv [--models NAME,NAME] [--pictures N]`` writes
``fusion_model/assets/trust.csv``, from which the page takes its warnings (`fusion_model.trust`). Models that
are not asked keep the rows that they have; with ``--table-only`` only the slices are counted anew, in a
second.

Pictures are made worse one way at a time (`training.degrade`), then read as the page reads a detected face:
Face Mesh again, the crop, both views. ``turned`` and ``no mesh`` are rows of the prediction table; their
thresholds come from PublicTest too, and PrivateTest's rows are what the page tells.

Units of the strengths: small, px of the frame's side; blurred, px of the Gaussian's standard deviation at
48 px; dark, mean grey level; covered and edge, share of the picture; turned, degrees and more.

Two models on 500 pictures took two minutes of one core, half of it MediaPipe's.

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate, S strength.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fusion_model.catalogue import ASSETS, available_models, unknown_models
from fusion_model.checkpoint import CheckpointError
from fusion_model.classifier import Classifier, FaceBatch, load_classifiers
from fusion_model.detection import Face
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation_report import TABLE
from fusion_model.face_measures import FaceMeasures
from fusion_model.faces import FaceFinder
from fusion_model.frame import FER_FRAME, eyes_of
from fusion_model.prediction_table import PredictionTable, of_split, read_table
from fusion_model.preprocess import FaceInputs, face_inputs
from fusion_model.trust import (
    KINDS,
    LOWER_IS_WORSE,
    MOST_WARNED,
    TRUST,
    Effect,
    TrustError,
    measured,
    read_trust,
    write_trust,
)
from training.degrade import Degrade, blurred, covered, cut, darkened, smaller
from training.fer2013 import read_fer2013
from training.landmark_cache import DEFAULT_CACHE, landmarks_of
from training.samples import FaceDataset, Landmarks

CHOICE, TOLD = "PublicTest", "PrivateTest"
PICTURES = 600
SEED = 0
#: What is done, and how strongly, the mildest first.
CURVES: dict[str, tuple[Degrade, tuple[float, ...]]] = {
    "small": (smaller, (36, 28, 22, 17, 13)),
    "dark": (darkened, (48, 32, 20, 12, 7)),
    "blurred": (blurred, (0.6, 1, 1.5, 2, 3)),
    "covered": (covered, (0.2, 0.3, 0.4, 0.5)),
    "edge": (cut, (0.1, 0.2, 0.3, 0.4)),
}
TURNS = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0)
_BATCH = 100


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    models = options.models.split(",") if options.models else list(available_models())
    try:
        if trouble := unknown_models(models):
            raise CheckpointError(trouble)
        kept = _kept(options.out, models, curves=options.table_only)
        effects = [*kept, *slices(read_table(TABLE))]
        if not options.table_only:
            if options.data is None:
                raise TrustError("Give the pictures with --data fer2013.csv, or count with --table-only.")
            effects += degraded(options.data, models, options.cache, options.pictures)
        order = list(available_models())
        effects.sort(key=lambda effect: (KINDS.index(effect.kind), order.index(effect.model), effect.split))
        write_trust(effects, options.out)
        _tell(options.out)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def slices(table: PredictionTable) -> list[Effect]:
    """Turned faces and faces without a mesh, from the rows of a prediction table."""
    found = []
    for split in (CHOICE, TOLD):
        rows = of_split(table, split)
        mesh_N = rows.frame["mesh_found"].to_numpy() == 1
        yaw_N = np.abs(rows.frame["yaw"].to_numpy(float))
        chosen = [("no mesh", math.nan, ~mesh_N)]
        chosen += [("turned", turn, mesh_N & (yaw_N >= turn)) for turn in TURNS]
        for model in table.models:
            right_N = rows.predicted(model) == rows.truth()
            whole = (len(right_N), int(right_N.sum()))
            for kind, value, chosen_N in chosen:
                counts = (int(chosen_N.sum()), int(right_N[chosen_N].sum()))
                found.append(Effect(kind, value, value, math.nan, model, split, *counts, *whole))
    return [effect for effect in found if effect.n]


def degraded(data: Path, models: Sequence[str], cache: Path, pictures: int) -> list[Effect]:
    """The curves of `CURVES`: a row a strength and model.

    Parameters
    ----------
    data : what `training.fer2013.read_fer2013` reads
    models : names of the package's models
    cache : folder of the landmark cache
    pictures : how many of PublicTest, drawn by lot, the same every time
    """
    dataset = read_fer2013(data)
    landmarks = landmarks_of(dataset, cache)
    rows = np.flatnonzero(dataset.splits_N == CHOICE)
    rows = np.sort(np.random.default_rng(SEED).permutation(rows)[:pictures])
    classifiers = dict(
        zip(models, load_classifiers([ASSETS / f"{name}.safetensors" for name in models]), strict=True)
    )
    truth_N = np.array(dataset.labels)[dataset.labels_N[rows]]
    effects: list[Effect] = []
    with FaceFinder() as finder:
        plain, plain_right = scored(finder, classifiers, dataset, landmarks, rows, truth_N, None, 0.0)
        jobs = [(kind, *CURVES[kind][:1], step) for kind in CURVES for step in CURVES[kind][1]]
        for kind, degrade, strength in tqdm(jobs, unit="strength", disable=None):
            found, right = scored(finder, classifiers, dataset, landmarks, rows, truth_N, degrade, strength)
            middle, usual = _median(found, kind), _usual(plain, kind)
            for model in models:
                counts = (len(rows), right[model], len(rows), plain_right[model])
                effects.append(Effect(kind, float(strength), middle, usual, model, CHOICE, *counts))
    return effects


def read_again(finder: FaceFinder, image_HW: np.ndarray, face: Face) -> tuple[FaceInputs, FaceMeasures]:
    """The inputs and measures of a face whose eyes are known, as the page reads one that was detected."""
    rgb_HWC = np.repeat(image_HW[:, :, None], 3, axis=2)
    read = finder.reread(rgb_HWC, face) or replace(face, landmarks_LD=None)
    inputs = face_inputs(rgb_HWC, read)
    height, width = image_HW.shape
    return inputs, FaceMeasures.of(read, inputs.crop_HW, width, height)


def scored(
    finder: FaceFinder,
    classifiers: dict[str, Classifier],
    dataset: FaceDataset,
    landmarks: Landmarks,
    rows: np.ndarray,
    truth_N: np.ndarray,
    degrade: Degrade | None,
    strength: float,
) -> tuple[list[FaceMeasures], dict[str, int]]:
    """Measures of the pictures made worse, and how many of them each model answers rightly.

    Parameters
    ----------
    finder : of faces; Face Mesh reads every picture anew
    classifiers : by name
    dataset, landmarks : pictures, and where their eyes are
    rows : int64 (N,), which of them
    truth_N : their labels, as words
    degrade, strength : what is done to them; None leaves them as they are
    """
    inputs, measures = [], []
    for row in rows:
        image_HW = dataset.images_NHW[row]
        height, width = image_HW.shape
        known = bool(landmarks.mesh_found_N[row])
        eyes_ED = eyes_of(landmarks.landmarks_NLD[row][:, :2]) if known else FER_FRAME.eyes(width, height)
        face = Face((0.0, 0.0, float(width), float(height)), eyes_ED.astype(np.float32), None, 1.0)
        if degrade is not None:
            image_HW, face = degrade(image_HW, face, strength, np.random.default_rng((SEED, int(row))))
        read, found = read_again(finder, image_HW, face)
        inputs.append(read)
        measures.append(found)
    right = dict.fromkeys(classifiers, 0)
    for first in range(0, len(inputs), _BATCH):
        device = next(iter(classifiers.values())).device
        batch = FaceBatch.of(inputs[first : first + _BATCH], device)
        for name, classifier in classifiers.items():
            labels = np.array(classifier.card.labels)
            answers = labels[classifier.answer(batch).argmax(axis=1)]
            right[name] += int((answers == truth_N[first : first + _BATCH]).sum())
    return measures, right


def _values(found: Sequence[FaceMeasures], kind: str) -> np.ndarray:
    values = [measured(item, kind) for item in found]
    return np.array([value for value in values if value is not None])


def _median(found: Sequence[FaceMeasures], kind: str) -> float:
    return float(np.median(_values(found, kind)))


def _usual(found: Sequence[FaceMeasures], kind: str) -> float:
    """The measure beyond which `MOST_WARNED` of these lie."""
    share = MOST_WARNED if LOWER_IS_WORSE[kind] else 1 - MOST_WARNED
    return float(np.quantile(_values(found, kind), share))


def _kept(path: Path, models: Sequence[str], *, curves: bool) -> list[Effect]:
    """Curves in the file that are not measured anew: of other models, or all."""
    if not path.exists():
        return []
    there = available_models()
    return [
        effect
        for effect in read_trust(path).effects
        if effect.kind in CURVES and effect.model in there and (curves or effect.model not in models)
    ]


def _tell(path: Path) -> None:
    trust = read_trust(path)
    for effect in trust.effects:
        print(
            f"{effect.kind:<8} {effect.strength:>5g} {effect.measured:>7.3g} {effect.model:<20} "
            f"{effect.split:<11} {100 * effect.accuracy:5.1f} % of {effect.n}, "
            f"{100 * effect.plain:5.1f} % without"
        )
    print("warned of beyond:", ", ".join(f"{kind} {value:.3g}" for kind, value in trust.thresholds.items()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.trust", description="Measure what lowers trust in an answer."
    )
    parser.add_argument("--data", type=Path, help="fer2013.csv or what else training reads")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--models", default="", help="names, by commas; default: all of the package")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of PublicTest")
    parser.add_argument("--table-only", action="store_true", help="only what the prediction table tells")
    parser.add_argument("--out", type=Path, default=TRUST, help="the result file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
