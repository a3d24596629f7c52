"""A small face detector of our own: a fully convolutional network that slides over a pyramid of the picture.

It sees 24 × 24 px in grey and says whether a face fills them; tens of thousands of parameters, trained in
minutes on one core. It is a yardstick for the study of detectors (`training.detector_study`), not a part of
the product: what a simple detector reaches with the faces at hand. After Rowley, Baluja & Kanade 1998,
"Neural network-based face detection", with their search for hard negatives.

Shape suffixes: N patches, H height, W width.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fusion_model.boxes import Box, intersection_over_union, side, without_overlaps
from training.detection_scores import Found
from training.scenes import LEARNING, FacePicture, Kind, Scene, compose

PATCH = 24
STRIDE = 4
#: Each level of the pyramid is so much smaller than the one before.
STEP = 0.8
FLOOR = 0.1
#: Of more windows than this that show a face, only the surest are sorted out.
MOST = 600
BATCH = 64
LEARNING_RATE = 2e-3
LESSONS = Kind("lesson", 320, 240, (1, 3), (24, 90), turn=12)
EMPTY = Kind("empty lesson", 320, 240, (0, 0), (24, 24))
#: A face's patches are shifted by up to this share of its side, and larger or smaller by up to this factor.
NEAR, ALIKE = 0.1, 1.12

#: Channels of its layers.
WIDTHS = (24, 32, 48, 64)

Draw = Callable[[np.random.Generator], FacePicture]


class SmallDetector(nn.Module):
    """Pictures (N, 1, H, W), 0 to 1, to logits of a face in each patch, one every 4 px."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(1, WIDTHS[0], 3, 2),
            *_convolution(WIDTHS[0], WIDTHS[1], 3),
            *_convolution(WIDTHS[1], WIDTHS[2], 3, 2),
            *_convolution(WIDTHS[2], WIDTHS[3], 4),
            nn.Conv2d(WIDTHS[3], 1, 1),
        )

    def forward(self, pictures_N1HW: Tensor) -> Tensor:
        """Logits, (N, h, w)."""
        logits: Tensor = self.layers(pictures_N1HW - 0.5)
        return logits[:, 0]


def _convolution(before: int, after: int, size: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, size, stride, bias=False), nn.BatchNorm2d(after), nn.ReLU()


def train_small_detector(
    draw: Draw, lessons: int = 1600, epochs: int = 5, rounds: int = 5, seed: int = 0
) -> SmallDetector:
    """Train on patches of scenes over drawn backgrounds, then on with what it took for faces in others.

    Parameters
    ----------
    draw : draws a face
    lessons : scenes that patches are cut from; in each round a quarter as many are searched for mistakes
    epochs : in each round
    rounds : the first, and those after a search for mistakes
    seed : of scenes, weights and order
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SmallDetector()
    parts = [lesson_patches(compose(LESSONS, draw, LEARNING, rng), rng) for _ in range(lessons)]
    faces, others = (np.concatenate([part[index] for part in parts]) for index in (0, 1))
    for turn in range(rounds):
        if turn:
            others = np.concatenate([others, _mistakes(network, draw, lessons // 4, rng)])
        _learn(network, faces, others, epochs, rng)
    return network.eval()


def lesson_patches(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Patches (N, 24, 24) uint8 of a scene that a face fills, and others, five for each face."""
    grey_HW = cv2.cvtColor(scene.rgb_HWC, cv2.COLOR_RGB2GRAY)
    faces, others = [], []
    for box in scene.boxes_FB:
        size, middle = side(tuple(box)), box[:2] + box[2:] / 2
        for _ in range(2):
            shift = rng.uniform(-NEAR, NEAR, 2) * size
            faces.append(_patch(grey_HW, middle + shift, size * ALIKE ** rng.uniform(-1, 1)))
        for _ in range(3):
            angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.0) * size
            away = np.array([np.cos(angle), np.sin(angle)]) * far
            others.append(_patch(grey_HW, middle + away, size * 1.5 ** rng.uniform(-1, 1)))
        others.append(
            _patch(grey_HW, middle + rng.uniform(-0.2, 0.2, 2) * size, size * rng.choice([0.45, 2.2]))
        )
        place = rng.uniform((0, 0), grey_HW.shape[::-1])
        if not len(scene.boxes_FB) or (np.abs(place - middle) > size).any():
            others.append(_patch(grey_HW, place, rng.uniform(24, 100)))
    return _stack(faces, rng), _stack(others, rng)


