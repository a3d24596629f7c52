"""A worker in a process of its own: what kills it loses one answer, not the server and all its sessions.

Native code decodes the pictures, finds the faces and runs the networks. Should it crash, hang or run out of
memory at a picture, its process ends and the next picture gets a new one (docs/decisions/0020). Nor does the
work there hold up the event loop, as it would with threads that share one interpreter. The two talk over a
pipe in memory; nothing reaches the disk.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from dashboard.forgetting import overwrite_what_is_freed
from dashboard.state import Answer
from dashboard.worker import (
    ExplainerFactory,
    LiveReply,
    PredictorFactory,
    Worker,
    default_explainer,
    default_predictor,
)
from fusion_model.errors import ExpressionLensError

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import Explanation, FacePrediction
    from fusion_model.tracking import Tracks

#: No picture takes so long, on any machine: what does hangs.
PATIENCE_S = 60.0
#: Nor does any start: a cold disk included.
START_S = 300.0
END_S = 5.0
#: Large pictures in large pages of memory: to hand out 80 MB in 20,000 pieces takes the kernel a third of a
#: decoder's time. A tunable of the GNU C library, which reads it when a process starts.
LARGE_PAGES = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")


class TryAgainError(ExpressionLensError):
    """Nothing is wrong with the picture as far as is known: the same may be answered a moment later."""


class WorkerLostError(TryAgainError):
    """The worker ended, or was ended, in the middle of a picture."""


LOST = (
    "The part of the program that answers pictures stopped at this one and was started again. "
    "Please try again; should it stop once more, use another picture."
)
TOO_SLOW = (
    f"This picture took more than {PATIENCE_S:g} seconds and was given up. Please try again, "
    "or use a smaller picture."
)


class ProcessWorker:
    """Stands in for a `Worker` that lives in a child process. Used by one thread at a time.

    Parameters
    ----------
    factory, explainer : callable
        As `Worker` takes them; importable by name, since the child imports them.
    patience : float
        Seconds after which a request is given up and the child ended.
    """

    def __init__(
        self,
        factory: PredictorFactory = default_predictor,
        explainer: ExplainerFactory = default_explainer,
        patience: float = PATIENCE_S,
    ) -> None:
        self._made_with = (factory, explainer)
        self._patience = patience
        self._process: Any = None
        self._pipe: Connection | None = None
        self._stopped = False
        self.ready = False

    @property
    def pid(self) -> int | None:
        """The child's process id; None before it is started."""
        return None if self._process is None else self._process.pid

    def warm(self) -> None:
        """Start the child and load the models there."""
        self._call(START_S, "warm")
        self.ready = True

    def answer(self, data: bytes, models: tuple[str, ...]) -> Answer:
        """As `Worker.answer`; `WorkerLostError` when the child ended over it."""
        return self._asked("answer", data, models)

    def explain(self, face: "FacePrediction") -> "Mapping[str, Explanation]":
        """As `Worker.explain`, likewise."""
        return self._asked("explain", face)

    def follow(self, data: bytes, tracks: "Tracks | None", now: float, models: tuple[str, ...]) -> LiveReply:
        """As `Worker.follow`, likewise."""
        return self._asked("follow", data, tracks, now, models)

    def stop(self) -> None:
        """End the child, whatever it does; may be called from any thread. It is not started again."""
        self._stopped = True
        process = self._process
        if process is not None:
            with contextlib.suppress(ValueError):  # closed in the meantime
                process.kill()

    def close(self) -> None:
        """End the child."""
        self.ready = False
        if self._pipe is not None:
            self._pipe.close()  # it ends when it hears no more
            self._pipe = None
        if self._process is not None:
            self._process.join(END_S)
            self._process.kill()
            self._process.join(END_S)
            self._process.close()
            self._process = None

    def _asked(self, name: str, *values: object) -> Any:
        if not self.ready:
            self.warm()  # loading models is not counted against the picture's time
        return self._call(self._patience, name, *values)

    def _call(self, patience: float, name: str, *values: object) -> Any:
        pipe = self._sent((name, values))
        try:
            if not pipe.poll(patience):
                self._end()
                raise WorkerLostError(TOO_SLOW)
            told, result = pipe.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise WorkerLostError(LOST) from error
        if told:
            return result
        raise result

    def _sent(self, request: tuple[str, tuple[object, ...]]) -> Connection:
        """The request, sent. A child that ended since the last one never saw it: it goes to a new one."""
        for _ in range(2):
            if self._stopped:
                break
            if self._pipe is None:
                self._start()
            assert self._pipe is not None
            try:
                self._pipe.send(request)
                return self._pipe
            except OSError:
                self._end()
        raise WorkerLostError(LOST)

    def _start(self) -> None:
        os.environ.setdefault(*LARGE_PAGES)  # for the child; this process has read it
        # spawn: the child has nothing of the server's memory, and no lock that another thread of it held.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, *self._made_with), name="worker", daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is heard

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.close()


def serve(pipe: Connection, factory: PredictorFactory, explainer: ExplainerFactory) -> None:
    """The child: answer requests until the server is heard no more."""
    # The interrupt of a terminal reaches all processes; the server ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    overwrite_what_is_freed()
    worker = Worker(factory, explainer)
    with contextlib.suppress(EOFError, OSError):
        while True:
            name, values = pipe.recv()
            try:
                reply = (True, getattr(worker, name)(*values))
            except Exception as error:
                reply = (False, _portable(error))
            pipe.send(reply)
            del values, reply  # nothing of a picture stays while the next one is waited for
    worker.close()


def _portable(error: Exception) -> Exception:
    """The error, or what can be told of it where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
