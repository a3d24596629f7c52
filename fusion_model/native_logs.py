"""Silence what MediaPipe's C++ side writes past every log level, for commands that people read."""

import os
import sys


def drop_native_logs() -> None:
    """Send to nowhere what MediaPipe's C++ side writes to the standard error, past every log level.

    Python's own standard error (sentences, progress, tracebacks) keeps its way by a copy of the file. Setting
    GLOG_minloglevel by hand brings the lines back.
    """
    if "GLOG_minloglevel" in os.environ:
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(
        os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace"
    )
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
