"""Find faces and their 478 landmarks: the only file that knows MediaPipe.

Shape suffixes: H height, W width, C colour, L landmark (478), D coordinate (x, y, z), E eye (2).

A photograph goes through two detectors (near and far faces; a large one tile by tile too), every face found
is turned upright and enlarged to the frame of a FER-2013 picture, and Face Mesh reads its landmarks there.
A small picture in which they find nothing is read as a face crop, like those of FER-2013. Training and live
use share this path.

References
----------
Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video on mobile GPUs".
Bazarevsky et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile GPUs".
"""

import os

os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import math
import threading
import warnings
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from fusion_model.frame import FER_FRAME, Frame, eyes_of, frame_matrix, invert

with warnings.catch_warnings():
    # MediaPipe's generated protobuf code warns about itself at import; nothing here can change that.
    warnings.simplefilter("ignore")
    from mediapipe.python.solutions.face_detection import FaceDetection
    from mediapipe.python.solutions.face_mesh import FaceMesh

LANDMARKS = 478
#: A FER-2013 picture is enlarged to this side and padded by a quarter of it before Face Mesh sees it.
MESH_SIDE = 144
MESH_PAD = MESH_SIDE // 4
#: Detectors see a picture at no more than this side, well averaged: their own input is 192 px at most.
DETECTOR_SIDE = 384
#: Pictures from this side on are also searched tile by tile; sides and share of overlap of the tiles, px.
MIN_TILED_SIDE = 800
TILE_SIDE = 400
TILE_OVERLAP = 0.25
MAX_TILES_ACROSS = 4
#: A strip longer than this many times its width is no photograph: its thousands of tiles are not searched.
MAX_TILED_RATIO = 16
#: A picture up to this side, px, may be a face crop; in larger ones Face Mesh by itself sees faces in cups.
MAX_CROP_SIDE = 256
#: A face in which no mesh was found counts only where the detector was this sure.
SURE_WITHOUT_MESH = 0.75

_MEDIAPIPE_START = threading.Lock()


@dataclass(frozen=True)
class Face:
    """One face of a picture, in pixels of that picture.

    Attributes
    ----------
    box : (x, y, width, height), float px, inside the picture.
    eyes_ED : float32 (2, 2), centres of the eye on the left of the picture and of the other one, px.
    landmarks_LD : float32 (478, 3) Face Mesh landmarks, px (z on the scale of x, smaller is nearer), or None
        where no mesh was found.
    score : detector's confidence, 0 to 1; 1 for a picture that was given as a face crop.
    """

    box: tuple[float, float, float, float]
    eyes_ED: np.ndarray
    landmarks_LD: np.ndarray | None
    score: float

    @property
    def area(self) -> float:
        """Area of the box, px²."""
        return self.box[2] * self.box[3]


