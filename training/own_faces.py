"""Faces in a person's own pictures: found as by the live page, brought to FER-2013's frame, kept on disk.

Shape suffixes: N pictures, H height, W width, C colour, L landmark (478), D coordinate (x, y, z).

Of each picture the largest face is cut out, eyes level, with a margin for the augmentation of training; a
picture given as a face crop is read as those of FER-2013 are. The cache is keyed by the bytes of all files.
A file that cannot be read is told of and costs no other one.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fusion_model.errors import ExpressionLensError
from fusion_model.faces import LANDMARKS, Face
from fusion_model.frame import Frame, frame_matrix
from fusion_model.images import decode_image
from fusion_model.preprocess import VERSION, face_inputs
from training.folder import opener
from training.samples import MARGIN, SIDE
from training.workers import Arrays, Workers, arrays_in_parts, finder

FRAME = Frame(SIDE, MARGIN)
PART = 32


@dataclass(frozen=True, eq=False)
class Faces:
    """What was found in N pictures.

    Attributes
    ----------
    images_NHW : uint8 (N, 80, 80), grey: the face in FER-2013's frame, with its margin; zeros without one.
    landmarks_NLD : float32 (N, 478, 3), px of the picture; zeros without a mesh.
    mesh_found_N : bool (N,)
    count_N : int64 (N,), faces in the picture.
    problem_N : str (N,), why a picture cannot be used; empty where it can.
    """

    images_NHW: np.ndarray
    landmarks_NLD: np.ndarray
    mesh_found_N: np.ndarray
    count_N: np.ndarray
    problem_N: np.ndarray


def faces_of(root: Path, paths: tuple[str, ...], cache: Path, workers: Workers, *, crops: bool) -> Faces:
    """The faces of these files, from the cache where it has them.

    Parameters
    ----------
    root : folder or zip
    paths : of one or more files below it
    cache : folder, made if missing
    workers : who makes what the cache lacks
    crops : each picture is a face already, framed as in FER-2013
    """
    digest = hashlib.sha256(f"{VERSION} {FRAME} {crops}".encode())
    with opener(root) as read:
        for path in paths:
            try:
                digest.update(hashlib.sha256(read(path)).digest())
            except (OSError, KeyError):
                digest.update(b"missing")
    whole = cache / f"faces-{digest.hexdigest()[:16]}-v{VERSION}.npz"
    arrays = arrays_in_parts(
        whole,
        len(paths),
        PART,
        _read_part,
        lambda rows: (str(root.resolve()), paths[rows], crops),
        workers,
    )
    return Faces(*(arrays[name] for name in ("images", "landmarks", "mesh_found", "count", "problem")))


def _read_part(root: str, paths: tuple[str, ...], crops: bool) -> Arrays:
    size = FRAME.size
    arrays: Arrays = {
        "images": np.zeros((len(paths), size, size), np.uint8),
        "landmarks": np.zeros((len(paths), LANDMARKS, 3), np.float32),
        "mesh_found": np.zeros(len(paths), bool),
        "count": np.zeros(len(paths), np.int64),
    }
    problems = []
    with opener(Path(root)) as read:
        for row, path in enumerate(paths):
            try:
                picture = decode_image(read(path))
                if crops and (picture == picture[:, :, :1]).all():
                    picture = picture[:, :, 0]  # grey, as those of FER-2013
                faces = [finder().read_crop(picture)] if crops else finder().find(picture)
            except FileNotFoundError:
                problems.append("There is no such file.")
                continue
            except (ExpressionLensError, OSError, KeyError, RuntimeError, cv2.error) as error:
                problems.append(str(error))
                continue
            problems.append("")
            face = faces[0] if faces else None
            arrays["count"][row] = len(faces)
            if face is None:
                continue
            arrays["images"][row] = _framed(picture, face)
            if face.landmarks_LD is not None:
                arrays["landmarks"][row], arrays["mesh_found"][row] = face.landmarks_LD, True
    return arrays | {"problem": np.array(problems, str)}


def _framed(picture: np.ndarray, face: Face) -> np.ndarray:
    """The face in its frame with the margin, uint8 (80, 80); inside it, to the bit what the page sees."""
    framed = FRAME.cut(picture, frame_matrix(face.eyes_ED, face.landmarks_LD, FRAME))
    if framed.ndim == 3:
        framed = cv2.cvtColor(framed, cv2.COLOR_RGB2GRAY)
    # Cut by itself: how a large picture is averaged depends on the part of it that is cut.
    framed[MARGIN:-MARGIN, MARGIN:-MARGIN] = face_inputs(picture, face).crop_HW
    return framed
