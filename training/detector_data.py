"""Pictures that face detectors are measured on: composed scenes, FER-2013, the London photographs.

Two halves. For choosing: scenes of FairFace's training faces and of faces of FER-2013's Training split, and
pictures of its Training and PublicTest splits. For reporting: scenes of FairFace's validation faces and of
London's, the London photographs, PrivateTest. The halves share no face and no texture.

FairFace (Kärkkäinen & Joo 2021, CC BY 4.0) is read as one file of 64 px faces in grey, London as
`training.london` says; neither is part of this project.

Shape suffixes: H height, W width, C colour, N pictures, F faces, B box (left, top, width, height).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from fusion_model.images import read_image
from training.london import read_photographs
from training.samples import DataError, FaceDataset
from training.scenes import KINDS, FacePicture, Kind, box_around_eyes, compose
from training.votes import VOTE_COLUMNS

USES = ("choosing", "reporting")
FER, LONDON = "FER-2013", "London photographs"
#: Scenes of each kind for choosing and for reporting.
SCENES = {
    "several": (16, 24),
    "one": (8, 12),
    "many": (2, 4),
    "turned": (6, 16),
    "sideways": (6, 16),
    "12 megapixels": (0, 2),
    "empty": (10, 16),
}
#: Pictures of FER-2013 that show a face, for choosing and for reporting; of those that show none, all.
FER_FACES = (100, 300)
FAIRFACE_FACES = 3000
#: Every so many London photographs, neutral and smiling in turn.
LONDON_STEP = 4
#: Boxes of faces, px, where faces lie alike in all pictures of a set: by the medians of their eyes.
FAIRFACE_BOX = box_around_eyes((31.0, 15.9), 28.4)
FER_BOX = box_around_eyes((23.5, 18.4), 17.2)
LONDON_BOX = box_around_eyes((254.5, 238.2), 74.0)
#: Part of a London photograph that is laid into scenes: rows and columns of the head.
LONDON_HEAD = (slice(100, 390), slice(125, 385))


@dataclass(frozen=True, eq=False)
class Case:
    """One picture to find faces in.

    Attributes
    ----------
    use : "choosing" or "reporting".
    data : name of the data, or of the kind of scene.
    number : of the picture there.
    pixels : uint8 (H, W, 3), or (48, 48) of FER-2013.
    boxes_FB : float (F, 4), px.
    turns_F : float (F,), degrees.
    """

    use: str
    data: str
    number: int
    pixels: np.ndarray
    boxes_FB: np.ndarray
    turns_F: np.ndarray


#: A picture that is made when it is wanted.
Later = Callable[[], Case]


def cases(dataset: FaceDataset, fairface: Path, london: Path, seed: int = 0) -> list[Later]:
    """All pictures of both halves."""
    photographs = london_photographs(london)
    found: list[Later] = []
    for place, use in enumerate(USES):
        draw = faces_to_draw(use, dataset, fairface, photographs)
        for code, kind in enumerate(KINDS):
            for number in range(SCENES[kind.name][place]):
                rng = np.random.default_rng([seed, place, code, number])
                found.append(partial(_scene_case, kind, draw, use, number, rng))
        for row in _fer_rows(use, dataset, FER_FACES[place], seed):
            found.append(partial(_fer_case, use, dataset, row))
    for number in range(0, len(photographs), LONDON_STEP):
        found.append(partial(_london_case, number, photographs[number]))
    return found


def faces_to_draw(
    use: str, dataset: FaceDataset, fairface: Path, photographs: list[np.ndarray]
) -> Callable[[np.random.Generator], FacePicture]:
    """Draws faces of one half: two sources, either one as often as the other."""
    choosing = use == "choosing"
    pictures = fairface_faces(fairface, "train" if choosing else "val", FAIRFACE_FACES)
    first = [FacePicture(picture, FAIRFACE_BOX) for picture in pictures]
    if choosing:
        shown_N = (dataset.splits_N == "Training") & ~shows_no_face(dataset)
        second = [FacePicture(dataset.images_NHW[row], FER_BOX) for row in np.flatnonzero(shown_N)]
    else:
        rows, columns = LONDON_HEAD
        box = (LONDON_BOX[0] - columns.start, LONDON_BOX[1] - rows.start, *LONDON_BOX[2:])
        second = [FacePicture(picture[rows, columns], box) for picture in photographs]

    def draw(rng: np.random.Generator) -> FacePicture:
        source = first if rng.random() < 0.5 else second
        return source[int(rng.integers(len(source)))]

    return draw


def shows_no_face(dataset: FaceDataset) -> np.ndarray:
    """Whether most taggers of FER+ saw no face, bool (N,)."""
    if dataset.votes_NV is None:
        raise DataError("Which pictures of FER-2013 show no face is told by the FER+ votes: give --votes.")
    votes_NV = dataset.votes_NV
    no_face: np.ndarray = votes_NV[:, VOTE_COLUMNS.index("NF")] * 2 > votes_NV.sum(axis=1)
    return no_face


def fairface_faces(path: Path, split: str, count: int, seed: int = 0) -> list[np.ndarray]:
    """Faces of one split, uint8 (64, 64) each, drawn without copies.

    Raises
    ------
    DataError
        If the file is not there, or not as expected.
    """
    try:
        with np.load(path) as held:
            data, offsets, known = held["jpeg"], held["offsets"], held["split"]
            rows = np.flatnonzero((known == split) & ~held["exact_dup"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read; fairface_64px.npz is needed: {error}.") from error
    drawn = np.random.default_rng(seed).permutation(rows)[:count]
    return [cv2.imdecode(data[offsets[row] : offsets[row + 1]], cv2.IMREAD_GRAYSCALE) for row in drawn]


def london_photographs(folder: Path) -> list[np.ndarray]:
    """The photographs, uint8 (512, 512, 3), in the order of ``labels.csv``."""
    found = []
    for file in read_photographs(folder)["file"]:
        with (folder / file).open("rb") as stream:
            found.append(read_image(stream))
    return found


def _scene_case(
    kind: Kind,
    draw: Callable[[np.random.Generator], FacePicture],
    use: str,
    number: int,
    rng: np.random.Generator,
) -> Case:
    scene = compose(kind, draw, use, rng)
    return Case(use, kind.name, number, scene.rgb_HWC, scene.boxes_FB, scene.turns_F)


def _fer_case(use: str, dataset: FaceDataset, row: int) -> Case:
    boxes_FB = np.array([FER_BOX] * int(not shows_no_face(dataset)[row])).reshape(-1, 4)
    return Case(use, FER, row, dataset.images_NHW[row], boxes_FB, np.zeros(len(boxes_FB)))


def _london_case(number: int, rgb_HWC: np.ndarray) -> Case:
    return Case("reporting", LONDON, number, rgb_HWC, np.array([LONDON_BOX]), np.zeros(1))


def _fer_rows(use: str, dataset: FaceDataset, faces: int, seed: int) -> list[int]:
    """Some pictures of one half that show a face, and all of it that show none."""
    no_face_N = shows_no_face(dataset)
    inside_N = (dataset.splits_N == "PrivateTest") == (use == "reporting")
    shown = np.random.default_rng(seed).permutation(np.flatnonzero(inside_N & ~no_face_N))[:faces]
    return [int(row) for row in (*shown, *np.flatnonzero(inside_N & no_face_N))]
