"""Boxes: overlaps by hand-worked figures, tiles that cover, and which of several boxes stays."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fusion_model.boxes import (
    FINE_OVERLAP,
    MAX_FINE_TILES,
    MAX_TILES_ACROSS,
    MIN_TILED_SIDE,
    TILE_SIDE,
    Box,
    clip,
    fine_tiles,
    intersection_over_union,
    overlap,
    tiles,
    without_overlaps,
)


@dataclass(frozen=True)
class Seen:
    box: Box
    score: float


def test_overlaps_are_those_worked_out_by_hand() -> None:
    # 10 × 10 and 10 × 20, shifted by 5: they share 5 × 10.
    a, b = (0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 10.0, 20.0)
    assert overlap(a, b) == pytest.approx(50 / 100)
    assert intersection_over_union(a, b) == pytest.approx(50 / (100 + 200 - 50))
    assert intersection_over_union(a, (10.0, 0.0, 5.0, 5.0)) == 0
    assert intersection_over_union(a, a) == 1


def test_a_box_is_cut_at_the_edges_of_the_picture() -> None:
    assert clip(-5, -5, 20, 8, 12, 10) == (0, 0, 12, 8)
    assert clip(30, 30, 40, 40, 12, 10) == (12, 10, 0, 0)


def test_the_surest_of_overlapping_boxes_stays() -> None:
    sure, less, apart = (
        Seen((0, 0, 10, 10), 0.9),
        Seen((2, 2, 10, 10), 0.8),
        Seen((30, 0, 10, 10), 0.1),
    )
    nothing = Seen((50, 50, 0, 10), 1.0)
    assert without_overlaps([less, apart, nothing, sure]) == [sure, apart]


@pytest.mark.parametrize("size", [(800, 600), (1000, 4000), (6000, 4000), (8000, 500), (900, 900)])
def test_tiles_cover_a_large_picture_and_overlap(size: tuple[int, int]) -> None:
    width, height = size
    made = tiles(width, height)
    for x, y, wide, high in made:
        assert x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        assert wide == high >= min(TILE_SIDE, width, height)
    for axis, length in enumerate(size):
        starts, side = sorted({tile[axis] for tile in made}), made[0][2]
        assert starts[0] == 0
        assert starts[-1] + side == length
        assert all(second - first <= 0.76 * side for first, second in pairwise(starts))
    if max(size) < 2 * min(size):
        assert len({tile[0] for tile in made}) <= MAX_TILES_ACROSS


def test_small_pictures_and_strips_have_no_tiles() -> None:
    assert tiles(MIN_TILED_SIDE - 1, MIN_TILED_SIDE - 1) == []
    # A minute's work for nothing otherwise.
    assert tiles(60_000, 16) == tiles(16, 60_000) == []


@given(some.integers(300, 6000), some.integers(300, 6000), some.sampled_from((160, 320)))
def test_fine_tiles_hold_every_small_face_whole(width: int, height: int, side: int) -> None:
    made = fine_tiles(width, height, side)
    assert 0 < len(made) <= MAX_FINE_TILES
    for axis, length in enumerate((width, height)):
        starts, across = sorted({tile[axis] for tile in made}), made[0][2]
        assert starts[0] == 0 and starts[-1] + across == length
        # Rounded places: two tiles overlap by their share less a px.
        assert all(first + across - second >= FINE_OVERLAP * across - 1 for first, second in pairwise(starts))


def test_a_strip_has_no_fine_tiles() -> None:
    assert fine_tiles(60_000, 300, 160) == []
