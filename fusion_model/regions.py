"""The regions of a face: which of the 478 landmarks belong to brows, eyes, nose, mouth, jaw, or to none.

Shape suffixes: L landmark (478), D coordinate (x, y, z), X coordinate (x, y), E edge, T triangle, H height,
W width.

The lines of brows, eyes, nose, mouth and the face's outline are those of MediaPipe's Face Mesh
(`mediapipe.python.solutions.face_mesh_connections`; a test compares them). A landmark near one of these lines
in the mean face belongs to its region; one that is near none belongs to cheeks and forehead. Left and right
are one region: the models are asked about a face and its mirror image together.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from scipy.spatial import ConvexHull, Delaunay, KDTree

from fusion_model.frame import Frame, eyes_of, frame_matrix
from fusion_model.mirror import MIRROR_L
from fusion_model.preprocess import MEAN_FACE_LD, SIDE

REST = "cheeks and forehead"
#: So near to a region's lines a landmark belongs to it, in eye distances of the mean face.
REACH = 0.14

#: Lines by region, each a chain of landmarks.
LINES: dict[str, tuple[tuple[int, ...], ...]] = {
    "brows": (
        (46, 53, 52, 65, 55),
        (70, 63, 105, 66, 107),
        (276, 283, 282, 295, 285),
        (300, 293, 334, 296, 336),
    ),
    "eyes": (
        (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33),
        (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263),
        (469, 470, 471, 472, 469),
        (474, 475, 476, 477, 474),
    ),
    "nose": (
        (168, 6, 197, 195, 5, 4, 1, 19, 94, 2),
        (4, 45, 220, 115, 48, 64, 98, 97, 2, 326, 327, 294, 278, 344, 440, 275, 4),
    ),
    "mouth": (
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61),
        (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
    ),
    "jaw": (
        (
            *(234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
            *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
        ),
    ),
}
#: The upper half of the outline, drawn with the rest: from ear over the forehead to the other ear.
FOREHEAD_LINE = (454, 356, 389, 251, 284, 332, 297, 338, 10, 109, 67, 103, 54, 21, 162, 127, 234)
NAMES = (*LINES, REST)
#: What a crop shows beside the face, and the parts of a crop whose face has no mesh.
AROUND = "around the face"
THIRDS = ("upper third", "middle third", "lower third")


def _regions() -> np.ndarray:
    names, points = [], []
    for region, lines in enumerate(LINES.values()):
        for line in lines:
            for first, second in pairwise(line):
                # Points along the line: a long edge must not lose what lies beside its middle.
                shares = np.linspace(0, 1, 5)[:, None]
                points.append(MEAN_FACE_LD[first] * (1 - shares) + MEAN_FACE_LD[second] * shares)
                names += [region] * len(shares)
    distance_L, nearest_L = KDTree(np.concatenate(points)).query(MEAN_FACE_LD)
    region_L = np.where(distance_L <= REACH, np.array(names)[nearest_L], len(LINES))
    for region, lines in enumerate(LINES.values()):
        region_L[[point for line in lines for point in line]] = region
    # A line's own points stay with it; else both halves of the face are what the left one says.
    twin_L = np.minimum(np.arange(len(region_L)), MIRROR_L)
    return region_L[twin_L]


#: int (478,): the region of each landmark, an index into `NAMES`.
REGION_L = _regions()


@cache
def triangles() -> np.ndarray:
    """A surface through the landmarks, int (T, 3): Delaunay triangles of the mean face, from the front.

    The irises lie on the surface and are no part of it. Corners go round so that
    ``cross(second - first, third - first)`` points out of the face (z points into it).
    """
    flat = MEAN_FACE_LD[:468, :2]
    found = Delaunay(flat).simplices
    corners = flat[found]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    outline = set(ConvexHull(flat).vertices.tolist())
    # Slivers between points of the outline close what is open in a face.
    sliver = np.array([set(simplex.tolist()) <= outline for simplex in found]) & (longest > 0.3)
    kept = found[~sliver]
    sides = np.diff(flat[kept], axis=1)
    inwards = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0] > 0
    return np.where(inwards[:, None], kept[:, ::-1], kept)


@cache
def edges() -> np.ndarray:
    """The edges of `triangles`, int (E, 2), each once."""
    found = triangles()
    pairs = np.concatenate([found[:, [0, 1]], found[:, [1, 2]], found[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


@cache
def outlines() -> np.ndarray:
    """The edges of all lines of the face, int (E, 2)."""
    lines = [line for of_region in LINES.values() for line in of_region] + [FOREHEAD_LINE]
    return np.array([pair for line in lines for pair in pairwise(line)])


def crop_places(landmarks_LD: np.ndarray | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Which part of a face each pixel of its crop shows.

    Parameters
    ----------
    landmarks_LD : (478, 3), px of the picture, or None where no mesh was found

    Returns
    -------
    Names of the parts, and for every pixel an index into them, int (48, 48): the regions, by the nearest
    landmark inside the outline of the mesh, and what surrounds them; without a mesh thirds of the crop.
    """
    if landmarks_LD is None:
        return THIRDS, np.repeat(np.arange(SIDE) * len(THIRDS) // SIDE, SIDE).reshape(SIDE, SIDE)
    matrix = frame_matrix(eyes_of(landmarks_LD[:, :2]), landmarks_LD, Frame(SIDE))
    points_LX = landmarks_LD[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    rows_HW, columns_HW = np.indices((SIDE, SIDE))
    pixels = np.stack([columns_HW.ravel(), rows_HW.ravel()], axis=1)
    place = REGION_L[KDTree(points_LX).query(pixels)[1]]
    hull = ConvexHull(points_LX).equations
    outside = (pixels @ hull[:, :2].T + hull[:, 2] > 0).any(axis=1)
    return (*NAMES, AROUND), np.where(outside, len(NAMES), place).reshape(SIDE, SIDE)
