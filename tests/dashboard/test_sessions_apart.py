"""Many who ask at once: nobody gets another's answer."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.album_queue import AlbumQueue
from dashboard.inference import BusyError, InferencePool
from dashboard.state import PageState


@pytest.fixture
def pool(fake_predictor):
    """Two workers that take now long, now short."""

    class Uneven(fake_predictor):
        def predict(self, rgb, *_):
            time.sleep(random.random() / 200)
            return super().predict(rgb)

    made = InferencePool(Uneven, workers=2, waiting=20)
    yield made
    made.close()


def test_every_caller_gets_the_answer_for_its_own_picture(pool, make_picture):
    def ask(size):
        width, height = size
        while True:
            try:
                found = pool.submit(make_picture(width, height)).result(60).prediction
            except BusyError:
                time.sleep(0.01)
                continue
            return (found.width, found.height) == size

    sizes = [(40 + number, 140 - number) for number in range(100)]
    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(ask, sizes))


def test_albums_filled_at_the_same_time_hold_their_own_pictures_alone(pool, make_picture, wait_until):
    states = [PageState() for _ in range(3)]
    queues = [
        AlbumQueue(
            state.album,
            lambda read: pool.submit(read()),
            lambda: False,
            lambda *_: None,
            lambda action: action,
        )
        for state in states
    ]
    for number in range(15):
        for place, queue in enumerate(queues):
            queue.add(f"{place}-{number}.png", make_picture(100 * (place + 1) + number, 50))
    wait_until(lambda: all(len(state.album.pictures) == 15 for state in states))
    for place, state in enumerate(states):
        assert {picture.name[0] for picture in state.album.pictures} == {str(place)}
        widths = {picture.answer.prediction.width for picture in state.album.pictures}
        assert widths == {100 * (place + 1) + number for number in range(15)}
