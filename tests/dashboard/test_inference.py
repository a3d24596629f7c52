import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dashboard.inference import UNKNOWN_TROUBLE, BusyError, InferencePool, outcome
from dashboard.state import Answer
from dashboard.worker import MOST_JPEG, display_jpeg, thumbnail_jpeg
from fusion_model.errors import ExpressionLensError


@pytest.fixture
def pools():
    made = []

    def make(*args, **options):
        made.append(InferencePool(*args, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def test_a_picture_is_answered(pools, fake_predictor, make_picture):
    answer = outcome(pools(fake_predictor).submit(make_picture(64, 48)))
    # `outcome` is for futures that are done; `result` inside it waits all the same.
    assert isinstance(answer, Answer)
    assert (answer.prediction.width, answer.prediction.height) == (64, 48)
    assert answer.jpeg.startswith(b"\xff\xd8") and answer.milliseconds_decode > 0


def test_each_worker_thread_has_a_predictor_of_its_own(pools, fake_predictor, make_picture):
    gate, made = threading.Event(), []

    def factory():
        made.append(fake_predictor(gate=gate))
        return made[-1]

    pool = pools(factory, workers=2)
    futures = [pool.submit(make_picture()) for _ in range(6)]
    gate.set()
    assert all(future.result(20) for future in futures)
    assert len(made) == 2 and all(len(predictor.threads) == 1 for predictor in made)
    assert made[0].threads != made[1].threads


def test_a_full_queue_says_busy_and_recovers(pools, fake_predictor, make_picture, wait_until):
    gate = threading.Event()
    pool = pools(lambda: fake_predictor(gate=gate), workers=1, waiting=2)
    futures = [pool.submit(make_picture()) for _ in range(3)]
    with pytest.raises(BusyError, match="try again"):
        pool.submit(make_picture())
    gate.set()
    assert all(future.result(20) for future in futures)
    assert isinstance(outcome(pool.submit(make_picture())), Answer)


def test_pictures_of_many_leave_half_of_the_queue_to_single_ones(pools, fake_predictor, make_picture):
    gate = threading.Event()
    pool = pools(lambda: fake_predictor(gate=gate), workers=1, waiting=2)
    futures = [pool.submit_aside(make_picture) for _ in range(2)]
    with pytest.raises(BusyError):
        pool.submit_aside(make_picture)
    futures.append(pool.submit(make_picture()))
    gate.set()
    assert all(future.result(20) for future in futures)


def test_visitors_take_turns_and_none_fills_the_queue(pools, fake_predictor, make_picture):
    gate, order = threading.Event(), []
    pool = pools(lambda: fake_predictor(gate=gate), workers=1, waiting=12)
    eager, modest = pool.on_behalf_of("eager"), pool.on_behalf_of("modest")
    futures = [eager.submit(make_picture()) for _ in range(3)]
    with pytest.raises(BusyError):
        eager.submit(make_picture())  # a quarter of the places
    futures.append(modest.submit(make_picture()))
    for name, future in zip("eeem", futures, strict=True):
        future.add_done_callback(lambda _, name=name: order.append(name))
    gate.set()
    assert all(future.result(20) for future in futures)
    assert "".join(order) in ("emee", "eeme")  # the first may have left before the second came
    assert pool.open == 0


def test_closing_tells_those_who_wait(fake_predictor, make_picture):
    gate = threading.Event()
    pool = InferencePool(lambda: fake_predictor(gate=gate), workers=1)
    futures = [pool.submit(make_picture()) for _ in range(3)]
    threading.Timer(0.2, gate.set).start()
    pool.close()
    assert outcome(futures[-1]) == "The program is closing."


def test_a_picture_that_cannot_be_read_is_a_sentence(pools, fake_predictor):
    def read() -> bytes:
        raise ExpressionLensError("It is locked.")

    assert outcome(pools(fake_predictor).submit_aside(read)) == "It is locked."


def test_a_bad_file_is_a_sentence(pools, fake_predictor):
    said = outcome(pools(fake_predictor).submit(b"this is text"))
    assert isinstance(said, str) and "not a picture" in said


def test_a_missing_model_is_a_sentence_and_is_tried_again(pools, fake_predictor, make_picture):
    tries = []

    def factory():
        tries.append(1)
        if len(tries) == 1:
            raise ExpressionLensError("The weights are missing; reinstall.")
        return fake_predictor()

    pool = pools(factory, workers=1)
    assert outcome(pool.submit(make_picture())) == "The weights are missing; reinstall."
    assert isinstance(outcome(pool.submit(make_picture())), Answer)


def test_an_unexpected_fault_is_logged_and_no_traceback_shown(pools, make_picture, caplog):
    class Broken:
        def predict(self, rgb):
            raise ZeroDivisionError("inside")

        def close(self):
            pass

    assert outcome(pools(Broken, workers=1).submit(make_picture())) == UNKNOWN_TROUBLE
    assert "ZeroDivisionError" in caplog.text


def test_warming_builds_the_predictors_and_survives_trouble(
    pools, fake_predictor, make_picture, wait_until, caplog
):
    made = []

    def factory():
        made.append(1)
        if len(made) == 1:
            raise OSError("disk")
        return fake_predictor()

    pool = pools(factory, workers=1)
    pool.warm()
    wait_until(lambda: "could not be loaded" in caplog.text)
    assert isinstance(outcome(pool.submit(make_picture())), Answer)


def test_closing_closes_the_predictors(fake_predictor, make_picture):
    made = []

    def factory():
        made.append(fake_predictor())
        return made[-1]

    pool = InferencePool(factory, workers=1)
    pool.submit(make_picture()).result(20)
    pool.close()
    assert made[0].closed


def test_what_is_kept_of_a_picture_is_bounded_though_it_be_noise():
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    kept = display_jpeg(noise)
    assert len(kept) <= MOST_JPEG
    with Image.open(BytesIO(thumbnail_jpeg(kept))) as shown:
        assert shown.size == (240, 240)


def test_a_large_picture_is_sent_small():
    picture = np.zeros((1500, 3000, 3), dtype=np.uint8)
    with Image.open(BytesIO(display_jpeg(picture))) as shown:
        assert shown.size == (1600, 800)


@pytest.mark.parametrize("size", [(3000, 4000), (4032, 3024), (1601, 1200), (9000, 40), (1200, 1600)])
def test_a_picture_is_made_small_in_two_steps_as_in_one(size):
    height, width = size
    across_W = np.linspace(0, 255, width)
    picture = np.repeat(np.tile(across_W, (height, 1)).astype(np.uint8)[..., None], 3, axis=2)
    with Image.open(BytesIO(display_jpeg(picture))) as shown:
        assert max(shown.size) == min(1600, max(size))
        direct = Image.fromarray(picture).resize(shown.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(shown, int) - np.asarray(direct, int)).mean() < 2
