"""Temperature scaling finds the temperature that made the labels."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from fusion_model.calibration import fit_temperature


def drawn(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at that temperature."""
    rng = np.random.default_rng(0)
    logits_NK = rng.normal(0, 2, (count, 7)).astype(np.float32)
    below_NK = softmax(logits_NK / temperature, axis=1).cumsum(axis=1)
    return logits_NK, (rng.random((count, 1)) > below_NK[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_makes_the_labels_likelier() -> None:
    logits_NK, labels_N = drawn(1.7, 500)

    def loss(temperature: float) -> float:
        return -float(log_softmax(logits_NK / temperature, axis=1)[np.arange(500), labels_N].mean())

    found = fit_temperature(logits_NK, labels_N)
    assert all(loss(found) <= loss(found * factor) for factor in (0.8, 0.97, 1.03, 1.25))


def test_the_temperature_stays_within_bounds() -> None:
    right = np.eye(7, dtype=np.float32)
    assert 0.05 <= fit_temperature(right, np.arange(7)) < 0.06
    assert 19 < fit_temperature(right, np.roll(np.arange(7), 1)) <= 20
