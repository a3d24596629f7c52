"""Stand-ins for the models and the prediction table: the dashboard's logic is tested in milliseconds."""

import threading
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from PIL import Image

from dashboard.state import Answer
from fusion_model.answers import FacePrediction, ModelAnswer, PicturePrediction
from fusion_model.evaluation import compare_models, model_figures
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import of_split, read_table, table_from_frame, write_table

Box = tuple[int, int, int, int]


def shown(view, *kinds: type) -> list:
    """The parts of a page of these kinds that are shown."""
    parts = view.__panel__().select()
    hidden = {id(inner) for part in parts if not part.visible for inner in part.select()}
    return [part for part in parts if isinstance(part, kinds) and id(part) not in hidden]


def texts(view) -> str:
    """All words of a page that are shown."""
    return " ".join(str(part.object) for part in shown(view, pn.pane.HTML, pmui.Alert))


def charts(view) -> int:
    return len(shown(view, pn.pane.Bokeh))


def model_answer(label: str, share: float = 0.7) -> ModelAnswer:
    rest = (1 - share) / (len(EXPRESSIONS) - 1)
    return ModelAnswer(label, {name: share if name == label else rest for name in EXPRESSIONS})


def face(box: Box = (10, 20, 80, 100), *, cnn: str = "happy", fusion: str = "happy", mesh: bool = True):
    return FacePrediction(
        box=box,
        landmarks_found=mesh,
        landmarks_LD=None,
        crop_HW=np.full((48, 48), 128, dtype=np.uint8),
        models={"cnn": model_answer(cnn, 0.6), "fusion": model_answer(fusion, 0.9)},
    )


def answer(*faces: FacePrediction, width: int = 400, height: int = 300) -> Answer:
    milliseconds = {"find": 8.0, "prepare": 2.0, "cnn": 4.0, "fusion": 5.0}
    return Answer(b"jpeg", PicturePrediction(width, height, faces, milliseconds), 1.0)


def picture(width: int = 64, height: int = 48) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), (120, 90, 60)).save(out, "PNG")
    return out.getvalue()


class FakePredictor:
    """Finds as many faces as it is told; waits for its gate, so that a test can keep a worker busy."""

    def __init__(self, faces: int = 1, gate: threading.Event | None = None) -> None:
        self.faces = tuple(face((5 * i, 5 * i, 40 - 5 * i, 40 - 5 * i)) for i in range(faces))
        self.gate = gate
        self.threads: set[int] = set()
        self.closed = False

    def predict(self, rgb: np.ndarray) -> PicturePrediction:
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            assert self.gate.wait(20)
        return PicturePrediction(rgb.shape[1], rgb.shape[0], self.faces, {"find": 1.0, "cnn": 1.0})

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def make_face() -> Callable[..., FacePrediction]:
    return face


@pytest.fixture
def make_answer() -> Callable[..., Answer]:
    return answer


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def fake_predictor() -> type[FakePredictor]:
    return FakePredictor


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.005)

    return wait


def _frame(sharpness: float) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    truth_N = draw.integers(0, len(EXPRESSIONS), 300)
    frame = {
        "row": np.arange(300),
        "split": np.where(np.arange(300) < 100, "PublicTest", "PrivateTest"),
        "label": np.array(EXPRESSIONS)[truth_N],
        "mesh_found": 1,
        "copy_in_training": (np.arange(300) % 10 == 0).astype(int),
    }
    for model, skill in (("cnn", 0.8), ("fusion", 1.2)):
        scores_NK = draw.normal(size=(300, len(EXPRESSIONS)))
        scores_NK[np.arange(300), truth_N] += skill + sharpness
        shares_NK = np.exp(scores_NK) / np.exp(scores_NK).sum(axis=1, keepdims=True)
        frame |= {f"{model}_{name}": shares_NK[:, i] for i, name in enumerate(EXPRESSIONS)}
    return pd.DataFrame(frame)


@pytest.fixture(scope="session")
def table_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prediction tables with and without mirror images: 300 made-up rows, 200 of them PrivateTest."""
    folder = tmp_path_factory.mktemp("tables")
    paths = (folder / "table.csv.gz", folder / "unmirrored.csv.gz")
    for path, sharpness in zip(paths, (0.3, 0.0), strict=True):
        write_table(table_from_frame(_frame(sharpness)), path)
    return paths


@pytest.fixture(scope="session")
def asked(table_files: tuple[Path, Path]) -> SimpleNamespace:
    """Figures of the 200 rows of PrivateTest: ``asked.figures("cnn")``."""
    table = of_split(read_table(table_files[0]), "PrivateTest")
    return SimpleNamespace(figures=partial(model_figures, table), comparison=partial(compare_models, table))
