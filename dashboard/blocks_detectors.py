"""What Compare tells of finding faces: the program beside other detectors, on pictures with known faces."""

import math

from dashboard.blocks import Block, Chart, Table
from dashboard.charts import percent
from dashboard.charts_detectors import detectors_chart, threshold_chart
from dashboard.readings import span
from dashboard.shelf import OWN, View
from dashboard.theme import Palette
from fusion_model.detector_figures import DetectorFigures, read_detectors

NOW, BEFORE = "product, now", "product, before"
HEAD = [
    "detector",
    "threshold",
    "precision",
    "recall",
    "F1",
    "pictures without a face: something found",
    "CPU time a picture",
]
FER, LONDON, TIMED = "FER-2013", "London photographs", "several"


def face_finding(view: View, colours: Palette) -> list[Block]:
    """One block beside the program's own data; none for a user's, and none where nothing was measured."""
    found = read_detectors() if view.data != OWN else ()
    by_name = {item.detector: item for item in found}
    if NOW not in by_name or BEFORE not in by_name:
        return []
    now = by_name[NOW]
    tables = tuple(
        Table(f"{caption}: {read[0].faces} faces", HEAD, [_row(item) for item in read])
        for caption, read in (
            ("Composed scenes", found),
            ("FER-2013, by the FER+ votes on which pictures show a face", read_detectors(data=FER)),
            ("London photographs", read_detectors(data=LONDON)),
        )
        if read
    )
    return [
        Block(
            "How faces are found",
            _reading(now, by_name[BEFORE]),
            charts=(
                Chart(
                    detectors_chart(found, {NOW: "solid", BEFORE: "dashed"}, colours),
                    "Precision against recall, by the threshold",
                ),
                Chart(threshold_chart(now, colours), "The program by its threshold"),
            ),
            tables=tables,
            note="Scenes are composed: faces of FairFace's validation part and of London, upright and "
            f"turned, from 24 px, over textures without faces; {now.pictures} scenes, {now.empty} of them "
            "without a face. A detection counts if its box shares half of what it and the known one cover. "
            "Thresholds were chosen on other scenes, of other faces and textures. The filters above do not "
            "apply. Intervals: Wilson, 95 %.",
        )
    ]


def _reading(now: DetectorFigures, before: DetectorFigures) -> str:
    others = read_detectors(data=TIMED)
    times = {item.detector: item.milliseconds for item in others}
    timed = ""
    if NOW in times and not math.isnan(times[NOW]):
        timed = (
            f" A scene of several faces, many of them small, takes {times[NOW]:.0f} ms of CPU time, "
            f"and took {times[BEFORE]:.0f} ms; photos of large upright faces take no longer than before."
        )
    return (
        f"Of {now.faces:,} faces in scenes the program finds {span(now.recall())}, where it found "
        f"{span(before.recall())} before it looked twice; {span(now.precision())} of what it finds are "
        f"faces.{timed}"
    )


def _row(item: DetectorFigures) -> list[str]:
    at = item.threshold_T[item.chosen]
    return [
        item.detector,
        f"{at:g}",
        span(item.precision()),
        span(item.recall()),
        percent(float(item.f1_T[item.chosen]), 1),
        f"{item.alarms_T[item.chosen]} of {item.empty}",
        "–" if math.isnan(item.milliseconds) else f"{item.milliseconds:.0f} ms",
    ]
