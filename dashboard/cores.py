"""How the cores of a machine are shared: workers a server, threads a worker.

Every worker computes in one thread. Libraries that would take all cores for each sum (OpenMP, OpenBLAS, MKL)
are told so before they are loaded, in the server and by inheritance in its workers.
"""

import os
from collections.abc import MutableMapping

#: A worker takes about 0.6 GB, and two answer more than one page can ask.
MOST_WORKERS = 4
#: Tells a server how many others share its machine.
PROCESSES = "EXPRESSION_LENS_PROCESSES"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """Cores that this process may use: those of its affinity, not all of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def share_of_cores(processes: int | None = None) -> int:
    """Workers of one server of so many on this machine: one for each two cores of its share, at least one."""
    if processes is None:
        told = os.environ.get(PROCESSES, "")
        processes = int(told) if told.isdecimal() else 1
    return max(1, min(MOST_WORKERS, cores() // (2 * max(1, processes))))


def tame_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """One thread for each sum, unless the environment says otherwise; before the first import of NumPy."""
    for name in THREADS:
        environment.setdefault(name, "1")
