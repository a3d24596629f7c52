"""Shapley values of games with few players: how much each adds, on average over all orders of joining.

Shape suffixes: C coalition (2 to the power of the players), R player.

Exact, from the worth of every coalition: six players have 64 coalitions, but 720 orders to go through.

References
----------
Shapley 1953, "A value for n-person games".
Lundberg and Lee 2017, "A unified approach to interpreting model predictions".
"""

from math import factorial

import numpy as np


def coalitions(players: int) -> np.ndarray:
    """Every coalition, bool (C, R), none first, all last: player r is in c where bit r of c is set."""
    return (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(bool)


def shapley_values(worth_C: np.ndarray) -> np.ndarray:
    """What each player adds, float64 (R,); they sum to the worth of all minus the worth of none.

    Parameters
    ----------
    worth_C : (C,) the worth of each of `coalitions`
    """
    players = len(worth_C).bit_length() - 1
    if len(worth_C) != 2**players:
        raise ValueError(f"a game needs the worth of 1, 2, 4, 8 ... coalitions, not of {len(worth_C)}")
    member_CR = coalitions(players)
    size_C = member_CR.sum(axis=1)
    values_R = np.zeros(players)
    for player in range(players):
        without = np.flatnonzero(~member_CR[:, player])
        orders = [factorial(int(n)) * factorial(players - int(n) - 1) for n in size_C[without]]
        gains = worth_C[without + 2**player] - worth_C[without]
        values_R[player] = np.dot(orders, gains) / factorial(players)
    return values_R
