"""The study of landmarks over seeds, in short: how often each arm was right on PrivateTest, a row a seed.

``python -m training.landmark_report`` writes the file from the study's results. All arms of a seed stand on
one CNN, trained shorter than the one that ships (``docs/landmarks.md``).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.catalogue import ASSETS

SEEDS_TABLE = ASSETS / "landmark_seeds.csv"
#: Arms beside the CNN and the fusion model, and what they are called.
CONTROLS = {
    "wider": "as many parameters, no landmarks",
    "shuffled": "landmarks of other faces",
    "fusion_without_mesh": "fusion, shown no mesh",
    "landmarks": "landmarks alone",
}


@dataclass(frozen=True)
class SeedStudy:
    """The study, S seeds.

    Attributes
    ----------
    n : pictures.
    seeds : S numbers.
    accuracy : arm -> float (S,), 0 to 1.
    p : float (S,), McNemar's exact test of fusion against the CNN, two-sided.
    """

    n: int
    seeds: tuple[int, ...]
    accuracy: dict[str, np.ndarray]
    p: np.ndarray

    @property
    def gains(self) -> np.ndarray:
        """Accuracy of fusion minus the CNN's, float (S,)."""
        return self.accuracy["fusion"] - self.accuracy["cnn"]


def read_seeds(path: Path = SEEDS_TABLE) -> SeedStudy | None:
    """The study from its file; None where there is none."""
    if not path.exists():
        return None
    rows = pd.read_csv(path)
    n = int(rows["n"].iloc[0])
    accuracy = {arm: rows[arm].to_numpy(float) / n for arm in ("cnn", "fusion", *CONTROLS)}
    return SeedStudy(n, tuple(map(int, rows["seed"])), accuracy, rows["mcnemar_p"].to_numpy(float))
