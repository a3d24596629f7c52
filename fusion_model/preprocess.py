"""From a face to the networks' two inputs: the contract that training and live use share.

Shape suffixes: B batch, C channel (1), H height, W width, L landmark (478), D coordinate (x, y, z).

The crop is the grey picture brought to the frame of FER-2013 (`fusion_model.frame`). The landmarks are turned
to the front in three dimensions and scaled to the mean face, so that the pose of the head does not hide the
expression.
"""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fusion_model.detection import LANDMARKS, Face
from fusion_model.frame import EYE_CENTRE, EYE_DISTANCE, Frame, frame_matrix

#: Changes whenever the same face would give other inputs than before: caches and checkpoints carry it.
VERSION = 1
#: Side of the crop, px.
SIDE = 48
#: Added to the contrast of a crop, in grey levels, so that a flat one is not blown up to noise.
CONTRAST_FLOOR = 4.0

#: Mean face (478, 3), symmetric, centred, in eye distances; computed by `training.mean_face`.
MEAN_FACE_LD = np.loadtxt(Path(__file__).with_name("assets") / "mean_face.csv", delimiter=",")


@dataclass(frozen=True)
class Preprocessing:
    """What a checkpoint says of its inputs; two of them are equal when their inputs are."""

    version: int = VERSION
    side: int = SIDE
    eye_centre: tuple[float, float] = EYE_CENTRE
    eye_distance: float = EYE_DISTANCE

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "eye_centre": list(self.eye_centre)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Preprocessing":
        """From `to_json`'s values; unknown or missing fields raise TypeError."""
        missing = {field.name for field in fields(cls)} - values.keys()
        if missing:
            raise TypeError(f"the preprocessing lacks {', '.join(sorted(missing))}")
        made = cls(**values)
        return replace(made, eye_centre=(made.eye_centre[0], made.eye_centre[1]))


@dataclass(frozen=True)
class FaceInputs:
    """The inputs of one face.

    Attributes
    ----------
    crop_HW : uint8 (48, 48), grey, eyes level.
    landmarks_LD : float32 (478, 3), as `frontal_landmarks` gives them; zeros without a mesh.
    mesh_found : whether the landmarks are real.
    """

    crop_HW: np.ndarray
    landmarks_LD: np.ndarray
    mesh_found: bool


def face_inputs(image: np.ndarray, face: Face) -> FaceInputs:
    """Cut a face out of its picture.

    Parameters
    ----------
    image : uint8 (H, W) grey or (H, W, 3) RGB
    face : Face
        Found in that picture.
    """
    matrix = inputs_matrix(face)
    crop = Frame(SIDE).cut(image, matrix)
    if crop.ndim == 3:
        crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return FaceInputs(crop, frontal_landmarks(face.landmarks_LD), face.landmarks_LD is not None)


def inputs_matrix(face: Face) -> np.ndarray:
    """The similarity (2, 3) from px of the picture to px of the crop."""
    return frame_matrix(face.eyes_ED, face.landmarks_LD, Frame(SIDE))


def frontal_landmarks(landmarks_LD: np.ndarray | None) -> np.ndarray:
    """Landmarks as the networks take them: the head turned to the front, at the mean face's place and size.

    The rotation, scale and shift in three dimensions that bring the mesh nearest to the mean face, in least
    squares over all landmarks (Umeyama 1991): what is left is the shape of the face and its expression.

    Parameters
    ----------
    landmarks_LD : (478, 3), px of any picture, or None where no mesh was found

    Returns
    -------
    float32 (478, 3), in eye distances of the mean face from its centre; zeros for None or for a mesh that has
    shrunk to a point.
    """
    fit = None if landmarks_LD is None else _fit_to_mean_face(landmarks_LD)
    if fit is None:
        return np.zeros((LANDMARKS, 3), np.float32)
    centred_LD, rotation, scale = fit
    return (scale * centred_LD @ rotation).astype(np.float32)


def head_rotation(landmarks_LD: np.ndarray) -> np.ndarray | None:
    """How the head is turned against the mean face: what `frontal_landmarks` undoes.

    Parameters
    ----------
    landmarks_LD : (478, 3), px of any picture

    Returns
    -------
    float64 (3, 3), a rotation in the picture's axes (x right, y down, z away from the viewer) that takes the
    mean face's points, as columns, to the mesh's; None for a mesh that has shrunk to a point.
    """
    fit = _fit_to_mean_face(landmarks_LD)
    return None if fit is None else fit[1]


def _fit_to_mean_face(landmarks_LD: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """The centred mesh (478, 3), the rotation (3, 3) and the scale: scale * mesh @ rotation fits best."""
    centred_LD = landmarks_LD.astype(np.float64)
    centred_LD -= centred_LD.mean(axis=0)
    spread = float((centred_LD**2).sum())
    if spread == 0:
        return None
    left, strengths, right = np.linalg.svd(centred_LD.T @ MEAN_FACE_LD)
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right)) or 1])  # a rotation, never a reflection
    return centred_LD, (left * signs) @ right, float((strengths * signs).sum()) / spread


def standardise(crops_BHW: np.ndarray) -> np.ndarray:
    """Crops, uint8 (B, H, W), as float32 (B, 1, H, W) of mean 0 and about unit contrast each.

    Each crop by itself, so that light and camera matter little.
    """
    pixels_BHW = crops_BHW.astype(np.float32)
    mean = pixels_BHW.mean(axis=(1, 2), keepdims=True)
    contrast = pixels_BHW.std(axis=(1, 2), keepdims=True)
    return ((pixels_BHW - mean) / (contrast + CONTRAST_FLOOR))[:, None]
