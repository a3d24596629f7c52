"""The interval of a share; those of confusion matrices are tested with the figures made of them."""

import numpy as np
import pytest
from scipy.stats import binom

from fusion_model.bootstrap import share, with_resamples


def test_a_share_has_the_binomial_interval() -> None:
    hit_N = np.arange(1000) < 900
    found = share(hit_N, resamples=20_000)
    low, high = binom.ppf([0.025, 0.975], 1000, 0.9) / 1000
    assert found.value == 0.9
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_all_or_none_is_a_share_too_and_no_rows_are_none() -> None:
    assert share(np.ones(5, dtype=bool)).low == 1
    assert share(np.zeros(5, dtype=bool)).high == 0
    nothing = share(np.zeros(0, dtype=bool))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_resamples_keep_the_number_of_rows_and_the_empty_cells() -> None:
    counts_R22 = with_resamples(np.array([[5, 0], [3, 2]]), resamples=50, seed=1)
    assert counts_R22.shape == (51, 2, 2)
    assert (counts_R22.sum(axis=(1, 2)) == 10).all() and (counts_R22[:, 0, 1] == 0).all()
    assert counts_R22[0].tolist() == [[5, 0], [3, 2]]
    assert len(np.unique(counts_R22[1:, 0, 0])) > 3
