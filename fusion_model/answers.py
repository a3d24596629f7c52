"""What the library gives for a picture: its faces, the models' answers, and what they depend on.

Here and not beside what makes them: a server takes them from its workers, and needs neither PyTorch nor
MediaPipe for that, whose import would hold up the first answer for more than a second.

Shape suffixes: H height, W width, L landmark (478), D coordinate (x, y, z).
"""

from dataclasses import dataclass

import numpy as np

from fusion_model.face_measures import FaceMeasures


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answer for one face.

    Attributes
    ----------
    label : the likeliest class.
    probabilities : calibrated, by class in the model's order; they sum to 1.
    """

    label: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class FacePrediction:
    """All models' answers for one face.

    Attributes
    ----------
    box : x, y, width, height, px of the picture.
    landmarks_found : whether Face Mesh found landmarks.
    landmarks_LD : float32 (478, 3), px of the picture (z on the scale of x), or None.
    crop_HW : uint8 (48, 48), the grey, levelled crop that the models saw.
    models : answers by model name.
    measures : of the face in its picture; None where nothing was measured.
    """

    box: tuple[int, int, int, int]
    landmarks_found: bool
    landmarks_LD: np.ndarray | None
    crop_HW: np.ndarray
    models: dict[str, ModelAnswer]
    measures: FaceMeasures | None = None


@dataclass(frozen=True)
class PicturePrediction:
    """The answer for one picture.

    Attributes
    ----------
    width, height : of the picture, px.
    faces : largest first, or in the order of their tracks; empty where no face was found.
    milliseconds : time spent on `find`, on `prepare`, and on each model by name; what models share counts for
        the first of them.
    """

    width: int
    height: int
    faces: tuple[FacePrediction, ...]
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Shares:
    """What pixels and landmarks each add to the probability of an answer.

    Attributes
    ----------
    neither, pixels_only, landmarks_only, both : probability of the answer's class with these shown, 0 to 1.
    pixels, landmarks : their Shapley values, -1 to 1; they sum to `both` - `neither`.
    """

    neither: float
    pixels_only: float
    landmarks_only: float
    both: float
    pixels: float
    landmarks: float


@dataclass(frozen=True)
class Explanation:
    """What one model's answer for one face depends on.

    Attributes
    ----------
    label : the class that is explained: the model's answer.
    map_HW : float32 (48, 48), how the pixels there move the log-odds of the label, mean of the face and of
        its mirror image turned back; above 0 for it, below 0 against it. None where pixels are not read.
    regions : what each region of the mesh adds to these log-odds, by name; None without a mesh, or where
        landmarks are not read.
    shares : of pixels and landmarks; None without both.
    """

    label: str
    map_HW: np.ndarray | None
    regions: dict[str, float] | None
    shares: Shares | None
