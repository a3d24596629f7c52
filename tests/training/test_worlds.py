"""Drawn backgrounds: of the size asked for, of all kinds, the same for the same seed."""

import numpy as np
import pytest

from training.scenes import LEARNING, background
from training.worlds import noise, shapes, waves, world


@pytest.mark.parametrize("make", [noise, shapes, waves])
@pytest.mark.parametrize(("width", "height"), [(320, 240), (700, 300), (31, 47)])
def test_a_picture_has_the_size_asked_for_and_something_in_it(make, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(4):
        made = make(width, height, np.random.default_rng(seed))
        assert made.shape == (height, width) and made.dtype == np.uint8
        assert made.std() > 3


def test_the_seed_decides_all_and_another_draws_another() -> None:
    first, again, other = (world(64, 48, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (48, 64, 3)
    assert (first == again).all() and (first != other).any()


def test_smooth_noise_has_its_power_in_low_frequencies() -> None:
    """As in natural pictures, and unlike white noise."""
    shares = []
    for seed in range(12):
        made = noise(256, 256, np.random.default_rng(seed)).astype(float)
        power = np.abs(np.fft.fft2(made - made.mean())) ** 2
        far = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
        shares.append(power[far < 0.1].sum() / power.sum())
    assert np.median(shares) > 0.5  # white noise: 0.03


def test_detectors_learn_on_drawn_pictures() -> None:
    rng, again = np.random.default_rng(5), np.random.default_rng(5)
    assert (background(80, 60, LEARNING, rng) == world(80, 60, again)).all()
