"""Regions of the face: MediaPipe's lines, symmetric parts, a surface that looks outwards."""

from itertools import chain

import numpy as np
import pytest
from mediapipe.python.solutions import face_mesh_connections as known

from fusion_model.faces import Face
from fusion_model.mirror import MIRROR_L
from fusion_model.preprocess import MEAN_FACE_LD, SIDE
from fusion_model.regions import (
    AROUND,
    FOREHEAD_LINE,
    LINES,
    NAMES,
    REGION_L,
    THIRDS,
    crop_places,
    edges,
    outlines,
    triangles,
)


def undirected(pairs) -> set[frozenset[int]]:
    return {frozenset(map(int, pair)) for pair in pairs}


def test_the_lines_are_those_of_mediapipe() -> None:
    of_mediapipe = chain(
        known.FACEMESH_LIPS,
        known.FACEMESH_LEFT_EYE,
        known.FACEMESH_RIGHT_EYE,
        known.FACEMESH_LEFT_IRIS,
        known.FACEMESH_RIGHT_IRIS,
        known.FACEMESH_LEFT_EYEBROW,
        known.FACEMESH_RIGHT_EYEBROW,
        known.FACEMESH_FACE_OVAL,
        known.FACEMESH_NOSE,
    )
    assert undirected(outlines()) == undirected(of_mediapipe)


def test_every_landmark_is_of_one_region_and_lines_are_of_their_own() -> None:
    assert REGION_L.shape == (478,) and set(REGION_L) == set(range(len(NAMES)))
    for region, lines in enumerate(LINES.values()):
        assert (REGION_L[list(chain(*lines))] == region).all()
    # The ears' ends belong to the jaw; the rest of the upper outline to no region of features.
    assert {NAMES[region] for region in REGION_L[list(FOREHEAD_LINE[1:-1])]} == {NAMES[-1]}


def test_left_and_right_are_of_the_same_region() -> None:
    np.testing.assert_array_equal(REGION_L, REGION_L[MIRROR_L])


def test_the_surface_looks_at_the_viewer_and_covers_the_face() -> None:
    corners = MEAN_FACE_LD[triangles()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] < 0).all()
    assert set(triangles().ravel()) == set(range(468))
    # A surface without handles or holes: vertices - edges + faces = 1 (Euler).
    assert 468 - len(edges()) + len(triangles()) == 1


def test_a_crop_shows_the_mouth_below_the_eyes_and_corners_around_the_face(astronaut_face: Face) -> None:
    names, place_HW = crop_places(astronaut_face.landmarks_LD)
    assert names[-1] == AROUND and place_HW.shape == (SIDE, SIDE)
    assert names[place_HW[0, 0]] == AROUND == names[place_HW[0, -1]]
    rows = {name: np.nonzero(place_HW == index)[0].mean() for index, name in enumerate(names)}
    assert rows["brows"] < rows["eyes"] < rows["nose"] < rows["mouth"] < rows["jaw"]


def test_without_a_mesh_a_crop_has_thirds() -> None:
    names, place_HW = crop_places(None)
    assert names == THIRDS
    assert np.bincount(place_HW.ravel()).tolist() == pytest.approx([768, 768, 768])
    assert (np.diff(place_HW, axis=0) >= 0).all()
