"""What a face detector gives: faces of a picture, in its own pixels, from any part of it, turned or not.

Shape suffixes: H height, W width, C colour, L landmark (478), D coordinate (x, y, z), E eye (2).
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

import cv2
import numpy as np

from fusion_model.boxes import Box, Region, area, clip, side

#: Points of MediaPipe's Face Mesh, irises included.
LANDMARKS = 478
#: Detectors see a picture at no more than this side, well averaged: their own input is 192 px at most.
DETECTOR_SIDE = 384
#: It is taken where a face is below this share of the picture's longer side, or turned further, degrees.
SMALL_SHARE = 1 / 12
TURNED = 40


@dataclass(frozen=True)
class Face:
    """One face of a picture, in pixels of that picture.

    Attributes
    ----------
    box : (left, top, width, height), float px, inside the picture.
    eyes_ED : float32 (2, 2), centres of the eye on the left of the picture and of the other one, px.
    landmarks_LD : float32 (478, 3) Face Mesh landmarks, px (z on the scale of x, smaller is nearer), or None
        where no mesh was found.
    score : detector's confidence, 0 to 1, of the face upright and enlarged where the first was low; 1 for a
        picture that was given as a face crop.
    """

    box: Box
    eyes_ED: np.ndarray
    landmarks_LD: np.ndarray | None
    score: float

    @property
    def area(self) -> float:
        """Area of the box, px²."""
        return area(self.box)


def detect_in(detector: Any, rgb_HWC: np.ndarray, region: Region, turn: int = 0) -> list[Face]:
    """Faces that a detector finds in a region of a picture, in px of the picture.

    Parameters
    ----------
    detector : MediaPipe's face detection, of any range
    rgb_HWC : uint8 (H, W, 3)
    region : (x, y, width, height), px
    turn : quarter turns, counter-clockwise, by which the detector sees the region turned
    """
    return detect_by([detector], rgb_HWC, region, turn)


def detect_by(detectors: Sequence[Any], rgb_HWC: np.ndarray, region: Region, turn: int = 0) -> list[Face]:
    """Faces that any of these detectors finds, likewise; the region is made small once for all of them."""
    x, y, width, height = region
    part = rgb_HWC[y : y + height, x : x + width]
    shrink = min(1.0, DETECTOR_SIDE / max(height, width))
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    seen = np.ascontiguousarray(np.rot90(part, turn))
    faces, corner = [], np.array([x, y], np.float32)
    for detector in detectors:
        for detection in detector.process(seen).detections or ():
            face = _detected(detection, width, height, turn)
            left, top, wide, high = face.box
            faces.append(replace(face, box=(left + x, top + y, wide, high), eyes_ED=face.eyes_ED + corner))
    return faces


class Tandem:
    """Two detectors of one kind that share out the regions of a picture: one here, one in its own thread.

    What they find is what one of them would: a detector knows nothing of what it saw before.

    Parameters
    ----------
    make : callable
        Makes a detector. MediaPipe's graphs belong to the thread that runs them, so it is called in both:
        here now, there when regions first come.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.here = make()
        self._there: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="detect")

    def begin(
        self, rgb_HWC: np.ndarray, regions: Sequence[Region], turn: int = 0
    ) -> Callable[[], list[Face]]:
        """Begin there; what is returned takes part here, and gives the faces in the order of the regions.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3)
        regions : (x, y, width, height), px
        turn : as for `detect_by`
        """
        found: list[list[Face]] = [[] for _ in regions]
        waiting: SimpleQueue[int] = SimpleQueue()
        for number in range(len(regions)):
            waiting.put(number)

        def search(detector: Any) -> None:
            with contextlib.suppress(Empty):
                while True:
                    number = waiting.get_nowait()
                    found[number] = detect_in(detector, rgb_HWC, regions[number], turn)

        other = self._thread.submit(lambda: search(self._made()))

        def finish() -> list[Face]:
            try:
                search(self.here)
            finally:
                other.result()
            return [face for faces in found for face in faces]

        return finish

    def close(self) -> None:
        """Free both."""
        self._thread.submit(self._free).result()
        self._thread.shutdown()
        self.here.close()

    def _made(self) -> Any:
        if self._there is None:
            self._there = self._make()
        return self._there

    def _free(self) -> None:
        if self._there is not None:
            self._there.close()


def _detected(detection: Any, width: int, height: int, turn: int) -> Face:
    location = detection.location_data
    relative = location.relative_bounding_box
    points = [
        (relative.xmin, relative.ymin),
        (relative.xmin + relative.width, relative.ymin + relative.height),
        *((point.x, point.y) for point in location.relative_keypoints[:2]),
    ]
    for _ in range(turn):
        points = [(1 - y, x) for x, y in points]
    (x0, y0), (x1, y1), *eyes = ((x * width, y * height) for x, y in points)
    box = clip(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), width, height)
    eyes_ED = np.array([(x - 0.5, y - 0.5) for x, y in eyes], np.float32)
    return Face(box, eyes_ED, None, float(detection.score[0]))


def second_look_pays(faces: list[Face], width: int, height: int) -> bool:
    """Whether there may be faces that the first look missed: it found none, a small or a turned one."""
    small = SMALL_SHARE * max(width, height)
    return not faces or any(side(face.box) < small or is_turned(face) for face in faces)


def is_turned(face: Face) -> bool:
    """Whether the eyes are so far from level that the picture may have been held sideways."""
    across, down = face.eyes_ED[1] - face.eyes_ED[0]
    return abs(math.degrees(math.atan2(down, across))) > TURNED
