"""What all tests share. Nothing heavy is imported here, so that one small test starts at once."""

import os
import shutil

# PyTorch, OpenMP and OpenBLAS read these when they are first imported: one thread each, so that tests do not
# fight for the cores with each other or with a training, and sums come out the same every time.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest
from hypothesis import settings

# The same examples in every run: what passed here passes there. No deadline, as machines are shared.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser that `make test` found or installed; without one the tests fail, never skip."""
    names = (
        os.environ.get("CHROMIUM"),
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    )
    for name in names:
        if name and (path := shutil.which(name)):
            return path
    pytest.fail("There is no Chromium or Chrome for the browser tests: `make test` installs it or says how.")
