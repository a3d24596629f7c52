"""Many small jobs on several processes of this machine, or on a Dask cluster; a lost worker loses no result.

Everything goes through joblib. Jobs that were lost with their worker are done again; results come as they are
ready, and whoever asked keeps them. `arrays_in_parts` keeps them on disk: a run that is killed goes on.
"""

import contextlib
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool
from tqdm import tqdm

from fusion_model.errors import ExpressionLensError
from fusion_model.faces import FaceFinder

#: How often jobs are begun that were lost with their worker.
TRIES = 3
DEFAULT_CACHE = Path("runs/cache")
_CONNECT_SECONDS = 10
_OF_THREAD = threading.local()
Arrays = dict[str, np.ndarray]


class WorkersError(ExpressionLensError):
    """The workers cannot be reached, or are lost again and again."""


@dataclass(frozen=True)
class Workers:
    """Who does the jobs.

    Attributes
    ----------
    processes : of this machine; None for one a core, 1 for this process itself.
    dask : address of a Dask scheduler, such as ``tcp://host:8786``, whose workers are used instead. They need
        this package, and the data and weights under the same paths.
    """

    processes: int | None = None
    dask: str | None = None

    @property
    def alone(self) -> bool:
        """Whether this process does everything itself."""
        return self.dask is None and self.count == 1

    @property
    def count(self) -> int:
        """How many jobs at once, on this machine."""
        return self.processes or os.cpu_count() or 1

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Joblib's calls go to these workers; WorkersError where the cluster cannot be reached."""
        if self.dask is None:
            yield
            return
        try:
            from distributed import Client
        except ImportError as error:
            raise WorkersError(
                "Dask is not installed here: pip install 'expression-lens[dask]', or leave --dask out."
            ) from error
        try:
            client = Client(self.dask, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:  # a time-out is an OSError
            raise WorkersError(f"No Dask scheduler answers at {self.dask}: start one there first.") from error
        with client, parallel_config("dask", client=client):
            yield


#: As many processes of this machine as it has cores.
HERE = Workers()


def run_all(
    make: Callable[..., Any], jobs: Mapping[int, Callable[[], tuple[Any, ...]]], workers: Workers
) -> Iterator[tuple[int, Any]]:
    """Yield the key and the result of every job, in the order in which they are ready.

    Parameters
    ----------
    make : function of a module, so that workers find it
    jobs : by key, what gives the arguments of `make`, called when it is the job's turn. Arrays among them are
        lost to Dask with the worker that holds them; bytes travel with the job.
    workers : who does it

    Raises
    ------
    WorkersError
        Where workers cannot be reached, or the same jobs were lost three times.
    """
    left = dict(jobs)
    lost: BaseException | None = None
    for _ in range(TRIES):
        with workers.ready():
            calls = (delayed(_with_key)(key, make, *arguments()) for key, arguments in list(left.items()))
            parallel = Parallel(
                workers.count if workers.dask is None else -1,
                return_as="generator_unordered",
                batch_size=1,
            )
            try:
                for key, result in parallel(calls):
                    del left[key]
                    yield key, result
            except _lost() as error:
                lost = error
        if not left:
            return
    raise WorkersError(
        f"{len(left):,} of {len(jobs):,} jobs were lost with their workers {TRIES} times ({lost}): is there "
        "enough memory? What was finished is kept where it has a cache; the same command goes on from there."
    ) from lost


def arrays_in_parts(
    whole: Path,
    count: int,
    size: int,
    make: Callable[..., Arrays],
    arguments: Callable[[slice], tuple[Any, ...]],
    workers: Workers,
) -> Arrays:
    """Arrays of `count` rows, from the file `whole` or made in parts of `size` rows and kept there.

    Each part that is ready is kept in a file of its own, written aside and renamed, so a run that is killed
    goes on where it was. A file that is damaged is made anew.

    Parameters
    ----------
    whole : ``….npz``; its name stands for the data and the way they are prepared
    count, size : rows in all, and in a part
    make : what `arguments` gives -> arrays by name, one row a row of the part
    arguments : rows of a part -> the arguments of `make`
    workers : who makes them
    """
    known = _load(whole)
    if known is not None:
        return known
    folder = whole.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.aside.npz"):
        leftover.unlink()
    paths = {first: folder / f"{first:07d}.npz" for first in range(0, count, size)}
    parts = {first: part for first, path in paths.items() if (part := _load(path)) is not None}
    jobs = {
        first: partial(arguments, slice(first, min(first + size, count)))
        for first in paths
        if first not in parts
    }
    with tqdm(total=count, desc=whole.stem.split("-")[0], unit="face", disable=None) as bar:
        bar.update(sum(len(next(iter(part.values()))) for part in parts.values()))
        for first, part in run_all(make, jobs, workers):
            _save(paths[first], part)
            parts[first] = part
            bar.update(len(next(iter(part.values()))))
    arrays = {name: np.concatenate([parts[first][name] for first in paths]) for name in parts[0]}
    _save(whole, arrays)
    for path in paths.values():
        path.unlink()
    folder.rmdir()
    return arrays


def finder() -> FaceFinder:
    """The face finder of this thread: MediaPipe's graphs are not for several, and slow to make."""
    if not hasattr(_OF_THREAD, "finder"):
        _OF_THREAD.finder = FaceFinder()
    found: FaceFinder = _OF_THREAD.finder
    return found


def _with_key(key: int, make: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    return key, make(*arguments)


def _lost() -> tuple[type[BaseException], ...]:
    """What joblib and Dask raise where a worker is lost."""
    kinds: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    with contextlib.suppress(ImportError):
        from distributed import CancelledError
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        kinds += (CancelledError, CommClosedError, KilledWorker)
    return kinds


def _load(path: Path) -> Arrays | None:
    """The arrays of a file; None where it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return dict(kept)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
        return None


def _save(path: Path, arrays: Arrays) -> None:
    aside = path.with_suffix(f".{os.getpid()}.aside.npz")
    np.savez(aside, **arrays)
    aside.replace(path)