class SmallFinder:
    """Slides the network over a picture."""

    def __init__(self, network: SmallDetector, smallest: float = 20.0) -> None:
        self.network = network.eval()
        self.smallest = smallest

    def find(self, rgb_HWC: np.ndarray) -> list[Found]:
        """Square boxes with the network's probability, from 0.1."""
        grey_HW = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2GRAY)
        scale, found = PATCH / self.smallest, []
        while min(grey_HW.shape) * scale >= PATCH:
            size = (round(grey_HW.shape[1] * scale), round(grey_HW.shape[0] * scale))
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            level = torch.from_numpy(cv2.resize(grey_HW, size, interpolation=method)).float() / 255
            with torch.inference_mode():
                scores_HW = torch.sigmoid(self.network(level[None, None]))[0].numpy()
            for row, column in np.argwhere(scores_HW >= FLOOR):
                box = (column * STRIDE / scale, row * STRIDE / scale, PATCH / scale, PATCH / scale)
                found.append(Found(box, float(scores_HW[row, column])))
            scale *= STEP
        surest = sorted(found, key=lambda item: item.score, reverse=True)[:MOST]
        return without_overlaps(surest)


def save_small_detector(network: SmallDetector, path: Path) -> None:
    """Write the weights, aside and then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside")
    save_file(network.state_dict(), aside)
    aside.replace(path)


def load_small_detector(path: Path) -> SmallDetector:
    """Read the weights."""
    network = SmallDetector()
    network.load_state_dict(load_file(path))
    return network.eval()


def _learn(
    network: SmallDetector, faces: np.ndarray, others: np.ndarray, epochs: int, rng: np.random.Generator
) -> None:
    patches_NHW = np.concatenate([faces, others])
    labels_N = np.concatenate([np.ones(len(faces)), np.zeros(len(others))]).astype(np.float32)
    steps = epochs * (len(labels_N) // BATCH + 1)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
    loss_of = nn.BCEWithLogitsLoss()
    network.train()
    for _ in range(epochs):
        order_N = rng.permutation(len(labels_N))
        for start in range(0, len(order_N), BATCH):
            chosen = order_N[start : start + BATCH]
            batch = torch.from_numpy(patches_NHW[chosen]).float()[:, None] / 255
            loss = loss_of(network(batch)[:, 0, 0], torch.from_numpy(labels_N[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _mistakes(network: SmallDetector, draw: Draw, scenes: int, rng: np.random.Generator) -> np.ndarray:
    """Patches (N, 24, 24) that the network takes for faces in new scenes, half of which have none."""
    finder, patches = SmallFinder(network, smallest=PATCH), []
    for number in range(scenes):
        scene = compose(EMPTY if number % 2 else LESSONS, draw, LEARNING, rng)
        grey_HW = cv2.cvtColor(scene.rgb_HWC, cv2.COLOR_RGB2GRAY)
        for found in finder.find(scene.rgb_HWC)[:40]:
            if _is_far(found.box, scene.boxes_FB):
                left, top, wide, high = found.box
                patches.append(_patch(grey_HW, np.array([left + wide / 2, top + high / 2]), wide))
    network.train()
    return _stack(patches, rng)


def _is_far(box: Box, boxes_FB: Sequence[np.ndarray] | np.ndarray) -> bool:
    return all(intersection_over_union(box, tuple(known)) < 0.3 for known in boxes_FB)


def _patch(grey_HW: np.ndarray, middle: np.ndarray, size: float) -> np.ndarray:
    side_px = max(1, round(size))
    rows, columns = (
        np.clip(np.arange(side_px) + round(place - size / 2), 0, length - 1)
        for place, length in zip(middle[::-1], grey_HW.shape, strict=True)
    )
    method = cv2.INTER_AREA if side_px > PATCH else cv2.INTER_LINEAR
    return cv2.resize(grey_HW[rows][:, columns], (PATCH, PATCH), interpolation=method)


def _stack(patches: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Patches (N, 24, 24) uint8, mirrored, darker or paler at random."""
    if not patches:
        return np.zeros((0, PATCH, PATCH), np.uint8)
    made = np.stack(patches).astype(np.float32)
    made = np.where(rng.random((len(made), 1, 1)) < 0.5, made[:, :, ::-1], made)
    contrast, light = rng.uniform(0.6, 1.2, (len(made), 1, 1)), rng.uniform(-30, 30, (len(made), 1, 1))
    return np.clip((made - 128) * contrast + 128 + light, 0, 255).astype(np.uint8)
