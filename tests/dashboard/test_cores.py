"""Workers and threads by the cores that there are."""

import os

import pytest

from dashboard import cores
from dashboard.cores import PROCESSES, share_of_cores, tame_threads


@pytest.mark.parametrize(
    ("there", "processes", "workers"), [(1, 1, 1), (2, 1, 1), (2, 2, 1), (8, 1, 4), (8, 2, 2), (64, 1, 4)]
)
def test_servers_share_the_cores(monkeypatch, there, processes, workers):
    monkeypatch.setattr(cores, "cores", lambda: there)
    assert share_of_cores(processes) == workers
    monkeypatch.setenv(PROCESSES, str(processes))
    assert share_of_cores() == workers


def test_the_cores_that_a_process_may_use_count_not_those_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores.cores() == 1


def test_one_thread_a_sum_unless_told_otherwise():
    environment = {"OMP_NUM_THREADS": "3"}
    tame_threads(environment)
    assert environment == {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
