"""Drawn pictures without faces, of any number: what a detector learns its backgrounds from.

Noise with a power-law spectrum, as natural pictures have (Field 1987, "Relations between the statistics of
natural images"), shapes and letters laid over each other, and waves. None is a photograph, so the textures on
which detectors are compared stay unseen.

Shape suffixes: H height, W width, C colour.
"""

import cv2
import numpy as np

#: Side of the square on which noise is made, px; it is enlarged and mirrored from there.
TILE = 256


def world(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A drawn picture in grey, uint8 (height, width, 3).

    Parameters
    ----------
    width, height : px
    rng : its state decides all
    """
    makers = (noise, shapes, waves)
    made_HW = makers[rng.choice(len(makers), p=[0.35, 0.45, 0.2])](width, height, rng)
    return np.repeat(made_HW[..., None], 3, axis=2)


def noise(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose amplitude falls with a power of the frequency, some with a grain; uint8 (H, W)."""
    y, x = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]
    angle = rng.uniform(0, np.pi)
    stretch = rng.uniform(2, 6) if rng.random() < 0.4 else 1.0
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    frequency = np.hypot(along, stretch * across)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / frequency ** rng.uniform(0.6, 2.2)
    made = np.fft.irfft2(spectrum, (TILE, TILE))
    made = (made - made.mean()) / made.std()
    if rng.random() < 0.3:
        made = np.abs(made) - 1  # ridges
    if rng.random() < 0.3:
        made = np.tanh(3 * made)  # patches
    grey = np.clip(128 + rng.uniform(20, 60) * made, 0, 255).astype(np.uint8)
    enlarge = float(np.exp(rng.uniform(0, np.log(4))))
    grey = cv2.resize(grey, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_LINEAR)
    more = [(0, max(0, wanted - have)) for wanted, have in zip((height, width), grey.shape, strict=True)]
    return np.pad(grey, more, mode="symmetric")[:height, :width]


def shapes(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Discs, bars, polygons and letters over each other, here and there out of focus; uint8 (H, W)."""
    plain = np.full((height, width), rng.integers(256), np.uint8)
    grey = noise(width, height, rng) if rng.random() < 0.5 else plain
    grey = np.ascontiguousarray(grey)
    for _ in range(int(rng.integers(20, 150))):
        _lay_one(grey, rng)
    if rng.random() < 0.5:
        grey = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.5, 2.5)))
    return grey


def waves(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Gratings, soft or hard, and rings over each other; uint8 (H, W)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    made = rng.uniform(0, 2) * cv2.GaussianBlur(
        rng.standard_normal((height, width)).astype(np.float32), (0, 0), float(rng.uniform(0.5, 4))
    )
    for _ in range(int(rng.integers(1, 4))):
        angle, length = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(5), np.log(80)))
        place = x * np.cos(angle) + y * np.sin(angle)
        if rng.random() < 0.25:
            place = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height))
        wave = np.sin(2 * np.pi * place / length + rng.uniform(0, 2 * np.pi))
        made = made + (np.sign(wave) if rng.random() < 0.3 else wave)
    return np.clip(128 + made * rng.uniform(15, 60), 0, 255).astype(np.uint8)


def _lay_one(grey_HW: np.ndarray, rng: np.random.Generator) -> None:
    """Lay one shape or word into the picture, in place."""
    height, width = grey_HW.shape
    place = int(rng.integers(width)), int(rng.integers(height))
    other = int(rng.integers(width)), int(rng.integers(height))
    size = float(np.exp(rng.uniform(np.log(2), np.log(60))))
    level = (int(rng.integers(256)),)
    line = -1 if rng.random() < 0.6 else int(rng.integers(1, 5))
    match int(rng.integers(5)):
        case 0:
            axes = (int(size) + 1, int(size * rng.uniform(0.3, 1.0)) + 1)
            cv2.ellipse(grey_HW, place, axes, float(rng.uniform(0, 180)), 0, 360, level, line, cv2.LINE_AA)
        case 1:
            corner = (int(place[0] + size * rng.uniform(0.3, 3)), int(place[1] + size * rng.uniform(0.3, 3)))
            cv2.rectangle(grey_HW, place, corner, level, line)
        case 2:
            cv2.line(grey_HW, place, other, level, int(rng.integers(1, 8)), cv2.LINE_AA)
        case 3:
            corners = np.array(place) + rng.normal(0, size, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(grey_HW, [corners.astype(np.int32)], level, cv2.LINE_AA)
        case _:
            word = "".join(chr(letter) for letter in rng.integers(33, 127, int(rng.integers(1, 12))))
            font, thick = int(rng.integers(8)), int(rng.integers(1, 4))
            cv2.putText(grey_HW, word, place, font, size / 20 + 0.2, level, thick, cv2.LINE_AA)
