"""What the tests of `fusion_model` share: a real face, one face finder, and small networks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_model.checkpoint import Card, save_checkpoint
from fusion_model.faces import Face, FaceFinder
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import ExpressionNetwork, build_network

SMALL_PIXELS = {"stem": 4, "stages": [4, 8, 8], "blocks": 1}
SMALL_LANDMARKS = {"hidden": 16, "features": 8, "dropout": 0.5}
SMALL_CONFIGS: dict[str, dict[str, Any]] = {
    "cnn": {"pixels": SMALL_PIXELS},
    "landmarks": {"landmarks": SMALL_LANDMARKS},
    "fusion": {"pixels": SMALL_PIXELS, "landmarks": SMALL_LANDMARKS, "hidden": 8},
    "wider": {"pixels": {**SMALL_PIXELS, "side": 56}, "extra": SMALL_LANDMARKS, "hidden": 8},
}


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins, uint8 (512, 512, 3), read-only."""
    import skimage.data

    picture_HWC = skimage.data.astronaut()
    picture_HWC.flags.writeable = False
    return picture_HWC


@pytest.fixture(scope="session")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder() as finder:
        yield finder


@pytest.fixture(scope="session")
def astronaut_face(astronaut: np.ndarray, finder: FaceFinder) -> Face:
    (face,) = finder.find(astronaut)
    return face


@pytest.fixture
def small_network() -> Callable[[str], ExpressionNetwork]:
    """Kind -> a small network with random weights whose answers differ clearly between faces."""

    def make(kind: str, classes: int = 7, seed: int = 0) -> ExpressionNetwork:
        torch.manual_seed(seed)
        network = build_network(kind, classes, SMALL_CONFIGS[kind])
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if name.startswith("head") or name.endswith("no_mesh"):
                    parameter.normal_(0, 2)
        return network.eval()

    return make


@pytest.fixture
def saved_model(small_network: Callable[[str], ExpressionNetwork], tmp_path: Path) -> Callable[..., Path]:
    """Kind -> weights of a small network of that kind, with their card, in `tmp_path`."""

    def save(kind: str, **changes: Any) -> Path:
        values = {"name": kind, "kind": kind, "config": SMALL_CONFIGS[kind], "labels": EXPRESSIONS} | changes
        path = tmp_path / f"{kind}.safetensors"
        save_checkpoint(path, small_network(kind), Card(**values))
        return path

    return save
