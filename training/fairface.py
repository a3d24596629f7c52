"""FairFace as FER-2013 would show it: small grey faces with age, gender and race, framed and sharp as there.

FairFace (Kärkkäinen & Joo 2021, "FairFace: face attribute dataset for balanced race, gender, and age", WACV,
CC BY 4.0) says of each face how people labelled it: one of nine bands of age, two genders, seven races. These
are judgements of pictures, not what persons say of themselves.

Its faces are cut closer than those of FER-2013: the hair and most of the forehead are outside. So that a
classifier cannot tell the two sets apart by what stands around a face, both are brought to the same window of
FER-2013's frame, and its edge is repeated outward: see `windowed`.

Shape suffixes: N pictures, H height, W width.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fusion_model.frame import compose
from fusion_model.preprocess import SIDE
from training.dataset import Samples
from training.samples import DataError

#: The part of a FER-2013 picture that FairFace shows as well: its upper left corner and side, px. From the
#: medians of both sets: eyes at (0.491, 0.258) and 0.458 of the side apart in FairFace.
WINDOW_X, WINDOW_Y, WINDOW = 5, 9, 38
AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
GENDERS = ("Female", "Male")
RACES = ("Black", "East Asian", "Indian", "Latino_Hispanic", "Middle Eastern", "Southeast Asian", "White")
NEEDED = ("jpeg", "offsets", "age", "gender", "race", "split", "exact_dup")
#: Joint classes in the order of the codes: age first, race last.
JOINT = tuple(f"{age}, {gender}, {race}" for age in AGES for gender in GENDERS for race in RACES)
_MARGINS = ((WINDOW_Y, SIDE - WINDOW - WINDOW_Y), (WINDOW_X, SIDE - WINDOW - WINDOW_X))


@dataclass(frozen=True, eq=False)
class FairFace:
    """Faces of FairFace.

    Attributes
    ----------
    images_NHW : uint8 (N, 48, 48), grey, as `windowed` leaves FER-2013's.
    age_N, gender_N, race_N : int64 (N,), places in `AGES`, `GENDERS`, `RACES`.
    validation_N : bool (N,), whether the face is of the validation split.
    """

    images_NHW: np.ndarray
    age_N: np.ndarray
    gender_N: np.ndarray
    race_N: np.ndarray
    validation_N: np.ndarray

    def __len__(self) -> int:
        return len(self.age_N)

    @property
    def joint_N(self) -> np.ndarray:
        """All three as one code, a place in `JOINT`, int64 (N,)."""
        return (self.age_N * len(GENDERS) + self.gender_N) * len(RACES) + self.race_N

    def select(self, chosen: np.ndarray) -> "FairFace":
        """The faces at these places, or where this mask is true."""
        arrays = (self.images_NHW, self.age_N, self.gender_N, self.race_N, self.validation_N)
        return FairFace(*(array[chosen] for array in arrays))


def read_fairface(path: Path) -> FairFace:
    """FairFace, packed as one ``.npz``: the arrays `NEEDED`, with JPEG files one after the other.

    Training pictures that are there more than once are left out, so that none of them is a validation
    picture.

    Raises
    ------
    DataError
        If the file is missing, or not of that shape.
    """
    try:
        with np.load(path, allow_pickle=False) as packed:
            kept = {name: packed[name] for name in NEEDED}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is no packed FairFace: an .npz of {', '.join(NEEDED)} is needed ({error})."
        ) from error
    validation_N = kept["split"] == "val"
    rows = np.flatnonzero(validation_N | ~kept["exact_dup"])
    images = []
    for row in rows:
        code = kept["jpeg"][kept["offsets"][row] : kept["offsets"][row + 1]]
        image_HW = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE) if len(code) else None
        if image_HW is None:
            raise DataError(f"{path}, picture {row} cannot be read: fetch or pack the file again.")
        images.append(_framed(image_HW))
    age_N, gender_N, race_N = (
        _codes(kept[name][rows], values, name, path)
        for name, values in (("age", AGES), ("gender", GENDERS), ("race", RACES))
    )
    return FairFace(np.array(images).reshape(-1, SIDE, SIDE), age_N, gender_N, race_N, validation_N[rows])


def windowed(images_NHW: np.ndarray) -> np.ndarray:
    """Pictures framed as in FER-2013 with only what FairFace shows as well; its edge is repeated outward.

    Parameters
    ----------
    images_NHW : uint8 (N, 48, 48)
    """
    inside = images_NHW[:, WINDOW_Y : WINDOW_Y + WINDOW, WINDOW_X : WINDOW_X + WINDOW]
    return np.pad(inside, ((0, 0), *_MARGINS), mode="edge")


def closer(matrices_N23: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 3) to crops that the window fills, from those to crops framed as in FER-2013."""
    scale = SIDE / WINDOW
    corner = np.array([WINDOW_X, WINDOW_Y]) - 0.5
    zoom = np.column_stack([scale * np.eye(2), -scale * corner - 0.5])
    return np.array([compose(zoom, matrix) for matrix in matrices_N23])


def samples_of(faces: FairFace, matrices_N23: np.ndarray | None = None) -> Samples:
    """Faces ready for training; without matrices in FER-2013's own frame, for lack of a mesh."""
    if matrices_N23 is None:
        matrices_N23 = np.tile(np.eye(2, 3), (len(faces), 1, 1))
    return bare_samples(faces.images_NHW, matrices_N23, faces.joint_N)


def bare_samples(images_NHW: np.ndarray, matrices_N23: np.ndarray, joint_N: np.ndarray) -> Samples:
    """Windowed pictures as samples without landmarks, cut closer."""
    return Samples.bare(images_NHW, closer(matrices_N23), joint_N, JOINT)


def _framed(image_HW: np.ndarray) -> np.ndarray:
    """A face of FairFace at the size and place that it would have in FER-2013, its edge repeated outward."""
    small = cv2.resize(image_HW, (WINDOW, WINDOW), interpolation=cv2.INTER_AREA)
    return np.pad(small, _MARGINS, mode="edge")


def _codes(words_N: np.ndarray, values: tuple[str, ...], name: str, path: Path) -> np.ndarray:
    places = {value: place for place, value in enumerate(values)}
    unknown = sorted(set(words_N.tolist()) - set(places))
    if unknown:
        raise DataError(f"{path}, {name}: '{unknown[0]}' is none of {', '.join(values)}.")
    return np.array([places[word] for word in words_N.tolist()], np.int64)
