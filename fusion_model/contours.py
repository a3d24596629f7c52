"""Lines of a face: which landmarks of Face Mesh to draw, in which order, so that people see a face."""

from dataclasses import dataclass

import numpy as np

__all__ = ["CONTOURS", "POINTS", "Contour"]


@dataclass(frozen=True)
class Contour:
    """A line through landmarks (their numbers); `closed` where it ends where it begins."""

    name: str
    landmarks: tuple[int, ...]
    closed: bool


#: From the connections that come with MediaPipe's Face Mesh; of the outline, every other landmark.
CONTOURS = (
    Contour(
        "outline",
        (10, 67, 21, 127, 93, 58, 136, 149, 148, 152, 377, 378, 365, 288, 323, 356, 251, 297),
        closed=True,
    ),
    Contour("brow left", (46, 53, 52, 65, 55, 107, 66, 105, 63, 70), closed=True),
    Contour("brow right", (276, 283, 282, 295, 285, 336, 296, 334, 293, 300), closed=True),
    Contour(
        "eye left",
        (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
        closed=True,
    ),
    Contour(
        "eye right",
        (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
        closed=True,
    ),
    Contour("bridge of the nose", (168, 6, 197, 195, 5, 4), closed=False),
    Contour("base of the nose", (98, 97, 2, 326, 327), closed=False),
    Contour(
        "lips outside",
        (0, 37, 39, 40, 185, 61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267),
        closed=True,
    ),
    Contour(
        "lips inside",
        (13, 82, 81, 80, 191, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312),
        closed=True,
    ),
)
#: All landmarks of the contours, one after the other: (P,) int.
POINTS = np.array([landmark for contour in CONTOURS for landmark in contour.landmarks])
