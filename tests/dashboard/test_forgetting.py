"""What is forgotten is freed soon, and what is freed is overwritten."""

import asyncio
import ctypes
import gc
import sys
import weakref

import pytest

from dashboard import forgetting
from dashboard.forgetting import Collector, overwrite_what_is_freed


class Ring:
    """Refers to itself: only the collector frees it."""

    def __init__(self):
        self.me = self


@pytest.fixture
def by_hand():
    """No collection but those that are asked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_was_forgotten_is_freed_once_and_soon(by_hand, monkeypatch):
    monkeypatch.setattr(forgetting, "SOON_S", 0.01)
    ring = Ring()
    seen = weakref.ref(ring)

    async def forget():
        nonlocal ring
        collector = Collector()
        ring = None
        collector.soon()
        collector.soon()
        assert seen() is not None  # not at once: the one who forgets still holds it
        await asyncio.sleep(0.1)
        assert seen() is None
        again = Ring()
        collector.soon()
        second, again = weakref.ref(again), None
        await asyncio.sleep(0.1)
        assert second() is not None  # not so soon again: a collection takes its time

    asyncio.run(forget())


def test_without_a_loop_nothing_is_done():
    Collector().soon()


@pytest.mark.skipif(sys.platform != "linux", reason="needs the GNU C library")
def test_freed_memory_is_overwritten():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        pytest.skip("needs the GNU C library")
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    assert overwrite_what_is_freed()
    try:
        size = 50_000
        place, wall = libc.malloc(size), libc.malloc(size)  # the wall keeps the first from going as a whole
        ctypes.memset(place, ord("x"), size)
        libc.free(place)
        left = ctypes.string_at(place, size)
        libc.free(wall)
        assert left.count(b"x") < 100
    finally:
        libc.mallopt(-6, 0)
