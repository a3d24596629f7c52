"""Tables of the study of face detectors, for ``docs/detector.md``, from its result files.

`training.figures` writes them. Intervals are Wilson's, of 95 %.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_model.detector_figures import ALL_SCENES, share_of
from training.detector_data import FER, LONDON
from training.detector_study import RESULTS
from training.detector_tables import SCENES
from training.detectors import PRODUCT, THRESHOLDS

ROOT = Path(__file__).parents[1]
FORMER = "product, before"


def scenes(_: Any) -> str:
    """All detectors on the scenes for reporting, each at its chosen threshold."""
    return _table(ALL_SCENES)


def kinds(_: Any) -> str:
    """The product, before and now, by kind of scene."""
    chosen = _chosen()
    lines = _head("scenes", ["n", "faces", "found before", "found now", "precision before", "precision now"])
    for kind in SCENES:
        part = chosen[chosen["data"] == kind].set_index("detector")
        if part.empty:
            continue
        both = [part.loc[name] for name in (FORMER, PRODUCT)]
        cells = [f"{both[1]['pictures']}", f"{both[1]['faces']}"]
        cells += [_share(row["hits"], row["faces"]) for row in both]
        cells += [
            _share(row["hits"], row["detections"])
            if row["faces"]
            else f"{row['alarms']} of {row['empty']} alarms"
            for row in both
        ]
        lines.append(_line(kind, cells))
    return "\n".join(lines) + "\n"


def fer(_: Any) -> str:
    """All detectors on FER-2013 with the votes on which pictures show no face."""
    return _table(FER)


def london(_: Any) -> str:
    """All detectors on the London photographs."""
    return _table(LONDON)


def sizes(_: Any) -> str:
    """Faces found by their size, all detectors."""
    return _recall("size", "px")


def turns(_: Any) -> str:
    """Faces found by how far they are turned, all detectors."""
    return _recall("turn", "°")


def thresholds(_: Any) -> str:
    """The product's figures by threshold, on the scenes for choosing."""
    scores = _read("scores")
    rows = scores[(scores["detector"] == PRODUCT) & (scores["data"] == ALL_SCENES)]
    rows = rows[rows["use"] == "choosing"]
    lines = _head("threshold", ["precision", "recall", "F1", "scenes without a face: something found"])
    for row in rows.to_dict("records"):
        f1 = 2 * row["hits"] / (row["detections"] + row["faces"])
        name = f"**{row['threshold']:g}**, chosen" if row["chosen"] else f"{row['threshold']:g}"
        cells = [_share(row["hits"], row["detections"]), _share(row["hits"], row["faces"]), f"{100 * f1:.1f}"]
        lines.append(_line(name, [*cells, f"{row['alarms']} of {row['empty']}"]))
    return "\n".join(lines) + "\n"


def times(_: Any) -> str:
    """CPU time a picture, by data and detector."""
    timed = _read("times")
    shown = [kind for kind in SCENES if kind != "sideways"] + [FER, LONDON]
    lines = _head("CPU time a picture, ms, median (5th–95th)", shown)
    for name in THRESHOLDS:
        part = timed[timed["detector"] == name].set_index("data")
        if part.empty:
            continue
        cells = [
            "{median_ms:.0f} ({p5_ms:.0f}–{p95_ms:.0f})".format(**part.loc[data])
            if data in part.index
            else "–"
            for data in shown
        ]
        lines.append(_line(name, cells))
    return "\n".join(lines) + "\n"


BLOCKS: dict[str, Callable[[Any], str]] = {
    "detector-scenes": scenes,
    "detector-kinds": kinds,
    "detector-fer": fer,
    "detector-london": london,
    "detector-sizes": sizes,
    "detector-turns": turns,
    "detector-thresholds": thresholds,
    "detector-times": times,
}


def _table(data: str) -> str:
    titles = [
        "threshold",
        "pictures",
        "faces",
        "precision",
        "recall",
        "F1",
        "without a face: something found",
    ]
    lines = _head("detector", titles)
    chosen = _chosen()
    for row in chosen[chosen["data"] == data].to_dict("records"):
        total = row["detections"] + row["faces"]
        cells = [f"{row['threshold']:g}", f"{row['pictures']}", f"{row['faces']}"]
        cells += [_share(row["hits"], row["detections"]), _share(row["hits"], row["faces"])]
        cells += [f"{200 * row['hits'] / total:.1f}" if total else "–", f"{row['alarms']} of {row['empty']}"]
        lines.append(_line(row["detector"], cells))
    return "\n".join(lines) + "\n"


def _recall(what: str, unit: str) -> str:
    recall = _read("recall")
    rows = recall[recall["what"] == what]
    ranges = rows[["low", "high"]].drop_duplicates().to_numpy().tolist()
    names = [f"{low}–{high}{unit}" if high < 1000 else f"from {low}{unit}" for low, high in ranges]
    lines = _head("detector", names)
    for name in THRESHOLDS:
        part = rows[rows["detector"] == name]
        if part.empty:
            continue
        cells = [_share(row["hits"], row["faces"]) for row in part.to_dict("records")]
        lines.append(_line(name, [f"{cell} of {n}" for cell, n in zip(cells, part["faces"], strict=True)]))
    return "\n".join(lines) + "\n"


def _chosen() -> pd.DataFrame:
    scores = _read("scores")
    return scores[(scores["use"] == "reporting") & (scores["chosen"] == 1)]


@cache
def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / RESULTS / f"detector_{name}.csv")


def _share(hits: int, total: int) -> str:
    if not total:
        return "–"
    found = share_of(int(hits), int(total))
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}–{100 * found.high:.1f})"


def _head(title: str, columns: list[str]) -> list[str]:
    return [_line(title, columns), f"| --- |{' ---: |' * len(columns)}"]


def _line(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"
