"""What died is started again, and what dies at once not at once."""

import os
import sys
import time

from dashboard.processes import Supervised


def ended(server):
    server._process.wait(20)


def test_a_server_that_ends_is_started_again_later_and_later():
    server = Supervised([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ))
    assert server.tend(100.0) == ""
    ended(server)
    assert "status 3" in server.tend(101.0)  # and waits
    assert server._process is None and server.tend(101.5) == ""
    pauses = []
    now = 103.0
    for _ in range(3):
        assert server.tend(now) == ""
        ended(server)
        server.tend(now)
        pauses.append(server._pause)
        now += server._pause
    assert pauses == sorted(pauses) and pauses[-1] > pauses[0]


def test_a_server_that_ran_long_is_started_again_soon():
    server = Supervised([sys.executable, "-c", ""], dict(os.environ))
    server.tend(0.0)
    ended(server)
    assert "0.5 s" in server.tend(1000.0)


def test_ending_ends_it():
    server = Supervised([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ))
    server.tend(0.0)
    began = time.monotonic()
    server.end()
    server.wait()
    assert time.monotonic() - began < 20 and server._process.returncode != 0
