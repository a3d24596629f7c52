"""Temperature scaling: one number that makes probabilities mean what they say; and a bias for each class.

Guo et al. 2017, "On calibration of modern neural networks"; Alexandari et al. 2020, "Maximum likelihood with
bias-corrected calibration is hard-to-beat at label shift adaptation" (temperature and biases together).
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax


def fit_temperature(logits_NK: np.ndarray, labels_N: np.ndarray) -> float:
    """The temperature that makes the labels likeliest.

    Parameters
    ----------
    logits_NK : (N, K) of pictures that the network was not trained on
    labels_N : (N,) class codes

    Returns
    -------
    float between 0.05 and 20; the logits are divided by it.
    """

    def loss(log_temperature: float) -> float:
        scaled_NK = log_softmax(logits_NK / np.exp(log_temperature), axis=1)
        return -float(scaled_NK[np.arange(len(labels_N)), labels_N].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))


def fit_biases(logits_NK: np.ndarray, labels_N: np.ndarray) -> tuple[float, np.ndarray]:
    """The temperature and the classes' biases that together make the labels likeliest.

    Parameters
    ----------
    logits_NK : (N, K) of pictures that the network was not trained on, with pictures of every class
    labels_N : (N,) class codes

    Returns
    -------
    float, which divides the logits, and (K,), added to them afterwards; the biases sum to 0.
    """
    count, classes = logits_NK.shape
    truth_NK = np.eye(classes)[labels_N]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled_NK = logits_NK * values[0] + values[1:]
        wrong_NK = (softmax(scaled_NK, axis=1) - truth_NK) / count
        slope = np.concatenate([[(wrong_NK * logits_NK).sum()], wrong_NK.sum(axis=0)])
        return -float((log_softmax(scaled_NK, axis=1) * truth_NK).sum()) / count, slope

    begin = np.concatenate([[1 / fit_temperature(logits_NK, labels_N)], np.zeros(classes)])
    bounds = [(1 / 20, 1 / 0.05), *[(-10.0, 10.0)] * classes]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-8}).x
    return float(1 / found[0]), found[1:] - found[1:].mean()
