"""Find faces and their 478 landmarks: the only file that knows MediaPipe.

Shape suffixes: H height, W width, C colour, L landmark (478), D coordinate (x, y, z), E eye (2).

A photograph goes through two detectors (near and far faces; a large one tile by tile too), every face found
is turned upright and enlarged to the frame of a FER-2013 picture, and Face Mesh reads its landmarks there.
Where that found nothing, or small or turned faces, a second look searches finer tiles and the picture turned
(docs/decisions/0015). A small picture in which they find nothing is read as a face crop, like those of
FER-2013. Training and live use share this path.

References
----------
Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video on mobile GPUs".
Bazarevsky et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile GPUs".
"""

import os

os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import threading
import warnings
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import cv2
import numpy as np

from fusion_model.boxes import (
    MAX_OVERLAP,
    Box,
    clip,
    fine_tiles,
    intersection_over_union,
    overlap,
    side,
    tiles,
    without_overlaps,
)
from fusion_model.detection import LANDMARKS, Face, Tandem, detect_by, detect_in, is_turned, second_look_pays
from fusion_model.frame import FER_FRAME, Frame, eyes_of, frame_matrix, invert

__all__ = ["LANDMARKS", "MAX_CROP_SIDE", "Face", "FaceFinder", "detection_graph"]

#: A FER-2013 picture is enlarged to this side and padded by a quarter of it before Face Mesh sees it.
MESH_SIDE = 144
MESH_PAD = MESH_SIDE // 4
#: A picture up to this side, px, may be a face crop; in larger ones Face Mesh by itself sees faces in cups.
MAX_CROP_SIDE = 256
#: A detection below this is seen once more, upright and enlarged, and needs a mesh that agrees with its box.
SURE = 0.75
MIN_AGREEMENT = 0.5
#: Threshold of the score, after such a second sight; why, and how it was chosen: docs/decisions/0015.
MIN_SCORE = 0.65
#: What the detectors of near and of far faces give at least, as MediaPipe has it; it bears on sure faces too.
FLOORS = (0.5, 0.6)
SEARCH_FLOOR = 0.3
#: The second look: sides of its tiles, px, and the share of them from which the near detector sees a face.
#: Finer ones follow where no face was found, where these showed more, or a face is smaller than these see.
FINE_SIDES = (320, 136)
NEAR_SHARE = 1 / 6

_MEDIAPIPE_START = threading.Lock()


class FaceFinder:
    """Finds the faces of a picture. Use one per thread: MediaPipe's graphs are not thread-safe.

    Parameters
    ----------
    min_score : float
        Threshold of the faces' score, 0 to 1; below 0.5 it is 0.5.
    max_faces : int
        At most so many faces are returned, the largest ones.
    """

    def __init__(self, min_score: float = MIN_SCORE, max_faces: int = 50) -> None:
        self.min_score = min_score
        self.max_faces = max_faces
        with _MEDIAPIPE_START:
            # Face Mesh looks at a picture that is known to show a face: 0.3 found 97.25 % of FER-2013.
            self._mesh = _mediapipe().FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
            )
        self._near = detection_graph(False, FLOORS[0])
        self._far = Tandem(partial(detection_graph, True, FLOORS[1]))
        self._searchers: Tandem | None = None  # made by the first second look

    def glance(self, rgb_HWC: np.ndarray) -> list[Face]:
        """Faces of a frame of a film, by the first look alone: a second one takes longer than the next frame.

        Parameters and result as for `find`.
        """
        faces = self._read(rgb_HWC, self._detect(rgb_HWC))
        return sorted(faces, key=lambda face: face.area, reverse=True)[: self.max_faces]

    def find(self, rgb_HWC: np.ndarray) -> list[Face]:
        """Faces of a photograph, largest first.

        Parameters
        ----------
        rgb_HWC : uint8 (H, W, 3)

        Returns
        -------
        list of Face; empty where there is none.
        """
        height, width = rgb_HWC.shape[:2]
        faces = self._read(rgb_HWC, self._detect(rgb_HWC))
        if max(height, width) > MAX_CROP_SIDE:
            if second_look_pays(faces, width, height):
                faces = self._second_look(rgb_HWC, faces)
        elif not faces:
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
        for held in (self._mesh, self._near, self._far, self._searchers):
            if held is not None:
                held.close()

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
        whole, parts = (0, 0, width, height), tiles(width, height)
        if not parts:
            return without_overlaps(detect_by(self._pair, rgb_HWC, whole))
        in_parts = self._far.begin(rgb_HWC, parts)
        return without_overlaps([*detect_by(self._pair, rgb_HWC, whole), *in_parts()])

    @property
    def _pair(self) -> list[Any]:
        return [self._near, self._far.here]

    def _read(self, rgb_HWC: np.ndarray, found: list[Face]) -> list[Face]:
        """Those of the detections that count as faces, with their landmarks."""
        seen = [face if face.score >= SURE else self._seen_again(rgb_HWC, face) for face in found]
        kept = [(face, first.score >= SURE) for face, first in zip(seen, found, strict=True)]
        read = [
            (face, self._with_mesh(rgb_HWC, face), sure)
            for face, sure in kept
            if face.score >= self.min_score
        ]
        return without_overlaps(face for seen, face, sure in read if sure or _agree(seen, face))

    def _seen_again(self, rgb_HWC: np.ndarray, face: Face) -> Face:
        """A doubtful face with the score that it has upright and enlarged; 0 if it is no face then."""
        frame = Frame(MESH_SIDE, MESH_PAD)
        upright = frame.cut(rgb_HWC, frame_matrix(face.eyes_ED, None, frame))
        found = detect_in(self._near, upright, (0, 0, frame.size, frame.size))
        return replace(face, score=max((again.score for again in found), default=0.0))

    def _second_look(self, rgb_HWC: np.ndarray, faces: list[Face]) -> list[Face]:
        """These faces and more: in the picture turned, and in finer tiles as long as they show more.

        Where faces are found in the turned picture alone, its tiles are searched turned so as well.
        """
        height, width = rgb_HWC.shape[:2]
        turn = 0
        if not faces or any(is_turned(face) for face in faces):
            by_turn = [self._turned(rgb_HWC, quarters) for quarters in (1, 2, 3)]
            if not faces:
                sums = [sum(face.score for face in found) for found in by_turn]
                turn = int(np.argmax(sums)) + 1 if max(sums) else 0
            faces = without_overlaps([*faces, *(face for found in by_turn for face in found)])
        if self._searchers is None:
            self._searchers = Tandem(partial(detection_graph, False, SEARCH_FLOOR))
        for wanted in FINE_SIDES:
            before = len(faces)
            found = [
                face
                for face in self._searchers.begin(rgb_HWC, fine_tiles(width, height, wanted), turn)()
                if all(overlap(face.box, known.box) <= MAX_OVERLAP for known in faces)
            ]
            faces = without_overlaps([*faces, *self._read(rgb_HWC, without_overlaps(found))])
            seen = min((side(face.box) for face in faces), default=0.0)
            if len(faces) <= before and seen >= wanted * NEAR_SHARE:
                break
        return faces

    def _turned(self, rgb_HWC: np.ndarray, quarters: int) -> list[Face]:
        """Faces in the whole picture, turned by so many quarters counter-clockwise."""
        height, width = rgb_HWC.shape[:2]
        found = detect_by(self._pair, rgb_HWC, (0, 0, width, height), quarters)
        return self._read(rgb_HWC, without_overlaps(found))

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


