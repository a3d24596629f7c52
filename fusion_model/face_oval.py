"""The part of a crop that is face: hair and background around it are not the expression.

A crop has the eyes level and in their place, so the outline of the mean face (`fusion_model.preprocess`) lies
on every face's own, near enough: enlarged by `MARGIN` it keeps 95 % of what lies within the outlines of the
meshes of FER-2013, and leaves out three quarters of the rest. It needs no mesh.

Shape suffixes: B batch, H height, W width, L landmark (478), D coordinate.
"""

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_model.frame import FER_FRAME, eye_distance, eyes_of
from fusion_model.preprocess import MEAN_FACE_LD

#: Landmarks of the face's outline, in order: FACEMESH_FACE_OVAL of MediaPipe.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
#: How much larger than the mean face's outline the oval is.
MARGIN = 1.05
#: Bits of a fraction of a px with which an outline is drawn.
_FRACTION = 4
#: Added to the spread of grey levels, so that a flat face is not blown up to noise.
_FLOOR = 0.05


def outline_mask(points: np.ndarray, side: int) -> np.ndarray:
    """Where a square picture lies within the convex outline of points.

    Parameters
    ----------
    points : (P, 2), px of the picture
    side : of the picture, px

    Returns
    -------
    bool (side, side)
    """
    hull = np.round(cv2.convexHull(points.astype(np.float32)) * 2**_FRACTION).astype(np.int32)
    mask_HW = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask_HW, hull, (1,), shift=_FRACTION)
    return mask_HW.astype(bool)


def mean_oval() -> np.ndarray:
    """Where the face is in a crop framed as in FER-2013: bool (48, 48)."""
    scale = FER_FRAME.eye_distance / eye_distance(MEAN_FACE_LD)
    points = (MEAN_FACE_LD[list(FACE_OVAL)] - eyes_of(MEAN_FACE_LD).mean(axis=0))[:, :2] * scale
    points += FER_FRAME.centre
    middle = points.mean(axis=0)
    return outline_mask((points - middle) * MARGIN + middle, FER_FRAME.size)


class FaceOval(nn.Module):
    """Pixels (B, 1, H, W) -> the oval at mean 0 and about unit contrast, and zeros around it."""

    def __init__(self) -> None:
        super().__init__()
        self.mask_HW: Tensor
        self.register_buffer("mask_HW", torch.from_numpy(mean_oval()).float(), persistent=False)

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Smaller pictures than 48 px are welcome."""
        mask_HW = self.mask_HW
        if pixels_BCHW.shape[-2:] != mask_HW.shape:
            mask_HW = functional.adaptive_avg_pool2d(
                mask_HW[None], (pixels_BCHW.shape[2], pixels_BCHW.shape[3])
            )[0]
        share_HW = mask_HW / mask_HW.sum()
        levels_BCHW = pixels_BCHW.float()
        centred_BCHW = levels_BCHW - (levels_BCHW * share_HW).sum(dim=(2, 3), keepdim=True)
        spread_B111 = (centred_BCHW.square() * share_HW).sum(dim=(2, 3), keepdim=True).sqrt()
        return centred_BCHW / (spread_B111 + _FLOOR) * mask_HW
