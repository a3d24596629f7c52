"""Measured slices of pictures: the head's pose, light, sharpness and size, and what FER+'s taggers said.

Shape suffixes: N pictures, H height, W width, L landmark (478), D coordinate (x, y, z), V FER+ vote column.

They are columns of the prediction table, so that every figure can be asked for any range of them. Nothing
here is about a person: it is measured in the picture, or counted among its taggers. The columns:

- ``yaw``, ``pitch``, ``roll``: see `fusion_model.face_measures.HeadPose`; empty without a mesh.
- ``brightness``, ``contrast``: mean and standard deviation of the picture's grey levels (0 to 255).
- ``sharpness``: see `fusion_model.face_measures.sharpness`; empty for a picture of one grey.
- ``eye_distance``: between the centres of the eyes in three dimensions, so that a turned head does not count
  as a small one; px of the 48 px picture. Empty without a mesh.
- ``ferplus_label``: the expression that more than half of the picture's FER+ votes are for (ten votes, but
  for one picture); empty where no column has so many, or the one that has is contempt, unknown or no face.
- ``ferplus_agreement``: share of the votes, 0 to 1, that the most frequent column got; above 0.5 it has such
  a majority. Empty without votes.

An empty field is NaN in a table that was read.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fusion_model.face_measures import HeadPose, sharpness
from fusion_model.frame import eye_distance
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


def _ferplus(votes_NV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`ferplus_label`, (N,) str, and `ferplus_agreement`, (N,) float, of votes (N, 10)."""
    all_N, most_N = votes_NV.sum(axis=1), votes_NV.max(axis=1)
    expression_V = np.array([EXPRESSION_OF_VOTE.get(column, "") for column in VOTE_COLUMNS])
    label_N = np.where(2 * most_N > all_N, expression_V[votes_NV.argmax(axis=1)], "")
    return label_N, np.divide(most_N, all_N, out=np.full(len(votes_NV), np.nan), where=all_N > 0)


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    """float64 (N,), NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
