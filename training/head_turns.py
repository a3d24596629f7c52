"""Crops of heads turned a little further, up or down and sideways, or of faces made longer or shorter.

In an aligned crop the eyes are in their places, so the depth of the mean face (`fusion_model.preprocess`) is
near enough to every face's own: its points, turned in space about the middle between the eyes and seen from
the front again, tell where each pixel comes to lie. What a turn would uncover is not known: the picture is
bent, so turns must be small. No mesh is needed.

Why: a smile looks otherwise under a chin held up or down (docs/decisions/0029-turned-heads.md).

Shape suffixes: H height, W width, L landmark (478), D coordinate.
"""

from functools import lru_cache

import cv2
import numpy as np
from scipy.interpolate import griddata

from fusion_model.frame import FER_FRAME, eye_distance, eyes_of, invert
from fusion_model.preprocess import MEAN_FACE_LD

#: Blur of the depth, px of the crop: the nose's side would fold over its cheek otherwise.
_SMOOTH = 1.5
#: Steps in which the place is looked for that comes to lie on a pixel; each leaves a fraction of the error.
_STEPS = 4


def cut_turned(
    image_HW: np.ndarray, alignment: np.ndarray, turn: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """The crop of a face whose head is turned and whose face is stretched.

    Parameters
    ----------
    image_HW : uint8, grey, of about the crop's size
    alignment : (2, 3), px of the picture to px of the crop, eyes in place
    turn : (3,), pitch and yaw, radians (a positive pitch moves what is near the viewer up, a positive yaw to
        the left), and the factor by which heights grow, the eyes staying in place
    after : (2, 3), px of the crop to px of the crop, applied last

    Returns
    -------
    uint8 (48, 48); beyond the picture its edge is repeated
    """
    size = FER_FRAME.size
    columns, rows = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    aimed_HWD = _applied(invert(after), np.stack([columns, rows], axis=2))
    found_HWD = aimed_HWD.copy()
    for _ in range(_STEPS):
        found_HWD += aimed_HWD - _turned(found_HWD, turn)
    places_HWD = _applied(invert(alignment), found_HWD)
    return cv2.remap(
        image_HW,
        places_HWD[..., 0],
        places_HWD[..., 1],
        interpolation=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _turned(places_HWD: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Where these places (x, y) of the crop come to lie, px."""
    pitch, yaw, factor = turn
    depth_HW = cv2.remap(
        mean_depth(),
        places_HWD[..., 0],
        places_HWD[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    x_HW, y_HW = np.moveaxis(places_HWD - FER_FRAME.centre, 2, 0)
    sideways_HW = x_HW * np.cos(yaw) + depth_HW * np.sin(yaw)
    depth_HW = depth_HW * np.cos(yaw) - x_HW * np.sin(yaw)
    upright_HW = (y_HW * np.cos(pitch) + depth_HW * np.sin(pitch)) * factor
    return (np.stack([sideways_HW, upright_HW], axis=2) + FER_FRAME.centre).astype(np.float32)


@lru_cache(maxsize=1)
def mean_depth() -> np.ndarray:
    """Depth of the mean face in the crop, float32 (48, 48): px behind the eyes, less than 0 before them."""
    eyes_ED = eyes_of(MEAN_FACE_LD)
    scale = FER_FRAME.eye_distance / eye_distance(MEAN_FACE_LD)
    points_LD = (MEAN_FACE_LD - eyes_ED.mean(axis=0)) * scale
    places_L2 = points_LD[:, :2] + FER_FRAME.centre
    grid = np.meshgrid(np.arange(FER_FRAME.size), np.arange(FER_FRAME.size))
    depth_HW = griddata(places_L2, points_LD[:, 2], tuple(grid), method="linear")
    around_HW = griddata(places_L2, points_LD[:, 2], tuple(grid), method="nearest")
    filled_HW = np.where(np.isnan(depth_HW), around_HW, depth_HW).astype(np.float32)
    return cv2.GaussianBlur(filled_HW, (0, 0), _SMOOTH)


def _applied(matrix: np.ndarray, places_HWD: np.ndarray) -> np.ndarray:
    """The affine matrix (2, 3) applied to places (x, y)."""
    return (places_HWD @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
