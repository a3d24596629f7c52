"""A worker in a process of its own: what it answers, and what is lost when it ends."""

import importlib
import os
import signal
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.inference import InferencePool, may_try_again, outcome
from dashboard.state import Answer
from dashboard.worker import Worker
from dashboard.worker_process import ProcessWorker, WorkerLostError
from fusion_model.errors import ExpressionLensError
from fusion_model.images import NotAnImageError


@pytest.fixture
def child(monkeypatch):
    """The module of stand-ins, importable by name here and in child processes, which get this sys.path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("child_predictors")


@pytest.fixture
def worker(child):
    made = []

    def start(**options):
        made.append(ProcessWorker(child.make, child.make_none, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_answers_and_named_errors_come_over(worker, make_picture):
    one = worker()
    assert one.answer(make_picture(64, 48), ()).prediction.width == 64
    assert one.ready and one.pid != os.getpid()
    with pytest.raises(NotAnImageError, match="not a picture"):
        one.answer(b"these are words", ())
    with pytest.raises(ZeroDivisionError, match="a fault"):
        one.answer(make_picture(66, 48), ())
    assert one.answer(make_picture(65, 48), ()).prediction.width == 65


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_child_takes_its_memory_in_large_pages_unless_told_otherwise(worker, monkeypatch):
    for told in ("", "glibc.malloc.check=0"):
        monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
        if told:
            monkeypatch.setenv("GLIBC_TUNABLES", told)
        one = worker()
        one.warm()
        environment = Path(f"/proc/{one.pid}/environ").read_bytes().decode().split("\0")
        assert f"GLIBC_TUNABLES={told or 'glibc.malloc.hugetlb=1'}" in environment


def test_a_child_that_dies_in_the_middle_costs_one_answer(worker, make_picture):
    one = worker()
    with pytest.raises(WorkerLostError, match="try again"):
        one.answer(make_picture(77, 48), ())  # this one kills it
    assert one.answer(make_picture(64, 48), ()).prediction.width == 64


def test_a_child_that_was_killed_while_idle_costs_none(worker, make_picture, wait_until):
    one = worker()
    one.warm()
    before = one.pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not one._process.is_alive())
    assert one.answer(make_picture(64, 48), ()).prediction.width == 64
    assert one.pid != before


def test_a_picture_that_hangs_is_given_up(worker, make_picture):
    one = worker(patience=0.5)
    one.warm()
    began = time.monotonic()
    with pytest.raises(WorkerLostError, match="seconds"):
        one.answer(make_picture(88, 48), ())
    assert time.monotonic() - began < 20
    assert one.pid is None


def test_the_pool_goes_on_and_says_that_the_same_may_be_tried_again(child, make_picture, wait_until):
    pool = InferencePool(child.make, explainer=child.make_none, workers=1, apart=True)
    try:
        pool.warm()
        wait_until(lambda: pool.ready)
        lost, next_one = pool.submit(make_picture(77, 48)), pool.submit(make_picture(64, 48))
        assert isinstance(next_one.result(60), Answer)
        said = outcome(lost)
        assert isinstance(said, str) and "try again" in said and may_try_again(lost)
        assert not may_try_again(next_one)
        bad = pool.submit(b"these are words")
        assert isinstance(bad.exception(60), ExpressionLensError) and not may_try_again(bad)
    finally:
        pool.close()


def test_the_child_ends_with_its_server(worker, wait_until):
    one = worker()
    one.warm()
    process = one._process
    one._pipe.close()  # as when the server is killed
    wait_until(lambda: not process.is_alive())


def test_real_models_answer_and_explain_alike_in_a_process():
    from skimage.data import astronaut

    out = BytesIO()
    Image.fromarray(astronaut()).save(out, "PNG")
    apart, here = ProcessWorker(), Worker()
    try:
        told, known = apart.answer(out.getvalue(), ()), here.answer(out.getvalue(), ())
        assert told.jpeg == known.jpeg and len(told.prediction.faces) == 1
        for name, answered in known.prediction.faces[0].models.items():
            far = told.prediction.faces[0].models[name].probabilities
            np.testing.assert_allclose(list(far.values()), list(answered.probabilities.values()), atol=1e-6)
        explained = apart.explain(told.prediction.faces[0])
        assert set(explained) == set(known.prediction.faces[0].models)
    finally:
        apart.close()
        here.close()
