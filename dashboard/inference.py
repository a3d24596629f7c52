"""Pictures answered off the event loop, by a few workers with one bounded queue for all visitors.

MediaPipe's graphs belong to the thread that runs them, so every worker has its own predictor. Visitors take
turns. A request beyond the queue is refused at once: a sentence now is worth more than an answer in a minute.
"""

import copy
import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dashboard.cores import share_of_cores
from dashboard.fair_queue import FairQueue, Job
from dashboard.state import Answer
from dashboard.worker import (
    ExplainerFactory,
    LiveReply,
    PredictorFactory,
    Worker,
    default_explainer,
    default_predictor,
)
from dashboard.worker_process import ProcessWorker, TryAgainError
from fusion_model.errors import ExpressionLensError

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import Explanation, FacePrediction
    from fusion_model.tracking import Tracks

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

UNKNOWN_TROUBLE = (
    "This picture could not be answered because of a fault in the program. "
    "Its log says more; another picture may still work."
)
#: Requests that may wait: about as many as two workers answer in a few seconds.
MOST_WAITING = 24


class BusyError(TryAgainError):
    """All workers are busy, and the queue is full or this visitor's share of it is."""

    def __init__(self) -> None:
        super().__init__("Many pictures are waiting just now. Please try again in a few seconds.")


class InferencePool:
    """A few workers, each driven by a thread of its own.

    Parameters
    ----------
    factory : callable
        Makes a predictor; called once in each worker.
    explainer : callable
        Makes what explains answers; called in a worker, once explanations are asked for.
    workers : int
        How many; by default as many as the cores are good for.
    waiting : int
        Requests that may wait for a free worker; one more is refused with :class:`BusyError`. One visitor may
        take a quarter of the places, and two at least.
    apart : bool
        Whether each worker gets a process of its own: what kills it loses one answer, not the server.
    """

    def __init__(
        self,
        factory: PredictorFactory = default_predictor,
        *,
        explainer: ExplainerFactory = default_explainer,
        workers: int | None = None,
        waiting: int = MOST_WAITING,
        apart: bool = False,
    ) -> None:
        self.workers = workers or share_of_cores()
        self._make_worker = partial(ProcessWorker if apart else Worker, factory, explainer)
        self._capacity = self.workers + waiting
        self._owner: Hashable = None
        self._queue = FairQueue(share=max(2, waiting // 4))
        self._local = threading.local()
        self._workers: list[Worker | ProcessWorker] = []
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="predict")

    def on_behalf_of(self, owner: Hashable) -> "InferencePool":
        """The same pool, as one visitor sees it: its requests take turns with those of other visitors."""
        seen = copy.copy(self)
        seen._owner = owner
        return seen

    def warm(self) -> None:
        """Load the models in the background, so that the first picture need not wait for them."""
        for _ in range(self.workers):
            self._executor.submit(self._warm_one)

    @property
    def ready(self) -> bool:
        """Whether a worker has its models loaded."""
        return any(worker.ready for worker in self._workers)

    @property
    def open(self) -> int:
        """Requests that wait or are under way, of all visitors."""
        return len(self._queue)

    def submit(self, data: bytes, models: Sequence[str] = ()) -> "Future[Answer]":
        """Queue the bytes of a picture file, for these models or the usual ones.

        Raises
        ------
        BusyError
            When the queue is full.
        """
        return self._put(self._capacity, lambda worker: worker.answer(data, tuple(models)))

    def submit_aside(self, read: Callable[[], bytes], models: Sequence[str] = ()) -> "Future[Answer]":
        """Queue a picture of many, which is read when its turn comes; its errors are the answer's.

        Raises
        ------
        BusyError
            When half of the queue is taken: who shows a single picture should not wait for another's album.
        """
        return self._put(self._half, lambda worker: worker.answer(read(), tuple(models)))

    def explain(self, face: "FacePrediction") -> "Future[Mapping[str, Explanation]]":
        """Queue the question what the answers for a face depend on.

        Raises
        ------
        BusyError
            When the queue is full.
        """
        return self._put(self._capacity, lambda worker: worker.explain(face))

    def follow(
        self, data: bytes, tracks: "Tracks | None", now: float, models: Sequence[str] = ()
    ) -> "Future[LiveReply]":
        """Queue a frame of a film: faces followed from the frame before, or None for the first.

        Raises
        ------
        BusyError
            When half of the queue is taken: a frame may be lost, a picture should not be.
        """
        return self._put(self._half, lambda worker: worker.follow(data, tracks, now, tuple(models)))

    def close(self) -> None:
        """Drop what waits, end the workers."""
        self._queue.cancel()
        for worker in self._workers:
            worker.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)
        while self._workers:
            self._workers.pop().close()

    @property
    def _half(self) -> int:
        return self.workers + (self._capacity - self.workers) // 2

    def _put(self, room: int, work: "Callable[[Worker | ProcessWorker], Result]") -> "Future[Result]":
        job = Job(self._owner, work)
        if not self._queue.put(job, room):
            raise BusyError
        self._executor.submit(self._next)
        return job.future

    def _next(self) -> None:
        """One job of whoever's turn it is; there are as many calls as jobs, cancelled ones included."""
        job = self._queue.take()
        if job is None or not job.future.set_running_or_notify_cancel():
            return
        try:
            result = job.work(self._worker())
        except BaseException as error:
            if isinstance(error, ExpressionLensError):
                error.__traceback__ = None  # its frames hold the picture
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
        finally:
            del job  # else an error, its frame and the future would hold each other, and the picture

    def _worker(self) -> Worker | ProcessWorker:
        worker: Worker | ProcessWorker | None = getattr(self._local, "worker", None)
        if worker is None:
            worker = self._local.worker = self._make_worker()
            self._workers.append(worker)
        return worker

    def _warm_one(self) -> None:
        try:
            self._worker().warm()
        # The first picture meets the same trouble and tells its sender.
        except ExpressionLensError as error:
            logger.warning("The models could not be loaded: %s", error)
        except Exception:
            logger.exception("The models could not be loaded")


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


def may_try_again(future: "Future[Any]") -> bool:
    """Whether a request failed for a reason that may be gone in a moment."""
    return not future.cancelled() and isinstance(future.exception(), TryAgainError)
