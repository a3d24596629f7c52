"""Compare face detectors: precision, recall, F1 and time against the threshold of their scores.

``python -m training.detector_study --fer2013 fer2013.csv --votes fer2013new.csv --fairface fairface_64px.npz
--london LONDON`` trains the small detector if its weights are missing, lets every detector look at every
picture (some minutes on a core), and writes ``docs/results/detector_*.csv``; what pages show of it goes into
the package. ``--again`` makes the tables anew from what was found before.

- ``detector_scores.csv``: one row a half, data, detector and threshold; see `COLUMNS`.
- ``detector_recall.csv``: faces found by their size and by how far they are turned, at the chosen threshold.
- ``detector_times.csv``: CPU time a picture, all threads together.

The threshold of a detector is that of the highest F0.5 over all scenes of the half for choosing: what is taken
for a face gets an expression too, which is worse than a face that is missed. The product's goes into
`fusion_model.faces.MIN_SCORE` by hand (docs/decisions/0015); a test holds it to the table.
"""

import argparse
import multiprocessing
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusion_model.detector_figures import ALL_SCENES, TABLE
from fusion_model.errors import ExpressionLensError
from training.detection_scores import Convention, Found, assign, best_threshold, convention_of, counts_at
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
from training.detectors import OWN, THRESHOLDS, detectors
from training.fer2013 import read_fer2013
from training.samples import DataError, FaceDataset
from training.scenes import KINDS, FacePicture, drawn_from
from training.small_detector import save_small_detector, train_small_detector
from training.votes import read_votes

