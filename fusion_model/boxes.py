"""Boxes in a picture, (left, top, width, height) in px: overlaps, tiles, the surest of several."""

import math
from collections.abc import Iterable
from typing import Protocol, TypeVar

Box = tuple[float, float, float, float]
Region = tuple[int, int, int, int]

#: Pictures from this side on are searched tile by tile at once; sides and share of overlap of the tiles, px.
MIN_TILED_SIDE = 800
TILE_SIDE = 400
TILE_OVERLAP = 0.25
MAX_TILES_ACROSS = 4
#: A strip longer than this many times its width is no photograph: its thousands of tiles are not searched.
MAX_TILED_RATIO = 16
#: Boxes that share more of the smaller one than this are of one face.
MAX_OVERLAP = 0.3
#: Fine tiles overlap by so much, that a face of the size that they are for is whole in one of them.
FINE_OVERLAP = 0.35
#: However large a picture is, it is cut into no more fine tiles: what bounds the time of a second look.
MAX_FINE_TILES = 1000


class Scored(Protocol):
    """What has a box and how sure it is."""

    @property
    def box(self) -> Box:
        """Left, top, width, height, px."""
        ...

    @property
    def score(self) -> float:
        """0 to 1."""
        ...


AnyScored = TypeVar("AnyScored", bound=Scored)


def area(box: Box) -> float:
    """Area, px²."""
    return box[2] * box[3]


def side(box: Box) -> float:
    """Geometric mean of width and height, px."""
    return math.sqrt(area(box))


def clip(left: float, top: float, right: float, bottom: float, width: int, height: int) -> Box:
    """The box between these edges, as much of it as lies in a picture of that size."""
    x, y = min(max(left, 0.0), width), min(max(top, 0.0), height)
    return x, y, max(min(right, width) - x, 0.0), max(min(bottom, height) - y, 0.0)


def overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller one, 0 to 1."""
    return _shared(a, b) / max(1e-9, min(area(a), area(b)))


def intersection_over_union(a: Box, b: Box) -> float:
    """Jaccard index of two boxes, 0 to 1."""
    shared = _shared(a, b)
    return shared / max(1e-9, area(a) + area(b) - shared)


def without_overlaps(found: Iterable[AnyScored], max_overlap: float = MAX_OVERLAP) -> list[AnyScored]:
    """Non-maximum suppression: keep the surest of those that overlap (intersection over the smaller one)."""
    kept: list[AnyScored] = []
    for item in sorted(found, key=lambda item: item.score, reverse=True):
        if area(item.box) > 0 and all(overlap(item.box, other.box) <= max_overlap for other in kept):
            kept.append(item)
    return kept


def tiles(width: int, height: int) -> list[Region]:
    """Overlapping squares (x, y, width, height) that cover a large picture; none for a small one or a strip.

    A detector sees 192 px: on a whole photograph it misses faces below about a twelfth of its side.
    """
    if max(width, height) < MIN_TILED_SIDE or _is_strip(width, height):
        return []
    wanted = max(TILE_SIDE, math.ceil(max(width, height) / MAX_TILES_ACROSS / (1 - TILE_OVERLAP)))
    return _grid(width, height, min(wanted, width, height), TILE_OVERLAP)


def fine_tiles(width: int, height: int, wanted: int) -> list[Region]:
    """Overlapping squares of about that side that cover a picture; larger ones where they were too many."""
    if _is_strip(width, height):
        return []
    made = _grid(width, height, min(wanted, width, height), FINE_OVERLAP)
    while len(made) > MAX_FINE_TILES:
        wanted = math.ceil(wanted * 1.1)
        made = _grid(width, height, min(wanted, width, height), FINE_OVERLAP)
    return made


def _grid(width: int, height: int, wanted: int, share: float) -> list[Region]:
    return [
        (x, y, wanted, wanted) for y in _starts(height, wanted, share) for x in _starts(width, wanted, share)
    ]


def _starts(length: int, wanted: int, share: float) -> list[int]:
    """Where tiles of that side begin, so that they overlap and end with the picture."""
    count = math.ceil((length - wanted) / (wanted * (1 - share))) + 1
    return [round(index * (length - wanted) / max(1, count - 1)) for index in range(count)]


def _is_strip(width: int, height: int) -> bool:
    return max(width, height) > MAX_TILED_RATIO * min(width, height)


def _shared(a: Box, b: Box) -> float:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, wide) * max(0.0, high)
