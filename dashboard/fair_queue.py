"""A bounded queue in which owners take turns: who asks much waits behind those who ask little."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Job:
    """Work that waits.

    Attributes
    ----------
    owner : who asked; None for nobody in particular.
    work : does it; its result becomes the future's.
    future : what the owner waits for.
    """

    owner: Hashable
    work: Callable[..., Any]
    future: "Future[Any]" = field(default_factory=Future)


class FairQueue:
    """Jobs by owner. Methods may be called from any thread.

    Parameters
    ----------
    share : int
        Jobs, waiting or under way, that one owner may have; nobody in particular is not held to it.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._open: dict[Hashable, int] = {}  # waiting and under way
        self._turns: deque[Hashable] = deque()  # owners with jobs that wait, whose turn is next first
        self._waiting: dict[Hashable, deque[Job]] = {}

    def __len__(self) -> int:
        """Jobs that wait or are under way."""
        with self._lock:
            return sum(self._open.values())

    def put(self, job: Job, room: int) -> bool:
        """Queue a job; False where ``room`` jobs are open already, or the owner has its share of them."""
        with self._lock:
            owned = self._open.get(job.owner, 0)
            if sum(self._open.values()) >= room or (job.owner is not None and owned >= self._share):
                return False
            self._open[job.owner] = owned + 1
            if job.owner not in self._waiting:
                self._waiting[job.owner] = deque()
                self._turns.append(job.owner)
            self._waiting[job.owner].append(job)
        owner = job.owner
        # By its future, not the job: what is done holds no picture any more.
        job.future.add_done_callback(lambda future: self._leave(owner, future))
        return True

    def take(self) -> Job | None:
        """The next owner's oldest job; None where nothing waits."""
        with self._lock:
            if not self._turns:
                return None
            owner = self._turns.popleft()
            job = self._waiting[owner].popleft()
            if self._waiting[owner]:
                self._turns.append(owner)
            else:
                del self._waiting[owner]
            return job

    def cancel(self) -> None:
        """Cancel all that waits."""
        while (job := self.take()) is not None:
            job.future.cancel()

    def _leave(self, owner: Hashable, future: "Future[Any]") -> None:
        """The job is done or cancelled: its place is free, and nothing of it is kept."""
        with self._lock:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]
            kept = [job for job in self._waiting.get(owner, ()) if job.future is not future]
            if kept:
                self._waiting[owner] = deque(kept)
            elif self._waiting.pop(owner, None) is not None:
                self._turns.remove(owner)
