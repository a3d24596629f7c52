"""Precision, recall and F1 of face detectors against known boxes, at any threshold.

A detection is a hit if its box and a known one share half of what both cover (intersection over union), the
surest detection first, each face once: as PASCAL VOC counts (Everingham et al. 2010). Detectors draw their
boxes differently around the same face, some with forehead and ears, some without; each detector's boxes are
therefore first brought to the known ones by one shift and one stretch, its medians on scenes made for
choosing (Mathias et al. 2014, "Face detection without bells and whistles", on why).

Shape suffixes: F faces, B box (left, top, width, height), D detections.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fusion_model.boxes import Box, intersection_over_union, side

MIN_SHARED = 0.5
#: For bringing boxes together: of a face is what has its middle so near, in sides of it, at such a size.
_NEAR, _FACTOR = 0.4, 3.0


@dataclass(frozen=True)
class Found:
    """A detection: its box, px, and how sure the detector is."""

    box: Box
    score: float


@dataclass(frozen=True)
class Convention:
    """How a detector's boxes lie to the known ones: shift, in sides of its box, and stretch of both sides."""

    right: float = 0.0
    down: float = 0.0
    wide: float = 1.0
    high: float = 1.0

    def known(self, box: Box) -> Box:
        """The box as the known ones are drawn."""
        left, top, width, height = box
        x = left + width / 2 + self.right * side(box)
        y = top + height / 2 + self.down * side(box)
        width, height = width * self.wide, height * self.high
        return x - width / 2, y - height / 2, width, height


@dataclass(frozen=True)
class Counts:
    """What a detector did at one threshold: faces there are, faces found, detections in all."""

    faces: int
    hits: int
    detections: int

    @property
    def precision(self) -> float:
        """Hits among the detections; nan without any."""
        return self.hits / self.detections if self.detections else float("nan")

    @property
    def recall(self) -> float:
        """Hits among the faces; nan without any."""
        return self.hits / self.faces if self.faces else float("nan")

    @property
    def f_half(self) -> float:
        """F0.5, for which precision counts twice as much as recall (van Rijsbergen 1979); as `f1` else."""
        total = 0.25 * self.faces + self.detections
        return 1.25 * self.hits / total if total else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing was hit."""
        return (
            2 * self.hits / (self.faces + self.detections) if self.faces + self.detections else float("nan")
        )


def convention_of(pairs: Iterable[tuple[list[Found], np.ndarray]]) -> Convention:
    """Medians of shift and stretch over detections that clearly belong to a face.

    Parameters
    ----------
    pairs : of each scene the detections, and the known boxes (F, B)
    """
    rows = []
    for found, boxes_FB in pairs:
        for item in found:
            for known in boxes_FB:
                mine, size = side(item.box), side(tuple(known))
                right, down = _middle(tuple(known)) - _middle(item.box)
                near = max(abs(right), abs(down)) < _NEAR * size
                if near and 1 / _FACTOR < mine / size < _FACTOR:
                    rows.append((right / mine, down / mine, known[2] / item.box[2], known[3] / item.box[3]))
    return Convention(*(float(value) for value in np.median(rows, axis=0))) if rows else Convention()


def assign(found: list[Found], boxes_FB: np.ndarray, convention: Convention) -> list[int]:
    """Of each detection, the index of the face that it hits, or -1; the surest chooses first."""
    hit = [-1] * len(found)
    free = set(range(len(boxes_FB)))
    for index in sorted(range(len(found)), key=lambda index: -found[index].score):
        box = convention.known(found[index].box)
        shared = {face: intersection_over_union(box, tuple(boxes_FB[face])) for face in free}
        best = max(shared, key=shared.__getitem__, default=-1)
        if best >= 0 and shared[best] >= MIN_SHARED:
            hit[index] = best
            free.discard(best)
    return hit


def counts_at(scores_D: np.ndarray, hit_D: np.ndarray, faces: int, threshold: float) -> Counts:
    """Counts of the detections from this score on.

    Parameters
    ----------
    scores_D : float (D,), over all scenes
    hit_D : bool (D,), whether each hits a face
    faces : in all scenes
    threshold : a score
    """
    kept_D = scores_D >= threshold
    return Counts(faces, int((kept_D & hit_D).sum()), int(kept_D.sum()))


def best_threshold(scores_D: np.ndarray, hit_D: np.ndarray, faces: int, thresholds: np.ndarray) -> float:
    """That with the highest F0.5; of equals the highest."""
    values = np.nan_to_num([counts_at(scores_D, hit_D, faces, threshold).f_half for threshold in thresholds])
    best = values.max()
    return float(max(at for at, value in zip(thresholds, values, strict=True) if value == best))


def _middle(box: Box) -> np.ndarray:
    return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
