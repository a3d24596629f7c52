"""Confusion matrices of groups of rows, for several models together, and their bootstrap resamples.

Models are resampled together: a resample holds the same rows for each, so their differences are paired. Rows
are drawn within each group, so that group sizes stay; where rows come in clusters (several pictures of a
person), clusters are drawn, with all their rows.

Shape suffixes: N rows, G groups, K labels, M models, R resamples, C non-empty cells, U clusters (units).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array

from fusion_model.bootstrap import RESAMPLES

__all__ = ["GroupCounts", "Groups", "group_counts", "random_groups"]


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows sorted into groups.

    Attributes
    ----------
    names : tuple of str
        The G groups.
    codes_N : (N,) int
        The group of each row; every group has rows.
    units_N : (N,) int, optional
        The cluster of each row, where rows are not independent.
    """

    names: tuple[str, ...]
    codes_N: np.ndarray
    units_N: np.ndarray | None = None

    @property
    def sizes_G(self) -> np.ndarray:
        """Rows of each group, (G,) int."""
        return np.bincount(self.codes_N, minlength=len(self.names))

    @property
    def units_G(self) -> np.ndarray:
        """Clusters of each group, (G,) int: its rows, where they are independent."""
        if self.units_N is None:
            return self.sizes_G
        pairs = np.unique(np.stack([self.codes_N, self.units_N]), axis=1)
        return np.bincount(pairs[0], minlength=len(self.names))


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Counts (1 + R, G, K, K) of each model: row 0 observed, the others resamples; truth by answer."""

    models: tuple[str, ...]
    counts: dict[str, np.ndarray]

    def overall(self, model: str) -> np.ndarray:
        """Counts of all groups together, (1 + R, K, K)."""
        return self.counts[model].sum(axis=1)


def group_counts(
    groups: Groups,
    truth_N: np.ndarray,
    answers: dict[str, np.ndarray],
    size: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> GroupCounts:
    """Count and resample.

    Parameters
    ----------
    groups : Groups
    truth_N : (N,) int, below `size`
    answers : (N,) int of each model, below `size`
    size : number of labels, K
    resamples, seed : of the bootstrap
    """
    if groups.units_N is not None:
        counts = _by_units(groups, truth_N, answers, size, resamples, seed)
    else:
        counts = _by_rows(groups, truth_N, answers, size, resamples, seed)
    return GroupCounts(tuple(answers), counts)


def random_groups(
    groups: Groups,
    truth_N: np.ndarray,
    answers: dict[str, np.ndarray],
    size: int,
    *,
    draws: int = 300,
    seed: int = 0,
) -> dict[str, np.ndarray] | None:
    """Counts (R, G, K, K) of each model if groups of these sizes were drawn by lot: what chance alone does.

    Clusters stay together. None where clusters have rows in several groups: no lot is fair then.
    """
    draw = np.random.default_rng(seed)
    if groups.units_N is None:
        joint, _ = _joint_cells(truth_N, answers, size)
        drawn = [draw.multinomial(n, joint.share_C, size=draws) for n in groups.sizes_G.tolist()]
        drawn_RGC = np.stack(drawn, axis=1)
        return {model: _marginals(drawn_RGC, cell_C, size) for model, cell_C in joint.cell_of.items()}
    _, first_U, unit_N = np.unique(groups.units_N, return_index=True, return_inverse=True)
    group_U = groups.codes_N[first_U]
    if (group_U[unit_N] != groups.codes_N).any():
        return None
    found = {model: np.zeros((draws, len(groups.names), size, size)) for model in answers}
    for number in range(draws):
        lot_N = draw.permutation(group_U)[unit_N]
        for model, answer_N in answers.items():
            code_N = (lot_N * size + truth_N) * size + answer_N
            flat = np.bincount(code_N, minlength=len(groups.names) * size * size)
            found[model][number] = flat.reshape(-1, size, size)
    return found


@dataclass(frozen=True, eq=False)
class _Joint:
    """The different (truth, answer, answer, ...) that rows show: share of the rows, and cell by model."""

    share_C: np.ndarray
    cell_of: dict[str, np.ndarray]


def _joint_cells(truth_N: np.ndarray, answers: dict[str, np.ndarray], size: int) -> tuple[_Joint, np.ndarray]:
    code_N = truth_N.astype(np.int64)
    for answer_N in answers.values():
        code_N = code_N * size + answer_N
    codes_C, first_C, inverse_N = np.unique(code_N, return_index=True, return_inverse=True)
    share_C = np.bincount(inverse_N, minlength=len(codes_C)) / len(truth_N)
    cell_of = {model: (truth_N * size + answer_N)[first_C] for model, answer_N in answers.items()}
    return _Joint(share_C, cell_of), inverse_N


def _marginals(drawn_RGC: np.ndarray, cell_C: np.ndarray, size: int) -> np.ndarray:
    """Joint counts summed into the confusion matrix of one model, (R, G, K, K)."""
    onto_CK = np.zeros((len(cell_C), size * size), dtype=np.float32)
    onto_CK[np.arange(len(cell_C)), cell_C] = 1
    return (drawn_RGC.astype(np.float32) @ onto_CK).reshape(*drawn_RGC.shape[:2], size, size)


def _by_rows(
    groups: Groups, truth_N: np.ndarray, answers: dict[str, np.ndarray], size: int, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    joint, cell_N = _joint_cells(truth_N, answers, size)
    cells = len(joint.share_C)
    observed_GC = np.bincount(groups.codes_N * cells + cell_N, minlength=len(groups.names) * cells).reshape(
        -1, cells
    )
    shape = (1 + resamples, len(groups.names), size, size)
    counts = {model: np.empty(shape) for model in answers}
    for code, observed_C in enumerate(observed_GC):
        some = np.flatnonzero(observed_C)
        n = int(observed_C.sum())
        drawn_RC = np.empty((1 + resamples, 1, len(some)))
        drawn_RC[0, 0] = observed_C[some]
        drawn_RC[1:, 0] = draw.multinomial(n, observed_C[some] / n, size=resamples)
        for model, cell_C in joint.cell_of.items():
            counts[model][:, code] = _marginals(drawn_RC, cell_C[some], size)[:, 0]
    return counts


def _by_units(
    groups: Groups, truth_N: np.ndarray, answers: dict[str, np.ndarray], size: int, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    _, unit_N = np.unique(np.asarray(groups.units_N), return_inverse=True)
    units = int(unit_N.max()) + 1
    weights_RU = np.ones((1 + resamples, units), dtype=np.float32)
    weights_RU[1:] = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=resamples)
    cells = len(groups.names) * size * size
    counts = {}
    for model, answer_N in answers.items():
        code_N = (groups.codes_N * size + truth_N) * size + answer_N
        held_CU = coo_array(
            (np.ones(len(code_N), dtype=np.float32), (code_N, unit_N)), shape=(cells, units)
        ).tocsr()
        flat_CR = held_CU @ weights_RU.T
        counts[model] = np.ascontiguousarray(flat_CR.T, dtype=np.float64).reshape(
            1 + resamples, -1, size, size
        )
    return counts
