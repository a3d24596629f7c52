"""What a classifier's errors do to gaps between the groups that it estimated: gaps corrected, and bounds.

Groups that are estimated with errors are mixtures of the true ones, so gaps between them come out too small
(or, where errors follow the answers, too large): Chen et al. 2019, "Fairness under unawareness"
(https://arxiv.org/abs/1811.11154); Prost et al. 2021, "Measuring model fairness under noisy covariates"
(https://arxiv.org/abs/2105.09985). If T[a, e] is the share of true group a that is estimated as e, and errors
do not depend on the answers given the true group, the expected counts of estimated groups are T' times those
of the true ones, and inverting T gives the latter back: the matrix method (Barron 1977, "The effects of
misclassification on the estimation of relative risk", Biometrics 33).

`Assumption` says what is assumed of T: so many times as many errors as were measured, and so many times as
many where the model's answer is wrong as where it is right. `bounds` assumes nothing of what errors depend
on (Kallus et al. 2022, "Assessing algorithmic fairness with unobserved protected class using data
combination", https://arxiv.org/abs/1906.00285).

Shape suffixes: N rows, G groups (estimated E where both are meant), K labels, C cells, R resamples.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from fusion_model.bootstrap import RESAMPLES, Interval, intervals, with_resamples
from fusion_model.measures import Measure, ratio
from fusion_model.resampled import Groups

__all__ = ["Assumption", "Correction", "ErrorRates", "Mixture", "scaled"]

#: How many times as many errors on wrong answers, or on right ones, `Mixture.tipping` looks at.
FARTHEST = 5.0
#: Below this singular value of T, noise in the counts would grow sevenfold: nothing is corrected then.
LEAST_SINGULAR = 0.15


@dataclass(frozen=True)
class Assumption:
    """What is assumed of the errors on these pictures.

    Attributes
    ----------
    times : float
        So many times as many errors as were measured; 0: none, the estimates are taken at their word.
    wrong_times : float
        So many times as many errors on pictures that the model answers wrongly as on those that it answers
        rightly, with the same errors in all.
    """

    times: float = 1.0
    wrong_times: float = 1.0


@dataclass(frozen=True)
class Correction:
    """A measure by true group under one assumption.

    Attributes
    ----------
    told : bool
        Whether the estimates say enough for a correction; if not, all figures are nan.
    figures : tuple of Interval
        Of each group, 0..1; 95 % bootstrap percentiles over rows and error rates.
    rows : tuple of float
        How many of the rows that the measure is about each group is thought to have, 0 or more.
    gap : Interval
        Of the two groups asked for, first minus second.
    """

    told: bool
    figures: tuple[Interval, ...]
    rows: tuple[float, ...]
    gap: Interval


class ErrorRates:
    """Measured error rates with bootstrap resamples of the faces that they were measured on.

    Parameters
    ----------
    counts_GE : (G, E) int
        Faces by true and estimated group; of each true group there are some.
    resamples, seed : of the bootstrap
    """

    def __init__(self, counts_GE: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        faces_G = counts_GE.sum(axis=1)
        draw = np.random.default_rng(seed)
        rates_GE = counts_GE / faces_G[:, None]
        drawn = [
            draw.multinomial(n, row, size=resamples) / n for n, row in zip(faces_G, rates_GE, strict=True)
        ]
        self.rates_RGE = np.concatenate([rates_GE[None], np.stack(drawn, axis=1)])
        self.inverse = functools.lru_cache(maxsize=64)(self._inverse)

    @property
    def resamples(self) -> int:
        """How many resamples there are, R."""
        return len(self.rates_RGE) - 1

    def _inverse(self, times: float, first_only: bool = False) -> np.ndarray | None:
        """Inverses (1 + R, E, G) of the rates with so many times as many errors; None if they say too little.

        A singular one among the resamples gives nan, which no interval counts.
        """
        made = scaled(self.rates_RGE[:1] if first_only else self.rates_RGE, times)
        if (np.diag(made[0]) <= 0).any():
            return None
        if np.linalg.svd(made[0], compute_uv=False).min() < LEAST_SINGULAR:
            return None
        try:
            found: np.ndarray = np.linalg.inv(made)
        except np.linalg.LinAlgError:
            sound_R = np.abs(np.linalg.det(made)) > 1e-9
            found = np.full_like(made, np.nan)
            found[sound_R] = np.linalg.inv(made[sound_R])
        return found


class Mixture:
    """One measure of one model's answers, on rows whose groups were estimated with errors.

    Parameters
    ----------
    groups : Groups
        Estimated, in the order of the rates; a group may be without rows.
    truth_N : (N,) int, below `size`
    answer_N : (N,) int, below `size`
    size : number of labels, K
    rates : ErrorRates
    measure : Measure
    seed : of the bootstrap over rows
    """

    def __init__(
        self,
        groups: Groups,
        truth_N: np.ndarray,
        answer_N: np.ndarray,
        size: int,
        rates: ErrorRates,
        measure: Measure,
        *,
        seed: int = 1,
    ) -> None:
        self._rates, self._measure = rates, measure
        shape = (len(groups.names), size, size)
        code_N = (groups.codes_N * size + truth_N) * size + answer_N
        observed = np.bincount(code_N, minlength=math.prod(shape))
        counts_REKK = with_resamples(observed, rates.resamples, seed).reshape(-1, *shape)
        self._counts_EKK = counts_REKK[0]
        right_KK = np.eye(size, dtype=np.int64)
        #: Share of rows that the model answers rightly.
        self._share = float((counts_REKK[0] * right_KK).sum() / counts_REKK[0].sum())
        self._cells = [self._cells_of(counts_REKK * mask_KK) for mask_KK in (right_KK, 1 - right_KK)]

    def corrected(self, ends: tuple[int, int], assumption: Assumption) -> Correction:
        """The figures by true group, and the gap of two of them, first minus second."""
        figures_RG, rows_G = self._figures(assumption)
        if figures_RG is None:
            nothing = Interval(math.nan, math.nan, math.nan)
            groups = len(self._counts_EKK)
            return Correction(False, (nothing,) * groups, (math.nan,) * groups, nothing)
        gap_R = figures_RG[:, ends[0]] - figures_RG[:, ends[1]]
        return Correction(
            True, tuple(intervals(figures_RG)), tuple(rows_G.tolist()), intervals(gap_R[:, None])[0]
        )

    def bounds(self, ends: tuple[int, int]) -> tuple[float, float]:
        """The least and the largest gap that fit the counts and the error rates, whatever errors depend on.

        In each estimated group it is known how many rows are hits and how many belong to each true group, but
        not which: Fréchet's bounds on both together. Only for a measure that is a share of rows; nan
        otherwise, and where the estimates say too little.
        """
        inverse = self._rates.inverse(1.0, True)
        if self._measure.parts is None or inverse is None:
            return math.nan, math.nan
        hits_E, total_E = self._measure.parts(self._counts_EKK)
        joint_GE = np.maximum(inverse[0].T @ total_E, 0)[:, None] * self._rates.rates_RGE[0]
        # Where a corrected count had to be raised to 0, the columns no longer add up to what was counted.
        belong_GE = joint_GE * np.nan_to_num(ratio(total_E, joint_GE.sum(axis=0)))
        least_G = np.maximum(0, hits_E + belong_GE - total_E).sum(axis=1)
        most_G = np.minimum(hits_E, belong_GE).sum(axis=1)
        low_G, high_G = ratio(least_G, belong_GE.sum(axis=1)), ratio(most_G, belong_GE.sum(axis=1))
        first, second = ends
        return float(low_G[first] - high_G[second]), float(high_G[first] - low_G[second])

    def tipping(self, ends: tuple[int, int]) -> float:
        """How unevenly errors would have to fall for the corrected gap to be gone, or to change its sign.

        That many times as many errors on wrong answers as on right ones (below 1: fewer), the nearest to 1
        from one in `FARTHEST` to `FARTHEST`; nan where no such number does it.
        """
        sign = 0.0
        for step in np.geomspace(1, FARTHEST, 33).tolist():
            for wrong_times in (step, 1 / step):
                figures_RG, _ = self._figures(Assumption(wrong_times=wrong_times), first_only=True)
                if figures_RG is None:
                    continue
                gap = float(figures_RG[0, ends[0]] - figures_RG[0, ends[1]])
                sign = sign or math.copysign(1, gap)
                if gap * sign <= 0:
                    return wrong_times
        return math.nan

    def _cells_of(self, counts_REKK: np.ndarray) -> np.ndarray:
        """What has to be unmixed, (1 + R, E, C): hits and total of a share, else all counts."""
        parts = self._measure.parts
        if parts is not None:
            return np.stack(parts(counts_REKK), axis=-1).astype(np.float64)
        return counts_REKK.reshape(*counts_REKK.shape[:2], -1).astype(np.float64)

    def _figures(
        self, assumption: Assumption, *, first_only: bool = False
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Figures (1 + R, G), or row 0 alone, and rows of each group (G,); None if they cannot be told."""
        on_right = assumption.times / (self._share + (1 - self._share) * assumption.wrong_times)
        some = slice(1) if first_only else slice(None)
        unmixed = []
        for times, cells_REC in zip((on_right, on_right * assumption.wrong_times), self._cells, strict=True):
            inverse_REG = self._rates.inverse(times, first_only)
            if inverse_REG is None:
                return None, np.zeros(0)
            unmixed.append(inverse_REG.transpose(0, 2, 1) @ cells_REC[some])
        cells_RGC = unmixed[0] + unmixed[1]
        if self._measure.parts is not None:
            hits_RG, total_RG = cells_RGC[..., 0], cells_RGC[..., 1]
            return np.clip(ratio(hits_RG, total_RG), 0, 1), np.maximum(total_RG[0], 0)
        size = self._counts_EKK.shape[-1]
        counts_RGKK = np.maximum(cells_RGC, 0).reshape(*cells_RGC.shape[:2], size, size)
        return self._measure.of(counts_RGKK), counts_RGKK[0].sum(axis=(1, 2))


def scaled(rates_GE: np.ndarray, times: float) -> np.ndarray:
    """Error rates (..., G, G) with so many times as many errors, in the same proportions."""
    one_GG = np.eye(rates_GE.shape[-1])
    return one_GG + times * (rates_GE - one_GG)
