"""The result file of `training.explain_checks`: means with intervals, differences between orders, likeness.

Shape suffixes: N pictures, P pixel or region.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, spearmanr


@dataclass
class Sheet:
    """Rows of the result file, as they come."""

    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, check: str, model: str, method: str, order: str, values_N: np.ndarray) -> None:
        """The mean of these values with its interval; nan values do not count."""
        known_N = values_N[~np.isnan(values_N)]
        found = bootstrap(
            (known_N,), np.mean, n_resamples=1000, method="percentile", random_state=np.random.default_rng(0)
        )
        low, high = found.confidence_interval
        self.rows.append((check, model, method, order, known_N.mean(), low, high, len(known_N)))

    def orders(self, check: str, model: str, method: str, values: dict[str, np.ndarray]) -> None:
        """The values by order, and how much more is left than in the order of the method itself."""
        for order, values_N in values.items():
            self.add(check, model, method, order, values_N)
            if order not in ("marked", "against"):
                self.add(check, model, method, f"{order} - marked", values_N - values["marked"])

    def frame(self) -> pd.DataFrame:
        """As a table."""
        columns = ["check", "model", "method", "order", "value", "low", "high", "n"]
        return pd.DataFrame(self.rows, columns=columns).round(4)


def likeness(first_NP: np.ndarray, second_NP: np.ndarray) -> list[float]:
    """Spearman's correlation, picture by picture; nan where one of the two is constant."""
    pairs = zip(first_NP, second_NP, strict=True)
    return [spearmanr(a, b).statistic if np.ptp(a) and np.ptp(b) else np.nan for a, b in pairs]
