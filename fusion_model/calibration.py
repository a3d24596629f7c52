"""Temperature scaling: one number that makes probabilities mean what they say.

Guo et al. 2017, "On calibration of modern neural networks".
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


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
