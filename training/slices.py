"""Measured slices of pictures: the head's pose, light, sharpness and size, and what FER+'s taggers said.

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate (x, y, z), V FER+ vote column.

They are columns of the prediction table, so that every figure can be asked for any range of them. Nothing
here is about a person: it is measured in the picture, or counted among its taggers. The columns:

- ``yaw``, ``pitch``, ``roll``: see `HeadPose`; empty without a mesh.
- ``brightness``, ``contrast``: mean and standard deviation of the picture's grey levels (0 to 255).
- ``sharpness``: see `sharpness`; empty for a picture of one grey.
- ``eye_distance``: between the centres of the eyes in three dimensions, so that a turned head does not count
  as a small one; px of the 48 px picture. Empty without a mesh.
- ``ferplus_label``: the expression that more than half of the picture's FER+ votes are for (ten votes, but
  for one picture); empty where no column has so many, or the one that has is contempt, unknown or no face.
- ``ferplus_agreement``: share of the votes, 0 to 1, that the most frequent column got; above 0.5 it has such
  a majority. Empty without votes.

An empty field is NaN in a table that was read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from fusion_model.frame import eye_distance
from fusion_model.preprocess import head_rotation
from training.votes import EXPRESSION_OF_VOTE, VOTE_COLUMNS

POSE = ("yaw", "pitch", "roll")
#: Decimals of each column: finer than what is measured is noise, and makes the table large.
DECIMALS = {
    "yaw": 1,
    "pitch": 1,
    "roll": 1,
    "brightness": 1,
    "contrast": 1,
    "sharpness": 3,
    "eye_distance": 1,
    "ferplus_agreement": 2,
}


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


def measured_slices(
    images_NHW: np.ndarray,
    landmarks_NLD: np.ndarray,
    mesh_found_N: np.ndarray,
    votes_NV: np.ndarray | None = None,
) -> pd.DataFrame:
    """The slice columns of pictures, rounded to `DECIMALS`.

    Parameters
    ----------
    images_NHW : uint8 (N, H, W), grey
    landmarks_NLD : float32 (N, 478, 3), px of the picture; not read where no mesh was found
    mesh_found_N : bool (N,)
    votes_NV : (N, 10) counts of FER+ votes, columns as `training.votes.VOTE_COLUMNS`, or None

    Returns
    -------
    pandas.DataFrame
        N rows, index 0..N-1, the columns that the module's text lists; those of FER+ only with votes.
    """
    meshes = [mesh if found else None for mesh, found in zip(landmarks_NLD, mesh_found_N, strict=True)]
    poses = [None if mesh is None else HeadPose.of(mesh) for mesh in meshes]
    columns = {angle: _numbers(getattr(pose, angle, None) for pose in poses) for angle in POSE}
    columns["brightness"] = images_NHW.mean(axis=(1, 2))
    columns["contrast"] = images_NHW.std(axis=(1, 2))
    columns["sharpness"] = _numbers(map(sharpness, images_NHW))
    columns["eye_distance"] = _numbers(None if mesh is None else eye_distance(mesh) for mesh in meshes)
    if votes_NV is not None:
        columns["ferplus_label"], columns["ferplus_agreement"] = _ferplus(votes_NV)
    frame = pd.DataFrame(columns).round(DECIMALS)
    frame[list(POSE)] += 0.0  # no "-0.0" in the file
    return frame


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


def _ferplus(votes_NV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`ferplus_label`, (N,) str, and `ferplus_agreement`, (N,) float, of votes (N, 10)."""
    all_N, most_N = votes_NV.sum(axis=1), votes_NV.max(axis=1)
    expression_V = np.array([EXPRESSION_OF_VOTE.get(column, "") for column in VOTE_COLUMNS])
    label_N = np.where(2 * most_N > all_N, expression_V[votes_NV.argmax(axis=1)], "")
    return label_N, np.divide(most_N, all_N, out=np.full(len(votes_NV), np.nan), where=all_N > 0)


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    """float64 (N,), NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
