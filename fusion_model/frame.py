"""The frame of a FER-2013 picture, laid around any face: one similarity transform, eyes level.

Shape suffixes: H height, W width, L landmark, D coordinate, E eye (2).

In FER-2013 the midpoint of the eyes lies at (0.499, 0.393) of the picture and the eyes 0.359 of its width
apart (medians over all pictures with a mesh). Faces are brought to that frame, those of FER-2013 and those of
photographs alike, so that the networks see photographs framed as in their training.
"""

from dataclasses import dataclass

import cv2
import numpy as np

EYE_CENTRE = (0.499, 0.393)
EYE_DISTANCE = 0.359
#: Landmarks of the corners of the eye on the left of the picture (the person's right), and of the other one.
EYE_CORNERS = ((33, 133), (362, 263))


@dataclass(frozen=True)
class Frame:
    """A square picture framed as in FER-2013.

    Attributes
    ----------
    side : side of the FER-2013 frame, px.
    pad : px added around it on each side.
    """

    side: int
    pad: int = 0

    @property
    def size(self) -> int:
        """Side of the whole picture with its padding, px."""
        return self.side + 2 * self.pad

    @property
    def centre(self) -> np.ndarray:
        """Where the midpoint of the eyes lies, px (2,)."""
        return np.array(EYE_CENTRE) * self.side - 0.5 + self.pad

    @property
    def eye_distance(self) -> float:
        """Distance of the eyes, px."""
        return EYE_DISTANCE * self.side

    def eyes(self, width: float, height: float) -> np.ndarray:
        """Where the eyes lie on average in a FER-2013-like picture of that size, px (2, 2)."""
        half = EYE_DISTANCE / 2
        share = np.array([[EYE_CENTRE[0] - half, EYE_CENTRE[1]], [EYE_CENTRE[0] + half, EYE_CENTRE[1]]])
        return (share * (width, height) - 0.5).astype(np.float32)

    def cut(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Cut the frame out of a picture.

        Parameters
        ----------
        image : uint8 (H, W) or (H, W, 3)
        matrix : (2, 3) similarity from px of the picture to px of the frame

        Returns
        -------
        uint8 (size, size) or (size, size, 3); beyond the picture its edge is repeated. A picture that is
        larger than the frame is averaged over areas first, so that nothing aliases.
        """
        image, matrix = _shrunk(image, matrix, self.size)
        return cv2.warpAffine(
            image,
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )


FER_FRAME = Frame(48)


def frame_matrix(eyes_ED: np.ndarray, landmarks_LD: np.ndarray | None, frame: Frame) -> np.ndarray:
    """The similarity (2, 3), px of the picture to px of the frame, that levels and centres the eyes.

    Parameters
    ----------
    eyes_ED : (2, 2) eye centres, px of the picture, left of the picture first
    landmarks_LD : (478, 3) or None. With landmarks the eyes' distance is taken in three dimensions, so that
        a turned head is not enlarged.
    frame : Frame
    """
    across = np.asarray(eyes_ED[1] - eyes_ED[0], np.float64)
    flat = max(float(np.hypot(*across)), 1e-3)
    distance = flat if landmarks_LD is None else eye_distance(landmarks_LD)
    scale = frame.eye_distance / max(distance, 1e-3)
    cosine, sine = across / flat
    turn = scale * np.array([[cosine, sine], [-sine, cosine]])
    shift = frame.centre - turn @ np.asarray(eyes_ED, np.float64).mean(axis=0)
    return np.column_stack([turn, shift])


def eyes_of(landmarks_LD: np.ndarray) -> np.ndarray:
    """Centres (2, D) of the eyes, each the mean of its two corners: left of the picture first."""
    return np.stack([landmarks_LD[list(corners)].mean(axis=0) for corners in EYE_CORNERS])


def eye_distance(landmarks_LD: np.ndarray) -> float:
    """Distance of the eyes in three dimensions, px of the picture."""
    left, right = eyes_of(landmarks_LD)
    return float(np.linalg.norm(right - left))


def invert(matrix: np.ndarray) -> np.ndarray:
    """The inverse (2, 3) of an affine matrix (2, 3)."""
    inverse = np.linalg.inv(matrix[:, :2])
    return np.column_stack([inverse, -inverse @ matrix[:, 2]])


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine matrix (2, 3) that applies `first`, then `second`."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def _shrunk(image: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that the frame covers, averaged over whole pixel blocks, and its matrix."""
    step = int(1.0 / max(float(np.hypot(*matrix[:, 0])), 1e-6))
    if step < 2:
        return image, matrix
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], float) @ invert(matrix)[:, :2].T
    corners += invert(matrix)[:, 2]
    left, top = (int(v) for v in np.clip(corners.min(axis=0) - 2 * step, 0, (width - 1, height - 1)))
    right, bottom = (
        int(v) for v in np.clip(corners.max(axis=0) + 2 * step + 1, (left + 1, top + 1), (width, height))
    )
    part = image[top:bottom, left:right]
    high, wide = part.shape[0], part.shape[1]
    rows, columns = max(1, round(high / step)), max(1, round(wide / step))
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # Pixel centres again: x of the part lies at (x + .5) * columns / wide - .5 of the small picture.
    fx, fy = columns / wide, rows / high
    to_small = np.array([[fx, 0, (0.5 - left) * fx - 0.5], [0, fy, (0.5 - top) * fy - 0.5]])
    return small, compose(matrix, invert(to_small))
