"""What is forgotten leaves the memory of the process, too: lost cycles are freed, freed memory overwritten.

Python frees at once what nothing refers to, but objects that refer to each other, as those of a page do, wait
for its collector, which may not come for hours. And what is freed keeps its bytes until the place is used
again. Both would keep a forgotten picture where a dump of the memory shows it.

References
----------
mallopt(3), M_PERTURB, of the GNU C library.
"""

import asyncio
import contextlib
import ctypes
import gc

_M_PERTURB = -6
_FILLING = 0xA5  # any but 0
SOON_S = 1.0  # after what is forgotten has left the event loop's own hands
PAUSE_S = 5.0  # between two collections, at least: each stops the event loop
SHARE = 0.05  # of the time, at most, that collections take; the more pages are open, the longer each is
IDLE_S = 600.0  # without one, at most
#: Never by itself: a collection of everything comes when something was forgotten, not while pages are built.
THRESHOLDS = (10_000, 10, 1_000_000)


def overwrite_what_is_freed() -> bool:
    """Have the C library overwrite memory as it is freed; False where it cannot (no GNU C library)."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_PERTURB, _FILLING))
    except (AttributeError, OSError, TypeError):
        return False


def give_back() -> None:
    """Return free memory to the system, where the C library can; other threads go on meanwhile."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def settle() -> None:
    """Have the collector pass over what is there: called when all is loaded and no visitor can be there yet.

    What is loaded at the start stays; looking through it would make most of a collection's time. Nothing that
    came with a visitor may be passed over: it would never be looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


class Collector:
    """Runs Python's collector soon after something was forgotten. All calls come on the event loop."""

    def __init__(self) -> None:
        self._due: asyncio.TimerHandle | None = None
        self._last = float("-inf")
        self._pause = PAUSE_S

    def soon(self) -> None:
        """Something was forgotten."""
        with contextlib.suppress(RuntimeError):  # no loop runs: in tests, or when the server ends
            loop = asyncio.get_running_loop()
            wait = max(SOON_S, self._last + self._pause - loop.time())
            if self._due is not None:
                if self._due.when() <= loop.time() + wait:
                    return
                self._due.cancel()
            self._due = loop.call_later(wait, self._collect, loop)

    def _collect(self, loop: asyncio.AbstractEventLoop) -> None:
        began = loop.time()
        gc.collect()
        self._last = loop.time()
        self._pause = max(PAUSE_S, (self._last - began) / SHARE)
        self._due = loop.call_later(IDLE_S, self._collect, loop)
        loop.run_in_executor(None, give_back)
