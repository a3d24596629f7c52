"""Tables of the study of face detectors, made from what the detectors found.

`training.detector_study` looks and writes; here is what is counted: faces that are hit, detections, pictures
without a face in which something is found, by data, detector and threshold, by size and by turn.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.detector_figures import ALL_SCENES
from training.detection_scores import Convention, Found, assign, best_threshold, convention_of, counts_at
from training.detector_data import FER
from training.detectors import SHIPPED, THRESHOLDS
from training.scenes import KINDS

KEY = ["use", "data", "number"]
BOX = ["left", "top", "width", "height"]
SCENES = tuple(kind.name for kind in KINDS)
#: Faces by side in px, and by how far they are turned, degrees.
SIZES = (24, 32, 48, 64, 96, 128, 1000)
TURNS = (0, 20, 45, 70, 110, 135, 160, 181)
TURNING = ("turned", "sideways")
#: By these pictures of the half for choosing the detectors' boxes are brought to the known ones.
UPRIGHT = ("several", "one", "many", FER)
#: Of a row of scores: hits, detections as `detection_scores` counts them; in FER-2013 a picture counts once,
#: found if anything is found in it. `empty` pictures show no face; `alarms` are those with a detection.
COLUMNS = (
    *("use", "data", "detector", "threshold", "chosen"),
    *("pictures", "faces", "hits", "detections", "empty", "alarms"),
)


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
        if looked_at.empty:
            continue
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

    upright = [where for where in known if where[0] == "choosing" and where[1] in UPRIGHT]
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
    best = SHIPPED.get(name) or best_threshold(
        chosen["score"].to_numpy(), chosen["hit"].to_numpy(), wanted, thresholds
    )
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
