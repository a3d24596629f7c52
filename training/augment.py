"""Augmentation: one random similarity a face, composed with its alignment, so each picture is resampled once.

Shape suffixes: B batch, H height, W width, L landmark, D coordinate.

All randomness of a batch is drawn at once from one generator, so that a resumed run, and each process of
several, sees the very batches of one uninterrupted run.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fusion_model.frame import compose
from fusion_model.preprocess import SIDE


@dataclass(frozen=True)
class Augmentation:
    """How strongly training pictures are varied.

    Attributes
    ----------
    rotation : largest turn, degrees.
    scale : largest change of size, share.
    shift : largest shift, share of the crop's side.
    flip : chance of mirroring.
    gamma : spread of the logarithm of the exponent on grey levels (contrast itself is normalised away).
    blur : chance of a Gaussian blur of 0.3 to `blur_most` px.
    blur_most : px of the crop.
    sharpen : chance that edges are raised by up to their own height again, where there is no blur.
    noise : chance of noise on every pixel, before blur or sharpening; its spread is up to `noise_most`.
    noise_most : share of the crop's own spread of grey levels.
    jpeg : chance that the crop is stored as JPEG, of a quality from 40 to 95, and read again.
    erase : chance of a grey rectangle over the crop.
    head_turn : largest turn of the head, up or down and sideways, degrees (`training.head_turns`).
    stretch : largest change of the face's height against its width in the crop, share.
    landmark_noise : spread of each landmark coordinate, eye distances.
    landmark_turn : largest turn of the mesh about each of the three axes, degrees.
    mesh_dropout : chance that a face is shown without its mesh.
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    flip: float = 0.5
    gamma: float = 0.3
    blur: float = 0.1
    blur_most: float = 1.0
    sharpen: float = 0.0
    noise: float = 0.0
    noise_most: float = 0.2
    jpeg: float = 0.0
    erase: float = 0.5
    head_turn: float = 0.0
    stretch: float = 0.0
    landmark_noise: float = 0.01
    landmark_turn: float = 3.0
    mesh_dropout: float = 0.05

    def __post_init__(self) -> None:
        """Check."""
        for name in ("flip", "blur", "sharpen", "noise", "jpeg", "erase", "mesh_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a chance between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Draw:
    """The random choices for one batch, one row a picture."""

    matrices_B23: np.ndarray
    flip_B: np.ndarray
    gamma_B: np.ndarray
    blur_B: np.ndarray
    erase_B4: np.ndarray
    turns_B33: np.ndarray
    landmark_noise_BLD: np.ndarray
    drop_mesh_B: np.ndarray
    sharpen_B: np.ndarray
    noise_B: np.ndarray
    noise_seed_B: np.ndarray
    jpeg_B: np.ndarray
    head_turns_B3: np.ndarray


def draw(augmentation: Augmentation, count: int, landmarks: int, rng: np.random.Generator) -> Draw:
    """Draw the choices for a batch of `count` pictures with so many landmarks each."""
    a = augmentation
    return Draw(
        matrices_B23=_similarities(a, count, rng),
        flip_B=rng.random(count) < a.flip,
        gamma_B=np.exp(rng.normal(0, a.gamma, count).clip(-1, 1)),
        blur_B=np.where(rng.random(count) < a.blur, rng.uniform(0.3, max(0.3, a.blur_most), count), 0),
        erase_B4=_rectangles(a, count, rng),
        turns_B33=_turns(np.deg2rad(rng.uniform(-a.landmark_turn, a.landmark_turn, (count, 3)))),
        landmark_noise_BLD=rng.standard_normal((count, landmarks, 3), np.float32) * a.landmark_noise,
        drop_mesh_B=rng.random(count) < a.mesh_dropout,
        # Drawn last: recipes without these see the very pictures that they saw before there were any.
        sharpen_B=np.where(rng.random(count) < a.sharpen, rng.uniform(0, 1, count), 0),
        noise_B=np.where(rng.random(count) < a.noise, rng.uniform(0, a.noise_most, count), 0),
        noise_seed_B=rng.integers(2**63, size=count),
        jpeg_B=np.where(rng.random(count) < a.jpeg, rng.integers(40, 96, count), 0),
        head_turns_B3=_head_turns(a, count, rng),
    )


def vary_crop(crop_HW: np.ndarray, draw: Draw, row: int) -> np.ndarray:
    """A crop, uint8, with the grey levels, noise, blur and erasing of row `row` of the draw."""
    if draw.gamma_B[row] != 1:
        levels = 255 * (np.arange(256) / 255) ** draw.gamma_B[row]
        crop_HW = cv2.LUT(crop_HW, levels.astype(np.uint8))
    if draw.noise_B[row]:
        rng = np.random.default_rng(draw.noise_seed_B[row])
        crop_HW = with_noise(crop_HW, draw.noise_B[row] * float(crop_HW.std()), rng)
    if draw.blur_B[row]:
        crop_HW = cv2.GaussianBlur(crop_HW, (5, 5), float(draw.blur_B[row]))
    elif draw.sharpen_B[row]:
        crop_HW = sharpened(crop_HW, float(draw.sharpen_B[row]))
    if draw.jpeg_B[row]:
        crop_HW = as_jpeg(crop_HW, int(draw.jpeg_B[row]))
    top, left, high, wide = draw.erase_B4[row]
    if high:
        # The crop's own mean, so that its contrast, which the networks see normalised, stays the face's.
        mean = round(float(crop_HW.mean()))
        crop_HW = crop_HW.copy()
        crop_HW[top : top + high, left : left + wide] = mean
    return crop_HW


def with_noise(image_HW: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """A picture, uint8, with white noise of that standard deviation, grey levels."""
    noise_HW = rng.standard_normal(image_HW.shape, np.float32)
    return _levels(image_HW + np.float32(spread) * noise_HW)


def sharpened(image_HW: np.ndarray, share: float) -> np.ndarray:
    """A picture, uint8, where what a Gaussian of 1 px takes away is added once more, by that share."""
    edges_HW: np.ndarray = image_HW - cv2.GaussianBlur(image_HW, (5, 5), 1.0).astype(np.float32)
    return _levels(image_HW + np.float32(share) * edges_HW)


def as_jpeg(image_HW: np.ndarray, quality: int) -> np.ndarray:
    """A picture, uint8, stored as JPEG of that quality (0 to 100) and read again."""
    code = cv2.imencode(".jpg", image_HW, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)


def vary_landmarks(landmarks_BLD: np.ndarray, turns_B33: np.ndarray, noise_BLD: np.ndarray) -> np.ndarray:
    """Landmarks turned and jittered, float32 (B, L, 3)."""
    return (landmarks_BLD @ turns_B33.transpose(0, 2, 1) + noise_BLD).astype(np.float32)


def _levels(values_HW: np.ndarray) -> np.ndarray:
    """Grey levels, uint8, nearest to numbers."""
    return values_HW.round().clip(0, 255).astype(np.uint8)


def _similarities(a: Augmentation, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random turns and scalings about the crop's centre, and shifts: (B, 2, 3), px of crop to px of crop."""
    angle = np.deg2rad(rng.uniform(-a.rotation, a.rotation, count))
    scale = rng.uniform(1 - a.scale, 1 + a.scale, count)
    shift_B2 = rng.uniform(-a.shift, a.shift, (count, 2)) * SIDE
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrices = np.zeros((count, 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = cosine
    matrices[:, 0, 1], matrices[:, 1, 0] = -sine, sine
    centre = np.full(2, (SIDE - 1) / 2)
    matrices[:, :, 2] = centre + shift_B2 - matrices[:, :, :2] @ centre
    return matrices


def _rectangles(a: Augmentation, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rectangles to erase, (B, 4) as top, left, height, width in px; height 0 for none. Zhong et al. 2020."""
    area = rng.uniform(0.02, 0.2, count) * SIDE**2
    ratio = np.exp(rng.uniform(np.log(0.4), np.log(2.5), count))
    high = np.sqrt(area * ratio).astype(int).clip(1, SIDE)
    wide = np.sqrt(area / ratio).astype(int).clip(1, SIDE)
    top, left = rng.integers(0, SIDE - high + 1), rng.integers(0, SIDE - wide + 1)
    return np.column_stack([top, left, np.where(rng.random(count) < a.erase, high, 0), wide])


def _head_turns(a: Augmentation, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw, radians, and factor of heights, (B, 3); 0, 0 and 1 for a head that stays as it is."""
    angles_B2 = np.deg2rad(rng.uniform(-a.head_turn, a.head_turn, (count, 2)))
    return np.column_stack([angles_B2, 1 + rng.uniform(-a.stretch, a.stretch, count)])


def _turns(angles_B3: np.ndarray) -> np.ndarray:
    """Rotation matrices (B, 3, 3) about x, then y, then z, from angles in radians."""
    made = np.eye(3)[None]
    for axis in range(3):
        cosine, sine = np.cos(angles_B3[:, axis]), np.sin(angles_B3[:, axis])
        turn = np.zeros((len(angles_B3), 3, 3))
        i, j = [k for k in range(3) if k != axis]
        turn[:, axis, axis] = 1
        turn[:, i, i] = turn[:, j, j] = cosine
        turn[:, i, j], turn[:, j, i] = -sine, sine
        made = turn @ made
    return made


def flipped(matrix: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) of a crop, followed by mirroring the crop."""
    return compose(np.array([[-1.0, 0, SIDE - 1], [0, 1, 0]]), matrix)
