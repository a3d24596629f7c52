"""Scenes with known faces: faces laid over real textures, at sizes, places and turns that are written down.

Textures are those pictures of scikit-image's wheel that show no face, one half of them for choosing, the
other for reporting; detectors learn on drawn ones (`training.worlds`). A face is a part of a picture with
the box around it; laid down it fades at its rim, so that no straight seam betrays it. What scenes cannot
tell: bodies, light and perspective are missing.

Shape suffixes: H height, W width, C colour, F faces, B box (left, top, width, height).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from training.samples import DataError
from training.worlds import world

#: By what is done with them. Coins (heads of emperors), a cat, a photographer and an astronaut are left out.
TEXTURES = {
    "choosing": ("brick", "gravel", "coffee", "rocket", "retina", "text", "immunohistochemistry"),
    "reporting": ("grass", "moon", "hubble_deep_field", "page", "stereo_motorcycle", "clock", "cell"),
}
LEARNING = "learning"
#: Share of a patch's half side over which it fades.
FADE = 0.15
_TRIES = 200


@dataclass(frozen=True, eq=False)
class FacePicture:
    """A picture of one face, uint8 (H, W) or (H, W, 3), and its face's box (left, top, width, height), px."""

    pixels: np.ndarray
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Kind:
    """What a scene is to hold.

    Attributes
    ----------
    name : str
    width, height : px.
    faces : least and most faces.
    sizes : least and most side of a face, px; drawn evenly on a logarithmic scale.
    turn : faces are turned by up to so many degrees either way.
    together : all faces of a scene have the same turn, as in a photo held sideways.
    """

    name: str
    width: int
    height: int
    faces: tuple[int, int]
    sizes: tuple[float, float]
    turn: float = 10.0
    together: bool = False


