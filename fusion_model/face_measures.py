"""What is measured of a face in its picture: pose, light, sharpness, size, and what of it is missing.

Shape suffixes: H height, W width, L landmark (478), D coordinate (x, y, z).

The slices of the prediction tables and the warnings of the page use these same functions. Nothing here is
about a person: it is measured in the picture.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from fusion_model.detection import Face
from fusion_model.frame import invert
from fusion_model.preprocess import SIDE, head_rotation, inputs_matrix

#: Rows and columns of a crop that a face fills, of 48.
FACE = (slice(10, 46), slice(8, 40))
#: A slope below this share of the crop's contrast a px is no structure.
PLAIN = 0.06
#: What OpenCV's 3 by 3 Sobel gives for a slope of one grey level a px.
SOBEL = 8


@dataclass(frozen=True)
class HeadPose:
    """How a head is turned against the mean face, which looks straight out of the picture; degrees.

    The head is thought to be pitched first, then turned, then rolled in the plane of the picture. "Left" and
    "right" are the picture's.

    Attributes
    ----------
    yaw : -90 to 90; above 0 the face looks to the right.
    pitch : -180 to 180; above 0 it looks up.
    roll : -180 to 180; above 0 it is tilted clockwise, the eye on the right lower than the other.
    """

    yaw: float
    pitch: float
    roll: float

    @classmethod
    def of(cls, landmarks_LD: np.ndarray) -> Self | None:
        """From a mesh (478, 3) in px of a picture; None for one that has shrunk to a point."""
        rotation = head_rotation(landmarks_LD)
        if rotation is None:
            return None
        # With y down and z away from the viewer, positive turns about x and y are down and to the left.
        roll, yaw, pitch = Rotation.from_matrix(rotation).as_euler("ZYX", degrees=True)
        return cls(-float(yaw), -float(pitch), float(roll))


@dataclass(frozen=True)
class FaceMeasures:
    """What is measured of one face.

    Attributes
    ----------
    pose : of the head, or None without a mesh.
    brightness, contrast : mean and standard deviation of the crop's grey levels, 0 to 255.
    sharpness : see `sharpness`; None for a crop of one grey.
    size : side of the face's frame in its picture, px; a picture of FER-2013 is such a frame of 48.
    outside : share of that frame, 0 to 1, that lies beyond the edge of the picture.
    plain : see `plain_share`; high where a part of the face may be covered.
    """

    pose: HeadPose | None
    brightness: float
    contrast: float
    sharpness: float | None
    size: float
    outside: float
    plain: float

    @classmethod
    def of(cls, face: Face, crop_HW: np.ndarray, width: int, height: int) -> Self:
        """Measure a face.

        Parameters
        ----------
        face : in px of its picture
        crop_HW : uint8 (48, 48), its crop, as `fusion_model.preprocess.face_inputs` cuts it
        width, height : of the picture, px
        """
        matrix = inputs_matrix(face)
        return cls(
            None if face.landmarks_LD is None else HeadPose.of(face.landmarks_LD),
            float(crop_HW.mean()),
            float(crop_HW.std()),
            sharpness(crop_HW),
            SIDE / float(np.hypot(*matrix[:, 0])),
            share_outside(matrix, width, height),
            plain_share(crop_HW),
        )


def sharpness(image_HW: np.ndarray) -> float | None:
    """Variance of a picture's Laplacian over the variance of its grey levels.

    The variance of the Laplacian is a common measure of focus (Pech-Pacheco et al. 2000; LAP4 of Pertuz, Puig
    & Garcia 2013, "Analysis of focus measure operators for shape-from-focus",
    https://doi.org/10.1016/j.patcog.2012.11.011). It grows with contrast squared; divided by the grey levels'
    variance, it says how fine the picture's structure is, whatever the light: near 0 for a blurred picture,
    about 20 for noise.

    Parameters
    ----------
    image_HW : uint8 (H, W), grey

    Returns
    -------
    0 or above, no unit; None for a picture of one grey.
    """
    variance = float(image_HW.var())
    return float(cv2.Laplacian(image_HW, cv2.CV_64F).var()) / variance if variance else None


def share_outside(matrix: np.ndarray, width: int, height: int) -> float:
    """The share of a crop, 0 to 1, that lies beyond the edge of its picture.

    Parameters
    ----------
    matrix : (2, 3) similarity from px of the picture to px of the crop
    width, height : of the picture, px
    """
    back = invert(matrix)
    y_HW, x_HW = np.mgrid[:SIDE, :SIDE]
    px_HW = back[0, 0] * x_HW + back[0, 1] * y_HW + back[0, 2]
    py_HW = back[1, 0] * x_HW + back[1, 1] * y_HW + back[1, 2]
    # Pixels reach half a px beyond their centres.
    inside_HW = (abs(px_HW - (width - 1) / 2) <= width / 2) & (abs(py_HW - (height - 1) / 2) <= height / 2)
    return 1.0 - float(inside_HW.mean())


def plain_share(crop_HW: np.ndarray) -> float:
    """The share of the face, 0 to 1, in which there is next to nothing to see.

    A mask, a scarf or a pane of dark glass is plainer than any part of a face; a hand or hair is not, and is
    not told by it.

    Parameters
    ----------
    crop_HW : uint8 (48, 48)

    Returns
    -------
    Share of the px of `FACE` whose gradient, in grey levels a px, is below `PLAIN` of the crop's contrast;
    1 for a crop of one grey.
    """
    across_HW, down_HW = (cv2.Sobel(crop_HW, cv2.CV_64F, *axis) / SOBEL for axis in ((1, 0), (0, 1)))
    slopes_HW = np.hypot(across_HW, down_HW)[FACE]
    return float((slopes_HW <= PLAIN * crop_HW.std()).mean())
