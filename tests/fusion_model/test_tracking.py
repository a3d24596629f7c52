"""Faces keep their numbers from frame to frame: with a finder that plays a script, and with the real one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from fusion_model.faces import Face, FaceFinder
from fusion_model.tracking import KEEP_LOST_S, SEARCH_EVERY_S, Tracks, follow, joined

FRAME = np.zeros((10, 10, 3), np.uint8)


def face(x: float, y: float = 100.0, side: float = 100.0) -> Face:
    return Face((x, y, side, side), np.array([[x + 30, y + 40], [x + 70, y + 40]], np.float32), None, 1.0)


@dataclass
class Script:
    """A finder whose frames are told by hand; counts its searches."""

    there: Sequence[Face] = ()
    blind: bool = False
    searches: int = field(default=0)

    def glance(self, rgb_HWC: np.ndarray, /) -> list[Face]:
        self.searches += 1
        return list(self.there)

    def reread(self, rgb_HWC: np.ndarray, known: Face, /) -> Face | None:
        near = [face for face in self.there if abs(face.box[0] - known.box[0]) < 50]
        return near[0] if near and not self.blind else None


def numbers(tracks: Tracks) -> dict[int, float]:
    """Identity -> where the face is."""
    return {track.identity: track.face.box[0] for track in tracks.current}


def test_a_face_that_is_read_again_needs_no_search_until_a_second_is_over() -> None:
    film = Script([face(0)])
    tracks = follow(film, FRAME, Tracks(), 0.0)
    assert numbers(tracks) == {1: 0}
    for frame in range(1, 10):
        film.there = [face(frame * 5)]
        tracks = follow(film, FRAME, tracks, frame * 0.1)
    assert numbers(tracks) == {1: 45}
    assert film.searches == 1
    film.there = [face(50), face(400)]
    tracks = follow(film, FRAME, tracks, SEARCH_EVERY_S)
    assert film.searches == 2
    assert numbers(tracks) == {1: 50, 2: 400}


def test_two_faces_keep_their_numbers_whatever_order_they_are_found_in() -> None:
    film = Script([face(0), face(300)], blind=True)
    tracks = follow(film, FRAME, Tracks(), 0.0)
    film.there = [face(290), face(20)]
    tracks = follow(film, FRAME, tracks, 0.1)
    assert numbers(tracks) == {1: 20, 2: 290}
    assert [track.identity for track in tracks.current] == [1, 2]


def test_a_lost_face_comes_back_as_itself_soon_and_as_a_new_one_later() -> None:
    film = Script([face(0), face(300)])
    tracks = follow(film, FRAME, Tracks(), 0.0)
    film.there = [face(0)]
    tracks = follow(film, FRAME, tracks, 0.1)
    assert numbers(tracks) == {1: 0}
    film.there = [face(0), face(310)]
    soon = follow(film, FRAME, tracks, 0.1 + SEARCH_EVERY_S)
    assert numbers(soon) == {1: 0, 2: 310}
    gone = follow(Script([face(0)]), FRAME, tracks, 0.2 + KEEP_LOST_S)
    assert gone.lost == ()
    later = follow(film, FRAME, gone, 0.3 + KEEP_LOST_S + SEARCH_EVERY_S)
    assert numbers(later) == {1: 0, 3: 310}


def test_without_a_face_every_frame_is_searched() -> None:
    film = Script()
    tracks = Tracks()
    for frame in range(3):
        tracks = follow(film, FRAME, tracks, frame * 0.1)
    assert film.searches == 3
    assert tracks.current == ()


def test_two_tracks_never_share_a_face() -> None:
    film = Script([face(0), face(90)])
    tracks = follow(film, FRAME, Tracks(), 0.0)
    assert numbers(tracks) == {1: 0, 2: 90}
    film.there = [face(45)]  # near enough to both
    tracks = follow(film, FRAME, tracks, 0.1)
    assert numbers(tracks) == {1: 45}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([face(0), face(200)], [face(190), face(10)], {0: 1, 1: 0}),
        ([face(0)], [face(80)], {}),  # moved by more than three quarters of its size
        ([face(0, side=100)], [face(0, side=170)], {}),  # grew too much
        ([face(0), face(60)], [face(60)], {1: 0}),
        ([], [face(0)], {}),
        ([face(0)], [], {}),
    ],
)
def test_faces_are_joined_by_the_least_movement(
    before: list[Face], after: list[Face], expected: dict[int, int]
) -> None:
    assert joined(before, after) == expected


def test_a_real_face_is_followed_across_the_frame(
    astronaut: np.ndarray, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(by: int) -> np.ndarray:
        return np.ascontiguousarray(np.roll(astronaut, by, axis=1))

    tracks = follow(finder, shifted(0), Tracks(), 0.0)
    (first,) = tracks.current
    monkeypatch.setattr(finder, "glance", _fail)
    for step in range(1, 6):
        tracks = follow(finder, shifted(12 * step), tracks, 0.1 * step)
    (last,) = tracks.current
    assert last.identity == first.identity
    assert first.face.landmarks_LD is not None
    assert last.face.landmarks_LD is not None
    moved_LD = last.face.landmarks_LD - first.face.landmarks_LD
    np.testing.assert_allclose(moved_LD[:, 0].mean(), 60, atol=1.0)
    monkeypatch.undo()
    empty = follow(finder, np.full_like(astronaut, 90), tracks, 0.7)
    assert empty.current == ()
    assert [track.identity for track in empty.lost] == [1]


def _fail(*_: object) -> list[Face]:
    raise AssertionError("a followed face needs no search")
