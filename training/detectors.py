"""The face detectors that are compared, behind one call: a picture to boxes and how sure each is.

MediaPipe's two ranges see the whole picture once, as MediaPipe gives them out of the box. Haar cascades
(Viola & Jones 2001) come with OpenCV; how sure they are is the number of neighbouring windows that agree,
what OpenCV calls ``minNeighbors``. The product is `fusion_model.faces.FaceFinder`, as it is now, and as it
was before it took a second look.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fusion_model.boxes import without_overlaps
from fusion_model.detection import Face, detect_in
from fusion_model.faces import SURE, FaceFinder, detection_graph
from training.detection_scores import Found
from training.small_detector import SmallFinder, load_small_detector

Find = Callable[[np.ndarray], list[Found]]

#: MediaPipe's own scores are asked for from here on.
FLOOR = 0.1
#: Haar cascades: the smallest window, px, and by how much the next one is larger.
SMALLEST_HAAR, HAAR_STEP = 20, 1.2
#: A picture of 48 px is shown to detectors as to Face Mesh: three times as large, its rim repeated around it.
ENLARGE, PAD = 3, 36

OWN, PRODUCT = "small, our own", "product, now"
_SHARES = tuple(round(step / 20, 2) for step in range(2, 20))
_FINE = (*_SHARES, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999, 0.9995)
_VOTES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 30.0, 50.0)
_UPPER = _SHARES[8:]
#: What was shipped with one threshold is counted at that one.
SHIPPED = {"product, before": 0.5}
#: The detectors, and the thresholds at which they are counted, rising.
THRESHOLDS = {
    "MediaPipe, short range": _SHARES,
    "MediaPipe, full range": _SHARES,
    "Haar, frontal default": _VOTES,
    "Haar, frontal alt2": _VOTES,
    OWN: _FINE,
    "product, before": _UPPER,
    PRODUCT: _UPPER,
}


@dataclass(frozen=True)
class Detector:
    """A detector of the study.

    Attributes
    ----------
    name : str
    find : uint8 (H, W, 3) to detections.
    find_crop : the same for a small face crop as it is; without it the crop is enlarged for `find`.
    """

    name: str
    find: Find
    find_crop: Find | None = None

    def find_in_crop(self, grey_HW: np.ndarray) -> list[Found]:
        """Detections in a picture of FER-2013, uint8 (48, 48), in its own px."""
        if self.find_crop is not None:
            return self.find_crop(np.repeat(grey_HW[..., None], 3, axis=2))
        side = grey_HW.shape[0] * ENLARGE
        grey_HW = cv2.resize(grey_HW, (side, side), interpolation=cv2.INTER_CUBIC)
        grey_HW = cv2.copyMakeBorder(grey_HW, PAD, PAD, PAD, PAD, cv2.BORDER_REPLICATE)
        found = self.find(np.repeat(grey_HW[..., None], 3, axis=2))
        return [_out_of_frame(item) for item in found]


class FormerFinder(FaceFinder):
    """How the product found faces before it had a second look and a second sight of doubtful faces."""

    def find(self, rgb_HWC: np.ndarray) -> list[Face]:
        """Faces of a photograph, largest first."""
        read = [self._with_mesh(rgb_HWC, face) for face in self._detect(rgb_HWC)]
        faces = without_overlaps(face for face in read if face.landmarks_LD is not None or face.score >= SURE)
        if not faces and max(rgb_HWC.shape[:2]) <= 256:
            faces = [face for face in [self.read_crop(rgb_HWC)] if face.landmarks_LD is not None]
        return faces


def detectors(names: Iterable[str], small: Path) -> tuple[Detector, ...]:
    """These detectors.

    Parameters
    ----------
    names : of `THRESHOLDS`
    small : weights of our own small detector, made by `training.small_detector`
    """
    makers: dict[str, Callable[[], tuple[Find, Find | None]]] = {
        "MediaPipe, short range": lambda: (_mediapipe(far=False), None),
        "MediaPipe, full range": lambda: (_mediapipe(far=True), None),
        "Haar, frontal default": lambda: (_haar("frontalface_default"), None),
        "Haar, frontal alt2": lambda: (_haar("frontalface_alt2"), None),
        OWN: lambda: (SmallFinder(load_small_detector(small)).find, None),
        "product, before": lambda: _product(FormerFinder()),
        PRODUCT: lambda: _product(FaceFinder(min_score=0.5)),
    }
    return tuple(Detector(name, *makers[name]()) for name in names)


def _out_of_frame(found: Found) -> Found:
    left, top, width, height = found.box
    box = (left - PAD) / ENLARGE, (top - PAD) / ENLARGE, width / ENLARGE, height / ENLARGE
    return Found(box, found.score)


def _mediapipe(far: bool) -> Find:
    graph = detection_graph(far, FLOOR)

    def find(rgb_HWC: np.ndarray) -> list[Found]:
        found = detect_in(graph, rgb_HWC, (0, 0, rgb_HWC.shape[1], rgb_HWC.shape[0]))
        return [Found(face.box, face.score) for face in found]

    return find


def _haar(name: str) -> Find:
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))

    def find(rgb_HWC: np.ndarray) -> list[Found]:
        grey_HW = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2GRAY)
        boxes, votes = cascade.detectMultiScale2(
            grey_HW, scaleFactor=HAAR_STEP, minNeighbors=1, minSize=(SMALLEST_HAAR, SMALLEST_HAAR)
        )
        return [
            Found((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(vote))
            for box, vote in zip(boxes, votes, strict=True)
        ]

    return find


def _product(finder: FaceFinder) -> tuple[Find, Find]:
    def find(rgb_HWC: np.ndarray) -> list[Found]:
        return [Found(face.box, face.score) for face in finder.find(rgb_HWC)]

    def find_crop(rgb_HWC: np.ndarray) -> list[Found]:
        # Where no detection is above the threshold, whichever it is, a small picture is read as a crop.
        crop = finder.read_crop(rgb_HWC)
        return find(rgb_HWC) + ([] if crop.landmarks_LD is None else [Found(crop.box, crop.score)])

    return find, find_crop
