"""Shapley values: the axioms, a worked example, and another library's exact values."""

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues

from fusion_model.shapley import coalitions, shapley_values


def worth(players: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=2**players)


def test_the_glove_game_has_its_known_values() -> None:
    # Two left gloves, one right: a pair is worth 1 (Shapley 1953; in every textbook: 1/6, 1/6, 2/3).
    pair_C = [float(member[2] and member[:2].any()) for member in coalitions(3)]
    np.testing.assert_allclose(shapley_values(np.array(pair_C)), [1 / 6, 1 / 6, 2 / 3])


@pytest.mark.parametrize("players", [1, 2, 6])
def test_values_sum_to_what_all_add_to_none(players: int) -> None:
    worth_C = worth(players)
    assert shapley_values(worth_C).sum() == pytest.approx(worth_C[-1] - worth_C[0])


def test_who_adds_nothing_gets_nothing_and_equals_get_the_same() -> None:
    member_CR = coalitions(3)
    worth_C = member_CR[:, 0] * 2.0 + member_CR[:, 1] * 2.0 + member_CR[:, 0] * member_CR[:, 1]
    np.testing.assert_allclose(shapley_values(worth_C), [2.5, 2.5, 0])


def test_values_are_those_of_captum() -> None:
    worth_C = worth(4, seed=1)
    bits = torch.tensor([1, 2, 4, 8])

    def game(member_BR: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(worth_C)[(member_BR.long() * bits).sum(dim=1)]

    values_BR = ShapleyValues(game).attribute(torch.ones(1, 4), baselines=0)
    np.testing.assert_allclose(shapley_values(worth_C), values_BR[0].numpy(), atol=1e-6)


def test_a_worth_is_needed_for_every_coalition() -> None:
    with pytest.raises(ValueError, match="not of 3"):
        shapley_values(np.zeros(3))
