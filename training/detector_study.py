"""Compare face detectors: precision, recall, F1 and time against the threshold of their scores.

``python -m training.detector_study --fer2013 fer2013.csv --votes fer2013new.csv --fairface fairface_64px.npz
--london LONDON`` trains the small detector if its weights are missing, lets every detector look at every
picture (some minutes on a core), and writes ``docs/results/detector_*.csv``; what pages show of it goes into
the package. ``--again`` makes the tables anew from what was found before.

- ``detector_scores.csv``: one row a half, data, detector and threshold; see `training.detector_tables`.
- ``detector_recall.csv``: faces found by their size and by how far they are turned, at the chosen threshold.
- ``detector_times.csv``: CPU time a picture, all threads together.

The threshold of a detector is that of the highest F0.5 over all scenes of the half for choosing: what is
taken for a face gets an expression too, which is worse than a face that is missed. The product's goes into
`fusion_model.faces.MIN_SCORE` by hand (docs/decisions/0015); a test holds it to the table.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusion_model.detector_figures import TABLE
from fusion_model.errors import ExpressionLensError
from training.detector_data import (
    FAIRFACE_BOX,
    FAIRFACE_FACES,
    FER,
    FER_BOX,
    Later,
    cases,
    fairface_faces,
    shows_no_face,
)
from training.detector_tables import BOX, KEY, chosen_of, for_pages, tables_of
from training.detectors import OWN, THRESHOLDS, detectors
from training.fer2013 import read_fer2013
from training.samples import DataError, FaceDataset
from training.scenes import FacePicture, drawn_from
from training.small_detector import save_small_detector, train_small_detector
from training.votes import read_votes

RESULTS = Path("docs/results")
RUN = Path("runs/detector_study")
#: What was found is written every so many pictures.
KEEP_EVERY = 10


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    try:
        if not options.again:
            dataset = read_votes(options.votes, read_fer2013(options.fer2013))
            look(dataset, options.fairface, options.london, options.run, options.processes)
        tables = tables_of(options.run)
    except (ExpressionLensError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, table in tables.items():
        _write(table, options.out / f"detector_{name}.csv")
    if options.out == RESULTS:
        _write(for_pages(tables["scores"], tables["times"]), TABLE)
    print(chosen_of(tables["scores"]).to_string(index=False))
    return 0


def train_small(dataset: FaceDataset, fairface: Path, path: Path) -> None:
    """Train our own small detector on faces of the half for choosing."""
    shown_N = (dataset.splits_N == "Training") & ~shows_no_face(dataset)
    faces = [FacePicture(dataset.images_NHW[row], FER_BOX) for row in np.flatnonzero(shown_N)[:6000]]
    for picture in fairface_faces(fairface, "train", 2 * FAIRFACE_FACES):
        faces.append(FacePicture(picture, FAIRFACE_BOX))
    since = time.process_time()
    save_small_detector(train_small_detector(drawn_from(faces)), path)
    print(f"{path}: trained in {time.process_time() - since:.0f} s of CPU time", file=sys.stderr)


def look(dataset: FaceDataset, fairface: Path, london: Path, run: Path, processes: int = 1) -> None:
    """Every detector looks at every picture; what it found, what was there and the time are kept in `run`.

    A process of its own trains the small detector, if its weights are missing, while others look already.
    """
    small = run / "small_detector.safetensors"
    todo = cases(dataset, fairface, london)
    order = np.random.default_rng(0).permutation(len(todo))  # so that all processes have as much to do
    todo = [todo[index] for index in order]
    own = (OWN,)
    others = tuple(name for name in THRESHOLDS if name != OWN)
    works: list[Callable[[], None]] = [
        partial(_look_at, todo[part::processes], others, small, run / f"part{part}")
        for part in range(processes)
    ]

    def last() -> None:
        torch.set_num_threads(1)
        if not small.exists():
            train_small(dataset, fairface, small)
        _look_at(todo, own, small, run / f"part{processes}")

    # Forked: what was read is shared, and no graph of MediaPipe or thread of PyTorch runs as yet.
    fork = multiprocessing.get_context("fork")
    works.append(last)
    started = [fork.Process(target=work) for work in works]
    for process in started:
        process.start()
    for process in started:
        process.join()
        if process.exitcode:
            raise DataError(f"A process of the study ended with {process.exitcode}; see what it said above.")


def _look_at(todo: list[Later], names: tuple[str, ...], small: Path, run: Path) -> None:
    torch.set_num_threads(1)
    compared = detectors(names, small)
    found_rows, face_rows, time_rows = [], [], []
    for count, make in enumerate(todo, start=1):
        case = make()
        key = (case.use, case.data, case.number)
        face_rows.append((*key, -1, *[np.nan] * 5))
        for index, (box_B, turn) in enumerate(zip(case.boxes_FB, case.turns_F, strict=True)):
            face_rows.append((*key, index, *box_B, turn))
        for detector in compared:
            since = time.process_time()
            found = detector.find_in_crop(case.pixels) if case.data == FER else detector.find(case.pixels)
            time_rows.append((*key, detector.name, 1000 * (time.process_time() - since)))
            found_rows += [(*key, detector.name, *item.box, item.score) for item in found]
        if count % KEEP_EVERY == 0 or count == len(todo):
            _write(pd.DataFrame(found_rows, columns=[*KEY, "detector", *BOX, "score"]), run / "found.csv.gz")
            _write(pd.DataFrame(face_rows, columns=[*KEY, "face", *BOX, "turn"]), run / "faces.csv.gz")
            _write(pd.DataFrame(time_rows, columns=[*KEY, "detector", "cpu_ms"]), run / "times.csv.gz")


def _write(frame: pd.DataFrame, path: Path) -> None:
    """As CSV, aside and then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside")
    method = "gzip" if path.suffix == ".gz" else None
    frame.to_csv(aside, index=False, lineterminator="\n", compression=method)
    aside.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.detector_study", description="Compare face detectors."
    )
    parser.add_argument("--fer2013", type=Path, required=True, help="fer2013.csv")
    parser.add_argument("--votes", type=Path, required=True, help="FER+ votes, fer2013new.csv")
    parser.add_argument("--fairface", type=Path, required=True, help="fairface_64px.npz")
    parser.add_argument("--london", type=Path, required=True, help="the photographs and labels.csv")
    parser.add_argument("--run", type=Path, default=RUN, help="folder for what is found, and for weights")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result files")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="make the tables from what was found before")
    return parser


if __name__ == "__main__":
    sys.exit(main())