class FaceFinder:
    """Finds the faces of a picture. Use one per thread: MediaPipe's graphs are not thread-safe.

    Parameters
    ----------
    min_confidence : float
        Threshold of the detectors, 0 to 1.
    max_faces : int
        At most so many faces are returned, the largest ones.
    """

    def __init__(self, min_confidence: float = 0.5, max_faces: int = 50) -> None:
        self.max_faces = max_faces
        with _MEDIAPIPE_START:
            # Face Mesh looks at a picture that is known to show a face: 0.3 found 97.25 % of FER-2013.
            self._mesh = FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
            )
            self._detectors = [
                FaceDetection(min_detection_confidence=min_confidence, model_selection=selection)
                for selection in (0, 1)
            ]

    def find(self, rgb_HWC: np.ndarray) -> list[Face]:
        """Faces of a photograph, largest first.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3)

        Returns
        -------
        list of Face; empty where there is none.
        """
        faces = [self._with_mesh(rgb_HWC, face) for face in self._detect(rgb_HWC)]
        faces = [face for face in faces if face.landmarks_LD is not None or face.score >= SURE_WITHOUT_MESH]
        faces = _without_overlaps(faces)
        if not faces and max(rgb_HWC.shape[:2]) <= MAX_CROP_SIDE:
            faces = [face for face in [self.read_crop(rgb_HWC)] if face.landmarks_LD is not None]
        return sorted(faces, key=lambda face: face.area, reverse=True)[: self.max_faces]

    def read_crop(self, crop_HW: np.ndarray) -> Face:
        """The one face of a picture that is a face crop already, framed as in FER-2013.

        Parameters
        ----------
        crop_HW : uint8 (H, W) grey or (H, W, 3) RGB

        Returns
        -------
        Face; where no mesh is found its landmarks are None and its eyes where FER-2013 has them on average.
        """
        height, width = crop_HW.shape[:2]
        enlarge = MESH_SIDE / max(height, width)
        side = (max(1, round(width * enlarge)), max(1, round(height * enlarge)))
        method = cv2.INTER_CUBIC if enlarge > 1 else cv2.INTER_AREA
        enlarged = cv2.resize(crop_HW, side, interpolation=method)
        padded = cv2.copyMakeBorder(enlarged, MESH_PAD, MESH_PAD, MESH_PAD, MESH_PAD, cv2.BORDER_REPLICATE)
        if padded.ndim == 2:
            padded = cv2.cvtColor(padded, cv2.COLOR_GRAY2RGB)
        # Pixel centres: x of the crop lies at (x + .5) * enlarge - .5 of the enlarged picture.
        shift = 0.5 * enlarge - 0.5 + MESH_PAD
        to_padded = np.array([[enlarge, 0, shift], [0, enlarge, shift]])
        landmarks_LD = self._landmarks(padded, invert(to_padded))
        if landmarks_LD is None:
            return Face((0.0, 0.0, float(width), float(height)), FER_FRAME.eyes(width, height), None, 1.0)
        return Face(_bounds(landmarks_LD, width, height), eyes_of(landmarks_LD[:, :2]), landmarks_LD, 1.0)

    def reread(self, rgb_HWC: np.ndarray, face: Face) -> Face | None:
        """The same face in the next frame of a film, where it can have moved by a part of its size only.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3), the next frame
        face : of the frame before

        Returns
        -------
        Face with landmarks, by the same reading as in a photograph; None where no mesh is found there.
        """
        again = self._with_mesh(rgb_HWC, replace(face, landmarks_LD=None))
        return again if again.landmarks_LD is not None else None

    def close(self) -> None:
        """Free MediaPipe's graphs."""
        for graph in (self._mesh, *self._detectors):
            graph.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _detect(self, rgb_HWC: np.ndarray) -> list[Face]:
        """Faces without landmarks: both detectors on the whole picture, the far one on its tiles."""
        height, width = rgb_HWC.shape[:2]
        whole = (0, 0, width, height)
        found = [face for detector in self._detectors for face in _detect_in(detector, rgb_HWC, whole)]
        for tile in tiles(width, height):
            found += _detect_in(self._detectors[-1], rgb_HWC, tile)
        return _without_overlaps(found)

    def _with_mesh(self, rgb_HWC: np.ndarray, face: Face) -> Face:
        """The same face with its landmarks, read in the upright frame of a FER-2013 picture around it."""
        height, width = rgb_HWC.shape[:2]
        frame = Frame(MESH_SIDE, MESH_PAD)
        matrix = frame_matrix(face.eyes_ED, None, frame)
        landmarks_LD = self._landmarks(frame.cut(rgb_HWC, matrix), invert(matrix))
        if landmarks_LD is None or not _inside(landmarks_LD, face.box):
            return face
        box = _bounds(landmarks_LD, width, height)
        return replace(face, box=box, eyes_ED=eyes_of(landmarks_LD[:, :2]), landmarks_LD=landmarks_LD)

    def _landmarks(self, rgb_HWC: np.ndarray, to_picture: np.ndarray) -> np.ndarray | None:
        found = self._mesh.process(np.ascontiguousarray(rgb_HWC)).multi_face_landmarks
        if not found:
            return None
        height, width = rgb_HWC.shape[:2]
        points_LD = np.array([(p.x, p.y, p.z) for p in found[0].landmark], np.float32)
        points_LD *= np.array([width, height, width], np.float32)
        points_LD[:, :2] -= (
            0.5  # MediaPipe counts from the picture's edge, OpenCV from the first pixel's centre.
        )
        scale = float(np.hypot(*to_picture[:, 0]))
        xy_LD = points_LD[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        return np.concatenate([xy_LD, points_LD[:, 2:] * scale], axis=1).astype(np.float32)


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Overlapping squares (x, y, width, height) that cover a large picture; none for a small one or a strip.

    A detector sees 192 px: on a whole photograph it misses faces below about a twelfth of its side.
    """
    if max(width, height) < MIN_TILED_SIDE or max(width, height) > MAX_TILED_RATIO * min(width, height):
        return []
    side = min(
        max(TILE_SIDE, math.ceil(max(width, height) / MAX_TILES_ACROSS / (1 - TILE_OVERLAP))), width, height
    )
    return [(x, y, side, side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of that side begin, so that they overlap and end with the picture."""
    count = math.ceil((length - side) / (side * (1 - TILE_OVERLAP))) + 1
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]


