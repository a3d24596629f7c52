"""Pictures answered off the event loop, by a bounded number of workers with a bounded queue.

MediaPipe's graphs belong to the thread that runs them, so every worker thread builds its own predictor.
A request beyond the queue is refused at once: a sentence now is worth more than an answer in a minute.
"""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from dashboard.state import Answer
from fusion_model.errors import ExpressionLensError
from fusion_model.images import decode_image

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.explain import Explanation
    from fusion_model.predictor import FacePrediction, PicturePrediction
    from fusion_model.tracking import Tracks

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

DISPLAY_SIDE = 1600  # px: more than the page ever shows, and a small message to the browser
MOST_JPEG = 1_500_000  # bytes of such a picture; common ones take a fifth
THUMBNAIL_SIDE = 240  # px: sharp at half of that
UNKNOWN_TROUBLE = (
    "This picture could not be answered because of a fault in the program. "
    "Its log says more; another picture may still work."
)


class BusyError(ExpressionLensError):
    """All workers are busy and the queue is full."""

    def __init__(self) -> None:
        super().__init__("Many pictures are waiting just now. Please try again in a few seconds.")


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
    return Predictor()


def default_explainer() -> ExplainerLike:
    """Explanations of the real models. Imported when first asked for: no answer waits for it."""
    from fusion_model.explain import Explainer

    return Explainer().of_prediction


class InferencePool:
    """A few worker threads with a predictor each.

    Parameters
    ----------
    factory : callable
        Makes a predictor; called once in each worker thread.
    explainer : callable
        Makes what explains answers; called in a worker, once explanations are asked for.
    workers : int
        Threads; by default one for each two cores, two at most.
    waiting : int
        Requests that may wait for a free worker; one more is refused with :class:`BusyError`.
    """

    def __init__(
        self,
        factory: PredictorFactory = default_predictor,
        *,
        explainer: ExplainerFactory = default_explainer,
        workers: int | None = None,
        waiting: int = 6,
    ) -> None:
        self.workers = workers or min(2, max(1, (os.cpu_count() or 2) // 2))
        self._factory = factory
        self._make_explainer = functools.cache(explainer)
        self._capacity = self.workers + waiting
        self._open = 0
        self._lock = threading.Lock()
        self._local = threading.local()
        self._predictors: list[PredictorLike] = []
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="predict")

    def warm(self) -> None:
        """Build the predictors in the background, so that the first picture need not wait for them."""
        for _ in range(self.workers):
            self._executor.submit(self._warm_one)

    @property
    def ready(self) -> bool:
        """Whether a worker has its models loaded."""
        return bool(self._predictors)

    def submit(self, data: bytes, models: Sequence[str] = ()) -> "Future[Answer]":
        """Queue the bytes of a picture file, for these models or the usual ones.

        Raises
        ------
        BusyError
            When the queue is full.
        """
        return self._queue(self._capacity, self._work, lambda: data, tuple(models))

    def submit_aside(self, read: Callable[[], bytes], models: Sequence[str] = ()) -> "Future[Answer]":
        """Queue a picture of many, which a worker reads; its errors are the answer's.

        Raises
        ------
        BusyError
            When half of the queue is taken: who shows a single picture should not wait for another's album.
        """
        return self._queue(self._half, self._work, read, tuple(models))

    def explain(self, face: "FacePrediction") -> "Future[Mapping[str, Explanation]]":
        """Queue the question what the answers for a face depend on.

        Raises
        ------
        BusyError
            When the queue is full.
        """
        return self._queue(self._capacity, self._explain, face)

    def follow(
        self, data: bytes, tracks: "Tracks | None", now: float, models: Sequence[str] = ()
    ) -> "Future[LiveReply]":
        """Queue a frame of a film: faces followed from the frame before, or None for the first.

        Raises
        ------
        BusyError
            When half of the queue is taken: a frame may be lost, a picture should not be.
        """
        return self._queue(self._half, self._work_frame, data, tracks, now, tuple(models))

    @property
    def _half(self) -> int:
        return self.workers + (self._capacity - self.workers) // 2

    def close(self) -> None:
        """Drop what waits, end the workers, close their predictors."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        while self._predictors:
            self._predictors.pop().close()

    def _queue(self, room: int, work: "Callable[..., Result]", *asked: object) -> "Future[Result]":
        with self._lock:
            if self._open >= room:
                raise BusyError
            self._open += 1
        future = self._executor.submit(work, *asked)
        future.add_done_callback(self._release)
        return future

    def _release(self, _: "Future[Any]") -> None:
        with self._lock:
            self._open -= 1

    def _predictor(self) -> PredictorLike:
        predictor: PredictorLike | None = getattr(self._local, "predictor", None)
        if predictor is None:
            predictor = self._local.predictor = self._factory()
            self._predictors.append(predictor)
        return predictor

    def _warm_one(self) -> None:
        try:
            self._predictor()
        # The first picture meets the same trouble and tells its sender.
        except ExpressionLensError as error:
            logger.warning("The models could not be loaded: %s", error)
        except Exception:
            logger.exception("The models could not be loaded")

    def _work(self, read: Callable[[], bytes], models: tuple[str, ...]) -> Answer:
        data = read()
        started = time.perf_counter()
        rgb = decode_image(data)
        decoded = time.perf_counter()
        predictor = self._predictor()
        prediction = predictor.predict(rgb, models) if models else predictor.predict(rgb)
        jpeg = display_jpeg(rgb)
        return Answer(
            jpeg=jpeg,
            prediction=prediction,
            milliseconds_decode=(decoded - started) * 1000,
            thumbnail=thumbnail_jpeg(jpeg),
        )

    def _explain(self, face: "FacePrediction") -> "Mapping[str, Explanation]":
        self._predictor()  # it sets how many threads the networks of this worker may take
        return self._make_explainer()(face)

    def _work_frame(
        self, data: bytes, tracks: "Tracks | None", now: float, models: tuple[str, ...]
    ) -> LiveReply:
        from fusion_model.tracking import Tracks

        predictor = self._predictor()
        prediction, tracks = predictor.follow(decode_image(data), tracks or Tracks(), now, models or None)
        return LiveReply(prediction, tuple(track.identity for track in tracks.current), tracks)


def outcome(future: "Future[Result]") -> Result | str:
    """What came of a request that is done: its result, or the sentence that says why there is none."""
    if future.cancelled():
        return "The program is closing."
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ExpressionLensError):
        return str(error)
    logger.error("A picture could not be answered", exc_info=error)
    return UNKNOWN_TROUBLE


def display_jpeg(rgb: np.ndarray, side: int = DISPLAY_SIDE) -> bytes:
    """The picture (H, W, 3) uint8 as JPEG bytes below MOST_JPEG, its longer side at most ``side`` pixels."""
    picture = Image.fromarray(rgb)
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
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
