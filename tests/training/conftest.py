"""What the tests of `training` share: a tiny FER-2013 cut out of one real face, and recipes of its size."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from fusion_model.faces import Face, FaceFinder
from fusion_model.frame import Frame, frame_matrix
from training import photographs
from training.augment import Augmentation
from training.fer2013 import SPLITS, VOTE_COLUMNS, FaceDataset
from training.landmark_cache import Landmarks, landmarks_of
from training.photographs import DRAWN
from training.recipe import Recipe
from training.workers import Workers

SMALL_PIXELS = {"stem": 4, "stages": [4, 8, 8], "blocks": 1}
SMALL_LANDMARKS = {"hidden": 16, "features": 8, "dropout": 0.5}
COUNTS = {"Training": 24, "PublicTest": 8, "PrivateTest": 8}
#: Rows that show no face, rows that repeat a Training picture in a test split, as (row, row of the original).
WITHOUT_FACE = (5, 26, 33)
COPIES = ((25, 3), (39, 0))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds; deselect with -m 'not slow'")


@dataclass(frozen=True)
class TinyFer:
    """A FER-2013 of forty pictures on disk, with votes and a filled landmark cache."""

    csv: Path
    votes: Path
    cache: Path
    dataset: FaceDataset
    landmarks: Landmarks


@pytest.fixture(scope="session")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder() as finder:
        yield finder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins, uint8 (512, 512, 3)."""
    import skimage.data

    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def astronaut_face(astronaut: np.ndarray, finder: FaceFinder) -> Face:
    (face,) = finder.find(astronaut)
    return face


@pytest.fixture(scope="session")
def face_crops(astronaut: np.ndarray, astronaut_face: Face) -> np.ndarray:
    """Forty pictures like those of FER-2013, uint8 (40, 48, 48): the astronaut, a little moved and turned."""
    rng = np.random.default_rng(2013)
    frame, crops = Frame(48), []
    for _ in range(sum(COUNTS.values())):
        degrees, scale = rng.uniform(-12, 12), rng.uniform(0.9, 1.1)
        vary = cv2.getRotationMatrix2D((23.5, 23.5), degrees, scale)
        vary[:, 2] += rng.uniform(-2, 2, 2)
        matrix = frame_matrix(astronaut_face.eyes_ED, None, frame)
        moved = vary @ np.vstack([matrix, [0, 0, 1]])
        crops.append(cv2.cvtColor(frame.cut(astronaut, moved), cv2.COLOR_RGB2GRAY))
    return np.array(crops)


@pytest.fixture(scope="session")
def tiny_dataset(face_crops: np.ndarray) -> FaceDataset:
    rng = np.random.default_rng(0)
    images_NHW = face_crops.copy()
    images_NHW[WITHOUT_FACE[0]] = rng.integers(0, 256, (48, 48))
    images_NHW[list(WITHOUT_FACE[1:])] = 128
    for copy, original in COPIES:
        images_NHW[copy] = images_NHW[original]
    votes_NV = np.zeros((len(images_NHW), len(VOTE_COLUMNS)), np.float32)
    votes_NV[:, :3] = rng.multinomial(10, [0.5, 0.3, 0.2], len(images_NHW))
    votes_NV[7] = 0  # as some pictures of FER+
    return FaceDataset(
        images_NHW=images_NHW,
        labels_N=np.arange(len(images_NHW)) % 7,
        splits_N=np.repeat(SPLITS, [COUNTS[split] for split in SPLITS]),
        votes_NV=votes_NV,
    )


@pytest.fixture(scope="session")
def tiny_fer(tiny_dataset: FaceDataset, tmp_path_factory: pytest.TempPathFactory) -> TinyFer:
    folder = tmp_path_factory.mktemp("fer2013")
    rows, votes = ["emotion,pixels,Usage"], ["Usage,Image name," + ",".join(VOTE_COLUMNS)]
    assert tiny_dataset.votes_NV is not None
    for image_HW, label, split, votes_V in zip(
        tiny_dataset.images_NHW,
        tiny_dataset.labels_N,
        tiny_dataset.splits_N,
        tiny_dataset.votes_NV,
        strict=True,
    ):
        rows.append(f"{label},{' '.join(map(str, image_HW.ravel().tolist()))},{split}")
        votes.append(f"{split},picture.png,{','.join(str(int(count)) for count in votes_V)}")
    csv, votes_csv = folder / "fer2013.csv", folder / "fer2013new.csv"
    csv.write_text("\n".join(rows) + "\n")
    votes_csv.write_text("\n".join(votes) + "\n")
    landmarks = landmarks_of(tiny_dataset, folder / "cache", workers=Workers(1))
    return TinyFer(csv, votes_csv, folder / "cache", tiny_dataset, landmarks)


@pytest.fixture
def tiny_fairface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packed FairFace: five faces of noise and their labels, one to train on."""
    rng = np.random.default_rng(0)
    codes = [
        cv2.imencode(".jpg", cv2.GaussianBlur(rng.integers(0, 256, (64, 64)).astype(np.uint8), (9, 9), 3))[1]
        for _ in range(5)
    ]
    offsets = np.cumsum([0, *(len(code) for code in codes)])
    path = tmp_path / "fairface.npz"
    np.savez(path, jpeg=np.concatenate(codes).ravel(), offsets=offsets)
    rows = [
        (0, "training", DRAWN[0], "H", "happy"),
        (1, "validation", DRAWN[0], "NNH", "neutral"),
        (2, "validation", DRAWN[0], "HHH", "happy"),
        (3, "validation", DRAWN[1], "NHN", "neutral"),
        (4, "validation", DRAWN[1], "HHN", "happy"),
    ]
    table = tmp_path / "labels.csv"
    pd.DataFrame(rows, columns=["row", "use", "drawn", "said", "expression"]).to_csv(table, index=False)
    monkeypatch.setattr(photographs, "LABELS", table)
    edition = hashlib.sha256(offsets.astype(np.int64).tobytes()).hexdigest()[:16]
    monkeypatch.setattr(photographs, "EDITION", edition)
    return path


@pytest.fixture
def small_recipe() -> Callable[..., Recipe]:
    """Kind, and anything to change -> a recipe of a small network for the tiny data."""

    def make(kind: str, **changes: Any) -> Recipe:
        config: dict[str, Any] = {}
        if kind != "landmarks":
            config["pixels"] = SMALL_PIXELS
        if kind in ("landmarks", "fusion"):
            config["landmarks"] = SMALL_LANDMARKS
        if kind == "wider":
            config["extra"] = SMALL_LANDMARKS
        if kind in ("fusion", "wider"):
            config["hidden"] = 8
        recipe = Recipe(
            name=kind, kind=kind, config=config, epochs=3, batch=8, learning_rate=0.02, votes_weight=0.5
        )
        return replace(recipe, **changes)

    return make


@pytest.fixture
def no_augmentation() -> Augmentation:
    return Augmentation(**dict.fromkeys(Augmentation.__dataclass_fields__, 0.0))


@pytest.fixture
def own_folder(face_crops: np.ndarray, tmp_path: Path) -> Path:
    """Twenty-four face crops of two classes: eight each in train, four each in val."""
    from PIL import Image

    folder = tmp_path / "own"
    for number, crop_HW in enumerate(face_crops[:24]):
        split, name = ("train" if number < 16 else "val"), ("calm" if number % 2 else "merry")
        path = folder / split / name / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop_HW).save(path)
    return folder
