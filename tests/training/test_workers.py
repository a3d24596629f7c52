"""Jobs on several workers: the same results by whoever does them, none lost with a worker or to a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from fusion_model.faces import LANDMARKS
from training import workers
from training.landmark_cache import landmarks_of
from training.own_faces import faces_of
from training.workers import Arrays, Workers, WorkersError, arrays_in_parts, run_all

from .conftest import TinyFer

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_workers_left() -> Iterator[None]:
    yield
    get_reusable_executor().shutdown(wait=True)


def squares(first: int, last: int) -> Arrays:
    rows = np.arange(first, last)
    return {"squares": rows**2, "names": np.array([f"row {row}" * (row % 3) for row in rows], str)}


def rows(part: slice) -> tuple[int, int]:
    return part.start, part.stop


def killed_once(mark: str, number: int) -> int:
    """The number; the first to come kills its own process."""
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return number
    os.kill(os.getpid(), signal.SIGKILL)
    return -1


def killed_always(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def assert_squares(arrays: Arrays) -> None:
    assert arrays["squares"].tolist() == [row**2 for row in range(10)]
    assert arrays["names"].tolist() == [f"row {row}" * (row % 3) for row in range(10)]


@pytest.mark.parametrize("processes", [1, 2])
def test_parts_are_joined_in_order_whoever_makes_them(processes: int, tmp_path: Path) -> None:
    whole = tmp_path / "cache" / "squares-1.npz"
    assert_squares(arrays_in_parts(whole, 10, 4, squares, rows, Workers(processes)))
    assert list(whole.parent.iterdir()) == [whole]


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    whole = tmp_path / "squares-1.npz"
    arrays_in_parts(whole, 10, 4, squares, rows, Workers(1))
    whole.write_bytes(whole.read_bytes()[:200])
    assert_squares(arrays_in_parts(whole, 10, 4, squares, rows, Workers(1)))


def test_a_damaged_part_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def stopped(first: int, last: int) -> Arrays:
        if first == 8:
            raise KeyboardInterrupt
        return squares(first, last)

    def counted(first: int, last: int) -> Arrays:
        made.append(first)
        return squares(first, last)

    whole = tmp_path / "squares-1.npz"
    with pytest.raises(KeyboardInterrupt):
        arrays_in_parts(whole, 10, 4, stopped, rows, Workers(1))
    part = whole.with_suffix("") / "0000004.npz"
    part.write_bytes(part.read_bytes()[:100])
    assert_squares(arrays_in_parts(whole, 10, 4, counted, rows, Workers(1)))
    assert made == [4, 8]


def test_jobs_lost_with_their_worker_are_done_again(tmp_path: Path) -> None:
    jobs: dict[int, Callable[[], tuple]] = {
        number: partial(lambda number: (str(tmp_path / "mark"), number), number) for number in range(8)
    }
    assert dict(run_all(killed_once, jobs, Workers(2))) == {number: number for number in range(8)}
    assert (tmp_path / "mark").exists()


def test_jobs_that_kill_every_worker_are_told() -> None:
    jobs: dict[int, Callable[[], tuple]] = {
        number: partial(lambda number: (number,), number) for number in range(5)
    }
    with pytest.raises(WorkersError, match="of 5 jobs were lost with their workers 3 times"):
        dict(run_all(killed_always, jobs, Workers(2)))


def test_an_error_of_a_job_is_not_taken_for_a_lost_worker() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        dict(run_all(int, {0: lambda: ("three",)}, Workers(1)))


# A Dask cluster of two workers on this machine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler's address; the workers are processes of their own, started as a person would."""
    pytest.importorskip("distributed", reason="Dask is not installed (it is in the test extra)")
    folder = tmp_path_factory.mktemp("dask")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    known = folder / "scheduler.json"
    dask += ["--no-dashboard", "--scheduler-file", str(known)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(known)]
    # Without a nanny, which would start a lost worker again.
    worker += ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT, "env": environment}
    started = [subprocess.Popen(dask, **quiet)]  # type: ignore[call-overload]
    try:
        _until(known.exists)
        started += [subprocess.Popen(worker, **quiet) for _ in range(2)]  # type: ignore[call-overload]
        from distributed import Client

        with Client(scheduler_file=str(known), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            address = client.scheduler.address
        yield address
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait(60)


def _until(done: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_dask_cluster_finds_the_same_faces(
    cluster: str, own_folder: Path, tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "train" / "calm" / "broken.png").write_bytes(b"no picture")
    paths = tuple(sorted(str(file.relative_to(own_folder)) for file in own_folder.rglob("*.png")))
    monkeypatch.setattr("training.own_faces.PART", 4)
    found = [
        faces_of(own_folder, paths, tmp_path / name, workers, crops=True)
        for name, workers in (("here", Workers(1)), ("there", Workers(dask=cluster)))
    ]
    assert (found[0].problem_N != "").sum() == 1  # one failed file, and all the others
    for name in vars(found[0]):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))
    monkeypatch.setattr("training.landmark_cache.PART", 8)
    landmarks = landmarks_of(tiny_fer.dataset, tmp_path, Workers(dask=cluster))
    assert landmarks.landmarks_NLD.shape == (40, LANDMARKS, 3)
    np.testing.assert_array_equal(landmarks.landmarks_NLD, tiny_fer.landmarks.landmarks_NLD)


@pytest.mark.slow
def test_a_lost_dask_worker_loses_no_result(cluster: str, tmp_path: Path) -> None:
    jobs: dict[int, Callable[[], tuple]] = {
        number: partial(lambda number: (str(tmp_path / "mark"), number), number) for number in range(12)
    }
    assert dict(run_all(killed_once, jobs, Workers(dask=cluster))) == {number: number for number in range(12)}
    assert (tmp_path / "mark").exists()


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed (it is in the test extra)")
    monkeypatch.setattr(workers, "_CONNECT_SECONDS", 1)
    with pytest.raises(WorkersError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        dict(run_all(int, {0: lambda: ("3",)}, Workers(dask="tcp://127.0.0.1:9")))


def test_without_dask_the_option_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersError, match="Dask is not installed here"):
        dict(run_all(int, {0: lambda: ("3",)}, Workers(dask="tcp://127.0.0.1:8786")))
