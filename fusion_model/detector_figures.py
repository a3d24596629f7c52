"""How well face detectors find faces: precision, recall and F1 by the threshold of their scores, in short.

``python -m training.detector_study`` writes the file. Its counts are of pictures kept for reporting.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.bootstrap import Interval
from fusion_model.catalogue import ASSETS
from fusion_model.curves import wilson

TABLE = ASSETS / "detectors.csv"
ALL_SCENES = "all scenes"


@dataclass(frozen=True, eq=False)
class DetectorFigures:
    """One detector on one set of pictures, at T thresholds.

    Attributes
    ----------
    detector, data : names.
    pictures, faces : how many there are.
    empty : pictures without a face.
    threshold_T : float (T,), rising.
    hits_T, detections_T : int (T,).
    alarms_T : int (T,), pictures without a face in which something is found.
    chosen : index of the threshold that was chosen on other pictures.
    milliseconds : CPU time a picture, median; nan where it was not measured.
    """

    detector: str
    data: str
    pictures: int
    faces: int
    empty: int
    threshold_T: np.ndarray
    hits_T: np.ndarray
    detections_T: np.ndarray
    alarms_T: np.ndarray
    chosen: int
    milliseconds: float

    @property
    def precision_T(self) -> np.ndarray:
        """Share of the detections that are faces, float (T,); nan without any."""
        return _share(self.hits_T, self.detections_T)

    @property
    def recall_T(self) -> np.ndarray:
        """Share of the faces that are found, float (T,)."""
        return _share(self.hits_T, np.full_like(self.hits_T, self.faces))

    @property
    def f1_T(self) -> np.ndarray:
        """Harmonic mean of both, float (T,)."""
        return _share(2 * self.hits_T, self.detections_T + self.faces)

    def precision(self) -> Interval:
        """At the chosen threshold, with the Wilson interval."""
        return share_of(int(self.hits_T[self.chosen]), int(self.detections_T[self.chosen]))

    def recall(self) -> Interval:
        """At the chosen threshold, with the Wilson interval."""
        return share_of(int(self.hits_T[self.chosen]), self.faces)

    def alarms(self) -> Interval:
        """Share of pictures without a face in which something is found, at the chosen threshold."""
        return share_of(int(self.alarms_T[self.chosen]), self.empty)


def read_detectors(path: Path = TABLE, data: str = ALL_SCENES) -> tuple[DetectorFigures, ...]:
    """All detectors on these data, in the order of the file; none where there is no file."""
    if not path.exists():
        return ()
    rows = _rows(path)
    rows = rows[rows["data"] == data]
    return tuple(_figures(str(name), part) for name, part in rows.groupby("detector", sort=False))


def share_of(hits: int, total: int) -> Interval:
    """A share with its Wilson interval; nan of nothing."""
    low, high = wilson(np.array([hits]), np.array([total]))
    return Interval(hits / total if total else float("nan"), float(low[0]), float(high[0]))


@cache
def _rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def _figures(name: str, part: pd.DataFrame) -> DetectorFigures:
    part = part.sort_values("threshold")
    first = part.iloc[0]
    return DetectorFigures(
        detector=name,
        data=str(first["data"]),
        pictures=int(first["pictures"]),
        faces=int(first["faces"]),
        empty=int(first["empty"]),
        threshold_T=part["threshold"].to_numpy(float),
        hits_T=part["hits"].to_numpy(int),
        detections_T=part["detections"].to_numpy(int),
        alarms_T=part["alarms"].to_numpy(int),
        chosen=int(np.argmax(part["chosen"].to_numpy())),
        milliseconds=float(first["median_ms"]),
    )


def _share(of: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(of, total, out=np.full(len(of), np.nan), where=total > 0)