KINDS = (
    Kind("several", 1024, 768, (3, 8), (24, 200)),
    Kind("one", 640, 480, (1, 1), (24, 280)),
    Kind("many", 1600, 1200, (30, 30), (24, 110)),
    Kind("turned", 800, 600, (1, 4), (60, 200), 180),
    Kind("sideways", 800, 600, (1, 4), (60, 200), 180, together=True),
    Kind("12 megapixels", 4000, 3000, (3, 12), (24, 400)),
    Kind("empty", 1024, 768, (0, 0), (24, 24)),
)


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with known faces.

    Attributes
    ----------
    kind : name of its kind.
    rgb_HWC : uint8 (H, W, 3).
    boxes_FB : float (F, 4), px; of a turned face the box that it has upright, about the same centre.
    turns_F : float (F,), degrees, counter-clockwise.
    """

    kind: str
    rgb_HWC: np.ndarray
    boxes_FB: np.ndarray
    turns_F: np.ndarray


def compose(
    kind: Kind, faces: Callable[[np.random.Generator], FacePicture], use: str, rng: np.random.Generator
) -> Scene:
    """One scene of that kind.

    Parameters
    ----------
    kind : Kind
    faces : draws a face
    use : "choosing" or "reporting": whose textures; "learning": drawn ones
    rng : its state decides all
    """
    rgb_HWC = background(kind.width, kind.height, use, rng)
    wanted = int(rng.integers(kind.faces[0], kind.faces[1] + 1))
    shared = rng.uniform(-kind.turn, kind.turn)
    boxes: list[tuple[float, float, float, float]] = []
    turns: list[float] = []
    sizes = np.exp(rng.uniform(math.log(kind.sizes[0]), math.log(kind.sizes[1]), wanted))
    for size in sorted(sizes, reverse=True):
        turn = shared if kind.together else rng.uniform(-kind.turn, kind.turn)
        face = faces(rng)
        middle = _free_place(boxes, size, kind, rng)
        if middle is None:
            continue
        boxes.append(lay(rgb_HWC, face, middle, float(size), float(turn)))
        turns.append(float(turn))
    return Scene(kind.name, rgb_HWC, np.array(boxes).reshape(-1, 4), np.array(turns))


def lay(
    rgb_HWC: np.ndarray, face: FacePicture, middle: tuple[float, float], size: float, turn: float
) -> tuple[float, float, float, float]:
    """Lay a face into a picture, in place; returns its box, px.

    Parameters
    ----------
    rgb_HWC : uint8 (H, W, 3), written to
    face : FacePicture
    middle : where the middle of its box comes to lie, px
    size : geometric mean of the box's sides there, px
    turn : degrees, counter-clockwise
    """
    left, top, wide, high = face.box
    scale = size / math.sqrt(wide * high)
    pixels = face.pixels
    shrunk = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(pixels, shrunk, interpolation=method)
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    about = ((left + wide / 2) * scale - 0.5, (top + high / 2) * scale - 0.5)
    reach = max(
        math.hypot(about[0] - corner_x, about[1] - corner_y)
        for corner_x in (0, pixels.shape[1])
        for corner_y in (0, pixels.shape[0])
    )
    x, y = (math.floor(place - reach) for place in middle)
    side = math.ceil(2 * reach) + 2
    matrix = cv2.getRotationMatrix2D(about, turn, 1.0)
    matrix[0, 2] += middle[0] - 0.5 - about[0] - x
    matrix[1, 2] += middle[1] - 0.5 - about[1] - y
    laid = cv2.warpAffine(
        pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(_rim(*pixels.shape[:2]), matrix, (side, side), flags=cv2.INTER_LINEAR)[..., None]
    from_y, from_x = max(0, y), max(0, x)
    to_y, to_x = min(rgb_HWC.shape[0], y + side), min(rgb_HWC.shape[1], x + side)
    into = rgb_HWC[from_y:to_y, from_x:to_x]
    inside = (slice(from_y - y, to_y - y), slice(from_x - x, to_x - x))
    into[:] = np.round(into * (1 - mask[inside]) + laid[inside] * mask[inside]).astype(np.uint8)
    wide, high = wide * scale, high * scale
    return middle[0] - wide / 2, middle[1] - high / 2, wide, high


def background(width: int, height: int, use: str, rng: np.random.Generator) -> np.ndarray:
    """A texture, uint8 (height, width, 3): some part of it, enlarged at most twice, mirrored to fill."""
    if use == LEARNING:
        return world(width, height, rng)
    texture = textures(use)[int(rng.integers(len(textures(use))))]
    enlarge = float(np.exp(rng.uniform(np.log(0.6), np.log(2.0))))
    rows, columns = (
        _mirrored(math.ceil(length / enlarge), period, int(rng.integers(2 * period)))
        for length, period in zip((height, width), texture.shape[:2], strict=True)
    )
    method = cv2.INTER_AREA if enlarge < 1 else cv2.INTER_LINEAR
    return cv2.resize(texture[rows][:, columns], (width, height), interpolation=method)


@cache
def textures(use: str) -> tuple[np.ndarray, ...]:
    """The textures of one half, uint8 (H, W, 3).

    Raises
    ------
    DataError
        Where scikit-image is not installed.
    """
    try:
        import skimage.data
    except ImportError as error:
        raise DataError("Scenes need the textures of scikit-image: pip install scikit-image.") from error
    found = []
    for name in TEXTURES[use]:
        made = getattr(skimage.data, name)()
        pixels = np.asarray(made[0] if isinstance(made, tuple) else made)
        pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        found.append(np.ascontiguousarray(pixels[..., :3], np.uint8))
    return tuple(found)


def drawn_from(pictures: Sequence[FacePicture]) -> Callable[[np.random.Generator], FacePicture]:
    """Draws one of these."""
    return lambda rng: pictures[int(rng.integers(len(pictures)))]


def _mirrored(length: int, period: int, start: int) -> np.ndarray:
    """Indices that run to and fro over a texture, int (length,)."""
    place = (np.arange(length) + start) % (2 * period)
    return np.where(place < period, place, 2 * period - 1 - place)


def _rim(height: int, width: int) -> np.ndarray:
    """How much of a patch shows, float32 (H, W): 1 inside a rounded square, fading to 0 at its rim."""
    y = np.abs(np.linspace(-1, 1, height))[:, None]
    x = np.abs(np.linspace(-1, 1, width))[None]
    return np.clip((1 - (x**6 + y**6) ** (1 / 6)) / FADE, 0, 1).astype(np.float32)


def _free_place(
    boxes: list[tuple[float, float, float, float]], size: float, kind: Kind, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Where a face of that size touches no other and no edge; None where that is not found."""
    room = 0.75 * size
    for _ in range(_TRIES):
        x, y = rng.uniform(room, kind.width - room), rng.uniform(room, kind.height - room)
        apart = (
            max(abs(x - left - wide / 2), abs(y - top - high / 2)) - 0.75 * max(wide, high)
            for left, top, wide, high in boxes
        )
        if min(apart, default=math.inf) > room:
            return float(x), float(y)
    return None


def box_around_eyes(middle: tuple[float, float], distance: float) -> tuple[float, float, float, float]:
    """The box of a face, px, from the middle of its eyes and their distance.

    From hairline to chin and from ear to ear, as far as Face Mesh goes on a frontal face: medians of its
    proportions over the London set, whose people look straight ahead.
    """
    width, height = distance / 0.436, distance / 0.436 * 1.18
    return middle[0] - width / 2, middle[1] - 0.32 * height, width, height
