"""Several servers on one machine: ``--num-procs N`` serves on N ports in a row, and starts again what died.

A session, its pictures and its camera live in the memory of one process, so a visitor must always reach the
same one: the balancer in front sees to that (docs/serving.md). It can, because each process has a port of its
own, where one port that all shared would send a page here and its websocket there (docs/decisions/0020).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from dashboard.cores import PROCESSES

#: A server that dies sooner after its start is started again later and later, s.
STEADY_S, MOST_PAUSE_S = 30.0, 30.0
#: What a server that is told to end may take, s.
END_S = 20.0


class Supervised:
    """One server of several.

    Parameters
    ----------
    command : sequence of str
        Starts it.
    environment : dict
        Of its process.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._command, self._environment = list(command), environment
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._next = 0.0
        self._pause = 0.5

    def tend(self, now: float) -> str:
        """Start it where it does not run; returns what is to be said about that."""
        if self._process is not None and self._process.poll() is None:
            return ""
        said = ""
        if self._process is not None:
            code, self._process = self._process.returncode, None
            self._pause = 0.5 if now - self._began > STEADY_S else min(2 * self._pause, MOST_PAUSE_S)
            self._next = now + self._pause
            said = f"A server ended with status {code}; it is started again in {self._pause:g} s."
        if now >= self._next:
            self._began = now
            self._process = subprocess.Popen(self._command, env=self._environment)
        return said

    def end(self) -> None:
        """Tell it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Until it has ended; by force, if it takes too long."""
        if self._process is not None:
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def supervise(ports: Sequence[int], arguments: Sequence[str]) -> int:
    """Serve on each port until told to end (SIGTERM, or an interrupt).

    Parameters
    ----------
    ports : sequence of int
        One for each server.
    arguments : sequence of str
        Of ``python -m dashboard``, without port and number of processes.

    Returns
    -------
    int
        Exit status, 0.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    environment = os.environ | {PROCESSES: str(len(ports))}
    command = (sys.executable, "-m", "dashboard", *arguments, "--port")
    servers = [Supervised((*command, str(port)), environment) for port in ports]
    while not ended.wait(0.2):
        for server in servers:
            if said := server.tend(time.monotonic()):
                print(said, file=sys.stderr, flush=True)
    for server in servers:
        server.end()
    for server in servers:
        server.wait()
    return 0