RESULTS = Path("docs/results")
RUN = Path("runs/detector_study")
KEY = ["use", "data", "number"]
BOX = ["left", "top", "width", "height"]
#: What was found is written every so many pictures.
KEEP_EVERY = 10
SCENES = tuple(kind.name for kind in KINDS)
#: Faces by side in px, and by how far they are turned, degrees.
SIZES = (24, 32, 48, 64, 96, 128, 1000)
TURNS = (0, 20, 45, 70, 110, 135, 160, 181)
TURNING = ("turned", "sideways")
#: Of a row of scores: hits, detections as `detection_scores` counts them; in FER-2013 a picture counts once,
#: found if anything is found in it. `empty` pictures show no face; `alarms` are those with a detection.
COLUMNS = (
    *("use", "data", "detector", "threshold", "chosen"),
    *("pictures", "faces", "hits", "detections", "empty", "alarms"),
)


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
    works = [
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
    started = [fork.Process(target=work) for work in (*works, last)]
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


def tables_of(run: Path) -> dict[str, pd.DataFrame]:
    """The three tables, from what `look` kept."""
    found, faces, times = (
        pd.concat([pd.read_csv(path) for path in sorted(run.glob(f"part*/{name}.csv.gz"))])
        for name in ("found", "faces", "times")
    )
    faces = faces.drop_duplicates([*KEY, "face"]).sort_values([*KEY, "face"], kind="stable")
    times = times.sort_values(KEY, kind="stable")
    scores, recalls = [], []
    for name, thresholds in THRESHOLDS.items():
        looked_at = faces.merge(times.loc[times["detector"] == name, KEY], on=KEY)
        hits, there = _hits(found[found["detector"] == name], looked_at)
        table = _score_rows(name, hits, there, looked_at, np.array(thresholds))
        scores.append(table)
        recalls.append(_recall_rows(name, there, float(table.loc[table["chosen"] == 1, "threshold"].iloc[0])))
    by = ["data", "detector"]
    times = pd.concat([times, times[times["data"].isin(SCENES)].assign(data=ALL_SCENES)])
    quantiles = times[times["use"] == "reporting"].groupby(by, sort=False)["cpu_ms"]
    timed = quantiles.quantile([0.05, 0.5, 0.95]).unstack().round(1)
    timed.columns = ["p5_ms", "median_ms", "p95_ms"]
    timed.insert(0, "pictures", quantiles.size())
    return {"scores": pd.concat(scores), "recall": pd.concat(recalls), "times": timed.reset_index()}


def chosen_of(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of all scenes at each detector's chosen threshold, with precision, recall and F1."""
    rows = scores[(scores["chosen"] == 1) & (scores["data"] == ALL_SCENES)]
    return rows.assign(
        precision=(rows["hits"] / rows["detections"]).round(3),
        recall=(rows["hits"] / rows["faces"]).round(3),
        f1=(2 * rows["hits"] / (rows["detections"] + rows["faces"])).round(3),
    )


def for_pages(scores: pd.DataFrame, times: pd.DataFrame) -> pd.DataFrame:
    """What pages show: the half for reporting, with the median time."""
    shown = scores[scores["use"] == "reporting"].drop(columns="use")
    return shown.merge(times[["data", "detector", "median_ms"]], how="left", on=["data", "detector"])


def _hits(found: pd.DataFrame, faces: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Detections with whether they hit, and faces with the score of what hit them (-1: nothing did)."""
    by_picture = dict(list(found.groupby(KEY)))
    known = dict(list(faces[faces["face"] >= 0].groupby(KEY)))

    def seen(where: tuple) -> list[Found]:
        part = by_picture.get(where)
        rows = [] if part is None else part[[*BOX, "score"]].to_numpy().tolist()
        return [Found((row[0], row[1], row[2], row[3]), row[4]) for row in rows]

    upright = [where for where in known if where[0] == "choosing" and where[1] in ("several", "one")]
    convention = convention_of((seen(where), known[where][BOX].to_numpy()) for where in upright)
    hits, there = [], []
    for where in faces[KEY].drop_duplicates().itertuples(index=False, name=None):
        part = known.get(where)
        boxes_FB = np.zeros((0, 4)) if part is None else part[BOX].to_numpy()
        items = seen(where)
        hit = _assigned(where[1], items, boxes_FB, convention)
        best = np.full(len(boxes_FB), -1.0)
        for item, face in zip(items, hit, strict=True):
            hits.append((*where, item.score, face >= 0))
            if face >= 0:
                best[face] = item.score
        turns = np.zeros(0) if part is None else part["turn"].to_numpy()
        sides = np.sqrt(boxes_FB[:, 2] * boxes_FB[:, 3])
        there += [(*where, *row) for row in zip(sides, turns, best, strict=True)]
    return (
        pd.DataFrame(hits, columns=[*KEY, "score", "hit"]).astype({"hit": bool}),
        pd.DataFrame(there, columns=[*KEY, "side", "turn", "score"]),
    )


def _assigned(data: str, items: list[Found], boxes_FB: np.ndarray, convention: Convention) -> list[int]:
    """The face that each detection hits; in a face crop the surest one, and no other counts."""
    if data != FER:
        return assign(items, boxes_FB, convention)
    best = max(range(len(items)), key=lambda index: items[index].score, default=-1)
    return [0 if index == best and len(boxes_FB) else -1 for index in range(len(items))]


def _score_rows(
    name: str, hits: pd.DataFrame, there: pd.DataFrame, faces: pd.DataFrame, thresholds: np.ndarray
) -> pd.DataFrame:
    chosen = _part(hits, "choosing", SCENES)
    wanted = len(_part(there, "choosing", SCENES))
    best = best_threshold(chosen["score"].to_numpy(), chosen["hit"].to_numpy(), wanted, thresholds)
    pictures = faces.groupby(["use", "data", "number"])["face"].max().reset_index()
    rows = []
    for use in ("choosing", "reporting"):
        data = list(pictures.loc[pictures["use"] == use, "data"].unique())
        for group in [*data, ALL_SCENES]:
            names = SCENES if group == ALL_SCENES else (group,)
            seen, known = _part(hits, use, names), len(_part(there, use, names))
            shown = _part(pictures, use, names)
            if group == FER:  # one picture, one answer
                seen = seen.sort_values("score").drop_duplicates("number", keep="last")
            without = shown.loc[shown["face"] < 0, ["data", "number"]]
            alarms = seen.merge(without, on=["data", "number"])
            for at in thresholds:
                found = counts_at(seen["score"].to_numpy(), seen["hit"].to_numpy(), known, at)
                loud = alarms[alarms["score"] >= at].drop_duplicates(["data", "number"])
                counted = (len(shown), known, found.hits, found.detections, len(without), len(loud))
                rows.append((use, group, name, at, int(at == best), *counted))
    return pd.DataFrame(rows, columns=COLUMNS)


def _recall_rows(name: str, there: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Faces and hits by size (upright scenes) and by turn (the other ones)."""
    reported = there[there["use"] == "reporting"]
    rows = []
    for what, edges, inside, values in (
        ("size", SIZES, ~reported["data"].isin((*TURNING, FER)), reported["side"]),
        ("turn", TURNS, reported["data"].isin(TURNING), reported["turn"].abs()),
    ):
        for low, high in pairwise(edges):
            part = reported[inside & reported["data"].isin(SCENES) & (values >= low) & (values < high)]
            rows.append((name, what, low, high, len(part), int((part["score"] >= threshold).sum())))
    return pd.DataFrame(rows, columns=["detector", "what", "low", "high", "faces", "hits"])


def _part(frame: pd.DataFrame, use: str, names: tuple[str, ...]) -> pd.DataFrame:
    return frame[(frame["use"] == use) & frame["data"].isin(names)]


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
