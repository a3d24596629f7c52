"""Faces made worse on purpose: shrunk, blurred, noisy, darkened, covered in part, cut by the picture's edge.

Shape suffixes: H height, W width, D coordinate, E eye (2).

Each is done to a whole picture of FER-2013, whose eyes are known, so that the face can be read again from it
as the page reads a detected face: Face Mesh once more, then the crop.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from fusion_model.detection import Face
from training import augment

#: A picture (H, W) uint8 and its face, made worse.
Degraded = tuple[np.ndarray, Face]
Degrade = Callable[[np.ndarray, Face, float, np.random.Generator], Degraded]
#: Standard deviation of what a sensor adds in the dark, grey levels of the small picture.
NOISE = 2.0
GREY = 120
#: Sides that are covered or cut off, drawn by lot.
SIDES = 4


def smaller(image_HW: np.ndarray, face: Face, side: float, _: np.random.Generator) -> Degraded:
    """Shrunk to so many px a side, averaged over areas, as if the face had been further away."""
    height, width = image_HW.shape
    to = round(side)
    shrunk = cv2.resize(image_HW, (to, to), interpolation=cv2.INTER_AREA)
    # Pixel centres: x lies at (x + .5) * scale - .5 of the small picture.
    eyes_ED = (face.eyes_ED + 0.5) * (to / width, to / height) - 0.5
    return shrunk, replace(face, box=(0.0, 0.0, float(to), float(to)), eyes_ED=eyes_ED.astype(np.float32))


def blurred(image_HW: np.ndarray, face: Face, sigma: float, _: np.random.Generator) -> Degraded:
    """Blurred by a Gaussian of that standard deviation, px."""
    return cv2.GaussianBlur(image_HW, (0, 0), sigma), face


def noisy(image_HW: np.ndarray, face: Face, spread: float, rng: np.random.Generator) -> Degraded:
    """With white noise of that standard deviation, grey levels."""
    return augment.with_noise(image_HW, spread, rng), face


def sharpened(image_HW: np.ndarray, face: Face, share: float, _: np.random.Generator) -> Degraded:
    """Sharpened by that share, as `training.augment.sharpened` does it."""
    return augment.sharpened(image_HW, share), face


def stored(image_HW: np.ndarray, face: Face, quality: float, _: np.random.Generator) -> Degraded:
    """Stored as JPEG of that quality."""
    return augment.as_jpeg(image_HW, round(quality)), face


def darkened(image_HW: np.ndarray, face: Face, level: float, rng: np.random.Generator) -> Degraded:
    """Brought to that mean grey level, where it is brighter, with the noise of a sensor."""
    dark_HW = image_HW * min(1.0, level / max(float(image_HW.mean()), 1.0))
    noisy_HW = dark_HW + rng.normal(0, NOISE, image_HW.shape)
    return np.clip(np.round(noisy_HW), 0, 255).astype(np.uint8), face


def covered(image_HW: np.ndarray, face: Face, share: float, rng: np.random.Generator) -> Degraded:
    """That share of it, 0 to 1, behind grey, from a side drawn by lot."""
    hidden = image_HW.copy()
    hidden[_strip(image_HW.shape, share, int(rng.integers(SIDES)))] = GREY
    return hidden, face


def cut(image_HW: np.ndarray, face: Face, share: float, rng: np.random.Generator) -> Degraded:
    """That share of it, 0 to 1, lost beyond the edge of the picture, at a side drawn by lot."""
    height, width = image_HW.shape
    side = int(rng.integers(SIDES))
    lost = round(share * (height if side < 2 else width))
    left, top = (lost if side == 2 else 0), (lost if side == 0 else 0)
    right, bottom = width - (lost if side == 3 else 0), height - (lost if side == 1 else 0)
    part = np.ascontiguousarray(image_HW[top:bottom, left:right])
    eyes_ED = (face.eyes_ED - (left, top)).astype(np.float32)
    return part, replace(face, box=(0.0, 0.0, float(right - left), float(bottom - top)), eyes_ED=eyes_ED)


def _strip(shape: tuple[int, ...], share: float, side: int) -> tuple[slice, slice]:
    """Rows and columns of a strip at the top, bottom, left or right."""
    height, width = shape
    whole = slice(None)
    rows, columns = round(share * height), round(share * width)
    strips = (
        (slice(0, rows), whole),
        (slice(height - rows, height), whole),
        (whole, slice(0, columns)),
        (whole, slice(width - columns, width)),
    )
    return strips[side]
