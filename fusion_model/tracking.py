"""Faces followed from frame to frame: read again where they were, searched for now and then.

Shape suffixes: H height, W width, C colour, T track, F face.

A search through the whole frame costs several times what it takes to read the mesh of a face whose eyes are
known to within a little. So a face that was there a moment ago is read again around its eyes, and the frame
is searched once a second, when a face was lost, and while there is none. A face that comes back soon near the
place where it was lost keeps its number.

References
----------
Bewley et al. 2016, "Simple online and realtime tracking": boxes joined by their overlap.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from fusion_model.detection import Face

#: A new face is seen at the latest after so many seconds.
SEARCH_EVERY_S = 1.0
#: A face that was lost longer ago than that is a new one when it comes back, seconds.
KEEP_LOST_S = 2.0
#: How far a face may move from frame to frame, in sizes of the face.
MAX_MOVE = 0.75
#: A face may grow or shrink by this factor from frame to frame.
MAX_GROWTH = 1.6


class Finder(Protocol):
    """What following needs: `fusion_model.faces.FaceFinder`, or a stand-in for tests."""

    def glance(self, rgb_HWC: np.ndarray, /) -> list[Face]:
        """The faces of a frame that a quick look finds."""
        ...

    def reread(self, rgb_HWC: np.ndarray, face: Face, /) -> Face | None:
        """A face of the frame before, in this one."""
        ...


@dataclass(frozen=True)
class Track:
    """One face over time.

    Attributes
    ----------
    identity : from 1; a number is never given to two faces of one stream.
    face : as last seen.
    seen : when, seconds on the caller's clock.
    """

    identity: int
    face: Face
    seen: float


@dataclass(frozen=True)
class Tracks:
    """All that is known of a stream's faces; `Tracks()` before the first frame.

    Attributes
    ----------
    current : faces of the last frame, the longest known first.
    lost : faces that left less than `KEEP_LOST_S` ago.
    searched : when the whole frame was last searched, seconds; minus infinity for never.
    next_identity : number of the next new face.
    """

    current: tuple[Track, ...] = ()
    lost: tuple[Track, ...] = ()
    searched: float = -np.inf
    next_identity: int = 1


def follow(finder: Finder, rgb_HWC: np.ndarray, tracks: Tracks, now: float) -> Tracks:
    """The faces of the next frame.

    Parameters
    ----------
    finder : Finder
    rgb_HWC : uint8 (H, W, 3), the frame
    tracks : what came of the frame before
    now : time of this frame, seconds, on any clock that only goes forward
    """
    kept: list[Track] = []
    missing: list[Track] = []
    for track in tracks.current:
        face = finder.reread(rgb_HWC, track.face)
        # Two tracks on one face: the longer known one has it.
        if face is None or any(_distance(face, other.face) < 0.3 for other in kept):
            missing.append(track)
        else:
            kept.append(Track(track.identity, face, now))
    if kept and not missing and now - tracks.searched < SEARCH_EVERY_S:
        return replace(tracks, current=tuple(kept), lost=_recent(tracks.lost, now))
    return _searched(finder.glance(rgb_HWC), kept, [*missing, *tracks.lost], tracks.next_identity, now)


def _searched(faces: list[Face], kept: list[Track], lost: list[Track], following: int, now: float) -> Tracks:
    """What is known after a search that found these faces."""
    # A face that was read again keeps that reading: what the search found of it is left out.
    known = joined([track.face for track in kept], faces)
    others = [face for index, face in enumerate(faces) if index not in known.values()]
    back = joined([track.face for track in lost], others)
    current = [*kept, *(Track(lost[t].identity, others[f], now) for t, f in back.items())]
    new = [face for index, face in enumerate(others) if index not in back.values()]
    current += [Track(following + place, face, now) for place, face in enumerate(new)]
    gone = tuple(track for index, track in enumerate(lost) if index not in back)
    ordered = tuple(sorted(current, key=lambda track: track.identity))
    return Tracks(ordered, _recent(gone, now), now, following + len(new))


def joined(before: list[Face], after: list[Face]) -> dict[int, int]:
    """Which of the faces after is which of those before: index before -> index after, nearest in sum.

    Faces that are too far apart, or of too different a size, are not the same.
    """
    if not before or not after:
        return {}
    far = 1e6
    cost_TF = np.array([[_distance(old, new) for new in after] for old in before])
    cost_TF = np.where(cost_TF <= MAX_MOVE, cost_TF, far)
    rows, columns = linear_sum_assignment(cost_TF)
    return {int(t): int(f) for t, f in zip(rows, columns, strict=True) if cost_TF[t, f] < far}


def _distance(first: Face, second: Face) -> float:
    """Between the centres, in sizes of the face; infinite where the sizes do not fit."""
    size, other = np.sqrt(max(first.area, 1e-9)), np.sqrt(max(second.area, 1e-9))
    if max(size, other) > MAX_GROWTH * min(size, other):
        return float("inf")
    (x, y), (u, v) = _centre(first), _centre(second)
    return float(np.hypot(x - u, y - v) / ((size + other) / 2))


def _centre(face: Face) -> tuple[float, float]:
    left, top, width, height = face.box
    return left + width / 2, top + height / 2


def _recent(lost: tuple[Track, ...], now: float) -> tuple[Track, ...]:
    return tuple(track for track in lost if now - track.seen <= KEEP_LOST_S)