def detection_graph(far: bool, min_score: float) -> Any:
    """MediaPipe's face detection, for near or for far faces, with a threshold that it heeds.

    `FaceDetection(min_detection_confidence=...)` of MediaPipe 0.10.21 leaves its graph at its own
    threshold (0.5, or 0.6 for far faces), whatever it is given. All detections above the threshold that
    overlap are averaged, so a lower one moves boxes.
    """
    reach = "fullrange" if far else "shortrange"
    threshold = f"facedetection{reach}__facedetection__TensorsToDetectionsCalculator.min_score_thresh"
    with _MEDIAPIPE_START:
        parts = _mediapipe()
        return parts.SolutionBase(
            binary_graph_path=parts.far_graph if far else parts.near_graph,
            calculator_params={threshold: min_score},
            outputs=["detections"],
        )


@cache
def _mediapipe() -> SimpleNamespace:
    """What is used of MediaPipe, imported where faces are looked for; packed data are trained on without."""
    with warnings.catch_warnings():
        # Its generated protobuf code warns about itself at import; nothing here can change that.
        warnings.simplefilter("ignore")
        from mediapipe.python.solution_base import SolutionBase
        from mediapipe.python.solutions import face_detection
        from mediapipe.python.solutions.face_mesh import FaceMesh
    return SimpleNamespace(
        SolutionBase=SolutionBase,
        FaceMesh=FaceMesh,
        near_graph=face_detection._SHORT_RANGE_GRAPH_FILE_PATH,
        far_graph=face_detection._FULL_RANGE_GRAPH_FILE_PATH,
    )


def _agree(found: Face, read: Face) -> bool:
    """Whether a mesh was found, and where the detection is."""
    return read.landmarks_LD is not None and intersection_over_union(found.box, read.box) >= MIN_AGREEMENT


def _inside(landmarks_LD: np.ndarray, box: Box) -> bool:
    """Whether the mesh belongs to the face in the box, not to a neighbour in the same crop."""
    x, y = landmarks_LD[:, :2].mean(axis=0)
    return bool(box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3])


def _bounds(landmarks_LD: np.ndarray, width: int, height: int) -> Box:
    low, high = landmarks_LD[:, :2].min(axis=0), landmarks_LD[:, :2].max(axis=0)
    left, top = (float(value) for value in low)
    right, bottom = (float(value) + 1 for value in high)
    return clip(left, top, right, bottom, width, height)