def _detect_in(detector: Any, rgb_HWC: np.ndarray, region: tuple[int, int, int, int]) -> list[Face]:
    """Faces that a detector finds in a region (x, y, width, height) of a picture, in px of the picture."""
    x, y, width, height = region
    part = rgb_HWC[y : y + height, x : x + width]
    shrink = min(1.0, DETECTOR_SIDE / max(height, width))
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    faces, corner = [], np.array([x, y], np.float32)
    for detection in detector.process(np.ascontiguousarray(part)).detections or ():
        face = _detected(detection, width, height)
        left, top, wide, high = face.box
        faces.append(replace(face, box=(left + x, top + y, wide, high), eyes_ED=face.eyes_ED + corner))
    return faces


def _detected(detection: Any, width: int, height: int) -> Face:
    location = detection.location_data
    relative = location.relative_bounding_box
    box = _clip(
        relative.xmin * width,
        relative.ymin * height,
        (relative.xmin + relative.width) * width,
        (relative.ymin + relative.height) * height,
        width,
        height,
    )
    eyes = [(point.x * width - 0.5, point.y * height - 0.5) for point in location.relative_keypoints[:2]]
    return Face(box, np.array(eyes, np.float32), None, float(detection.score[0]))


def _without_overlaps(faces: list[Face], max_overlap: float = 0.3) -> list[Face]:
    """Keep the surest of faces whose boxes overlap (intersection over the smaller one)."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if face.area > 0 and all(_overlap(face.box, other.box) <= max_overlap for other in kept):
            kept.append(face)
    return kept


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, wide) * max(0.0, high) / max(1e-9, min(a[2] * a[3], b[2] * b[3]))


def _inside(landmarks_LD: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Whether the mesh belongs to the face in the box, not to a neighbour in the same crop."""
    x, y = landmarks_LD[:, :2].mean(axis=0)
    return bool(box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3])


def _bounds(landmarks_LD: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    low, high = landmarks_LD[:, :2].min(axis=0), landmarks_LD[:, :2].max(axis=0)
    left, top = (float(value) for value in low)
    right, bottom = (float(value) + 1 for value in high)
    return _clip(left, top, right, bottom, width, height)


def _clip(
    left: float, top: float, right: float, bottom: float, width: int, height: int
) -> tuple[float, float, float, float]:
    x, y = min(max(left, 0.0), width), min(max(top, 0.0), height)
    return x, y, max(min(right, width) - x, 0.0), max(min(bottom, height) - y, 0.0)
