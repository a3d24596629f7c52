"""What a worker does with a picture, a frame of the camera, or a question: the work itself, in one thread.

A worker lives in a thread of the server (tests) or in a process of its own (`dashboard.worker_process`): all
that it takes and gives can be pickled.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from PIL import Image

from dashboard.state import Answer
from fusion_model.images import decode_image

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import Explanation, FacePrediction, PicturePrediction
    from fusion_model.tracking import Tracks

DISPLAY_SIDE = 1600  # px: more than the page ever shows, and a small message to the browser
MOST_JPEG = 1_500_000  # bytes of such a picture; common ones take a fifth
THUMBNAIL_SIDE = 240  # px: sharp at half of that


@dataclass(frozen=True)
class LiveReply:
    """One frame of the camera answered.

    Attributes
    ----------
    prediction : PicturePrediction
        Faces and probabilities, boxes in pixels of the frame.
    identities : tuple of int
        Numbers of the faces, in the same order; a face keeps its number from frame to frame.
    tracks : Tracks
        For the next frame.
    """

    prediction: "PicturePrediction"
    identities: tuple[int, ...]
    tracks: "Tracks"


class PredictorLike(Protocol):
    """What a worker needs: :class:`fusion_model.predictor.Predictor`, or a stand-in for tests."""

    def predict(self, rgb: np.ndarray, models: Sequence[str] | None = None, /) -> "PicturePrediction":
        """Faces and probabilities of an RGB uint8 picture (H, W, 3), by these models or the usual ones."""
        ...

    def follow(
        self, rgb: np.ndarray, tracks: "Tracks", now: float, models: Sequence[str] | None = None, /
    ) -> "tuple[PicturePrediction, Tracks]":
        """The same of the next frame of a film, whose faces were followed until now, s."""
        ...

    def close(self) -> None:
        """Give back what the predictor holds."""
        ...


class ExplainerLike(Protocol):
    """What explains answers: `fusion_model.explain.Explainer.of_prediction`, or a stand-in for tests."""

    def __call__(self, face: "FacePrediction", /) -> "Mapping[str, Explanation]":
        """What the answers for a face depend on, by model."""
        ...


PredictorFactory = Callable[[], PredictorLike]
ExplainerFactory = Callable[[], ExplainerLike]


def default_predictor() -> PredictorLike:
    """The real models. Imported here, inside a worker: PyTorch takes seconds and the page need not wait."""
    import torch

    from fusion_model.predictor import Predictor

    # One thread a worker: two workers that each took all cores would only wait for each other.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return Predictor()


def default_explainer() -> ExplainerLike:
    """Explanations of the real models. Imported when first asked for: no answer waits for it."""
    from fusion_model.explain import Explainer

    return Explainer().of_prediction


class Worker:
    """Answers, with a predictor that is made when first needed.

    Parameters
    ----------
    factory : callable
        Makes the predictor.
    explainer : callable
        Makes what explains answers, once explanations are asked for.
    """

    def __init__(
        self, factory: PredictorFactory = default_predictor, explainer: ExplainerFactory = default_explainer
    ) -> None:
        self._factory = factory
        self._predictor: PredictorLike | None = None
        self._make_explainer = functools.cache(explainer)
        self._printer = ThreadPoolExecutor(1, thread_name_prefix="print")

    @property
    def ready(self) -> bool:
        """Whether the models are loaded."""
        return self._predictor is not None

    def warm(self) -> None:
        """Load the models, so that the first picture need not wait for them."""
        self._models()

    def answer(self, data: bytes, models: tuple[str, ...]) -> Answer:
        """A picture file answered, by these models or the usual ones; `ImageError` for what is none."""
        started = time.perf_counter()
        rgb = decode_image(data)
        decoded = time.perf_counter()
        # On another core, while the models look: a large picture takes a fifth of the whole time.
        kept = self._printer.submit(_kept, rgb)
        predictor = self._models()
        prediction = predictor.predict(rgb, models) if models else predictor.predict(rgb)
        jpeg, thumbnail = kept.result()
        return Answer(jpeg, prediction, (decoded - started) * 1000, thumbnail)

    def explain(self, face: "FacePrediction") -> "Mapping[str, Explanation]":
        """What the answers for a face depend on, by model."""
        self._models()  # it sets how many threads the networks of this worker may take
        return self._make_explainer()(face)

    def follow(self, data: bytes, tracks: "Tracks | None", now: float, models: tuple[str, ...]) -> LiveReply:
        """The next frame of a film, whose faces were followed until now, s; None before the first."""
        from fusion_model.tracking import Tracks

        predictor = self._models()
        prediction, tracks = predictor.follow(decode_image(data), tracks or Tracks(), now, models or None)
        return LiveReply(prediction, tuple(track.identity for track in tracks.current), tracks)

    def stop(self) -> None:
        """Nothing can be stopped in a thread: what is under way is waited for."""

    def close(self) -> None:
        """Give back what the predictor holds."""
        self._printer.shutdown()
        if self._predictor is not None:
            self._predictor.close()
            self._predictor = None

    def _models(self) -> PredictorLike:
        if self._predictor is None:
            self._predictor = self._factory()
        return self._predictor


def _kept(rgb: np.ndarray) -> tuple[bytes, bytes]:
    """What is kept of a picture: as JPEG for the page, and as thumbnail."""
    jpeg = display_jpeg(rgb)
    return jpeg, thumbnail_jpeg(jpeg)


def display_jpeg(rgb: np.ndarray, side: int = DISPLAY_SIDE) -> bytes:
    """The picture (H, W, 3) uint8 as JPEG bytes below MOST_JPEG, its longer side at most ``side`` pixels."""
    height, width = rgb.shape[:2]
    longer = max(height, width)
    # Whole blocks of pixels first: averaging them takes an eighth of the time that other ratios take.
    for target in (longer // (longer // side) if longer >= 2 * side else side, side):
        if longer > target:
            size = (max(1, round(width * target / longer)), max(1, round(height * target / longer)))
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
            height, width = rgb.shape[:2]
            longer = max(height, width)
    picture = Image.fromarray(rgb)
    jpeg = jpeg_bytes(picture, 88)
    if len(jpeg) > MOST_JPEG:  # little but noise
        jpeg = jpeg_bytes(picture, 40)
    return jpeg


def thumbnail_jpeg(jpeg: bytes, side: int = THUMBNAIL_SIDE) -> bytes:
    """A small JPEG of a JPEG; the decoder itself reads it at a fraction of its size."""
    with Image.open(BytesIO(jpeg)) as picture:
        picture.draft("RGB", (side, side))
        picture.thumbnail((side, side))
        return jpeg_bytes(picture, 80)


def jpeg_bytes(picture: Image.Image, quality: int) -> bytes:
    """The pixels as JPEG, and nothing else: no EXIF, no profile."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
