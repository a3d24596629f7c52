"""Temperature scaling finds the temperature that made the labels."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from fusion_model.calibration import fit_biases, fit_temperature


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


def test_biases_that_were_taken_away_are_found() -> None:
    rng = np.random.default_rng(3)
    logits_NK = rng.normal(0, 2, (60_000, 4))
    biases_K = np.array([0.6, -0.8, 0.1, 0.1])
    labels_N = (logits_NK / 1.5 + biases_K + rng.gumbel(size=logits_NK.shape)).argmax(axis=1)
    temperature, found_K = fit_biases(logits_NK, labels_N)
    assert temperature == pytest.approx(1.5, rel=0.03)
    np.testing.assert_allclose(found_K, biases_K, atol=0.04)


def test_with_biases_the_labels_are_no_less_likely_than_without() -> None:
    rng = np.random.default_rng(4)
    logits_NK, labels_N = rng.normal(0, 2, (500, 7)), rng.integers(0, 7, 500)
    temperature, biases_K = fit_biases(logits_NK, labels_N)
    alone = log_softmax(logits_NK / fit_temperature(logits_NK, labels_N), axis=1)
    both = log_softmax(logits_NK / temperature + biases_K, axis=1)
    rows = np.arange(500)
    assert both[rows, labels_N].mean() > alone[rows, labels_N].mean()
    # Given the biases, no other temperature is better, and every class is predicted as often as it is there.
    shares_K = np.bincount(labels_N, minlength=7) / 500
    np.testing.assert_allclose(np.exp(both).mean(axis=0), shares_K, atol=1e-3)
