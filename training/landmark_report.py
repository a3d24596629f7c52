"""Tables that answer "do landmarks help?", from the result files of `training.landmark_study`.

`training.figures` writes them into ``docs/landmarks.md``; ``python -m training.landmark_report`` writes what
the Compare page tells of seeds.

Intervals are of 95 %. Over pictures: the percentile bootstrap of the mean, over pictures, of each picture's
difference averaged over seeds. Over seeds: Student's t on the seeds' differences; few seeds make it wide.

Shape suffixes: N pictures, S seeds.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from fusion_model.checkpoint import ASSETS, load_card
from fusion_model.prediction_table import read_table
from fusion_model.seeds import SEEDS_TABLE
from training.landmark_study import ANSWERS, LIMITS, RESULTS

ROOT = Path(__file__).parents[1]
TITLES = {
    "cnn": "CNN, pixels alone",
    "fusion": "fusion",
    "landmarks": "landmarks alone",
    "shuffled": "fusion trained and tested with shuffled landmarks",
    "wider": "fusion's parameters, but no landmarks",
    "fusion_without_mesh": "fusion, shown no mesh in the test",
}
RESAMPLES = 1000


@dataclass(frozen=True)
class Study:
    """Which answers were right on PrivateTest.

    Attributes
    ----------
    frame : N rows of the prediction table: label, slices.
    right : arm -> bool (N, S).
    seeds : S of them.
    limits : the rows of ``landmark_limits.csv``.
    """

    frame: pd.DataFrame
    right: dict[str, np.ndarray]
    seeds: tuple[int, ...]
    limits: pd.DataFrame

    @classmethod
    @cache
    def read(
        cls, results: Path = ROOT / RESULTS, table: Path = ASSETS / "fer2013_predictions.csv.gz"
    ) -> "Study":
        """Read the result files, and the slices from the prediction table."""
        predictions = read_table(table)
        answers = pd.read_csv(results / ANSWERS)
        frame = predictions.frame.assign(truth=predictions.truth()).merge(
            answers, on="row", how="inner", validate="one_to_one"
        )
        frame = frame[frame["split"] == "PrivateTest"].reset_index(drop=True)
        seeds = tuple(sorted(int(name[4:]) for name in answers if name.startswith("cnn_")))
        truth_N = frame["truth"].to_numpy()
        right = {
            arm: np.stack([frame[f"{arm}_{seed}"].to_numpy() == truth_N for seed in seeds], axis=1)
            for arm in TITLES
        }
        return cls(frame, right, seeds, pd.read_csv(results / LIMITS))

    def difference(
        self, mask_N: np.ndarray, arm: str = "fusion", than: str = "cnn"
    ) -> tuple[float, float, float]:
        """Accuracy of an arm minus another's, mean over seeds, and its interval over pictures; in points."""
        each_N = (self.right[arm][mask_N].mean(axis=1) - self.right[than][mask_N].mean(axis=1)) * 100
        if len(each_N) < 2 or not each_N.any():
            return float(each_N.mean()), np.nan, np.nan
        drawn = stats.bootstrap(
            (each_N,), np.mean, n_resamples=RESAMPLES, method="percentile", batch=100, rng=0
        ).confidence_interval
        return float(each_N.mean()), float(drawn.low), float(drawn.high)


def summary(_: Any) -> str:
    """The answer in a few sentences."""
    study = Study.read()
    everything = np.ones(len(study.frame), bool)
    value, low, high = study.difference(everything)
    by_seed = _by_seed(study, "fusion") - _by_seed(study, "cnn")
    half = stats.t.ppf(0.975, len(by_seed) - 1) * stats.sem(by_seed)
    values = [_p(study, column) for column in range(len(study.seeds))]
    controls = [
        f"{TITLES[arm]} {_signed(study.difference(everything, arm))}"
        for arm in ("wider", "shuffled", "fusion_without_mesh")
    ]
    over_seeds = f"{value - half:+.2f} to {value + half:+.2f} over seeds"
    by_one = f"from {by_seed.min():+.2f} to {by_seed.max():+.2f} by seed"
    return (
        f"On the same {len(study.frame):,} PrivateTest pictures, over {len(study.seeds)} seeds: fusion minus "
        f"CNN **{value:+.2f} points** ({low:+.2f} to {high:+.2f} over pictures; {over_seeds}; {by_one}). "
        f"Exact McNemar p of the seeds: {', '.join(f'{p:.1g}' for p in values)}. Against the CNN the "
        f"controls stand at: {'; '.join(controls)}. Fusion minus the control of as many parameters: "
        f"{_signed(study.difference(everything, 'fusion', 'wider'))} points.\n"
    )


def seeds(_: Any) -> str:
    """One row a seed, one column an arm."""
    study = Study.read()
    titles = [*TITLES.values(), "fusion minus CNN", "McNemar p"]
    lines = _head("seed", titles)
    for column, seed in enumerate(study.seeds):
        accuracies = [100 * study.right[arm][:, column].mean() for arm in TITLES]
        gain = accuracies[1] - accuracies[0]
        cells = [*(f"{value:.1f}" for value in accuracies), f"{gain:+.1f}", f"{_p(study, column):.1g}"]
        lines.append(_line(seed, cells))
    means = [_by_seed(study, arm).mean() for arm in TITLES]
    lines.append(_line("mean", [*(f"{value:.1f}" for value in means), f"{means[1] - means[0]:+.1f}", ""]))
    return "\n".join(lines) + "\n"


def classes(_: Any) -> str:
    """Recall by expression."""
    study = Study.read()
    return _slices(study, "expression", ((label, study.frame["label"] == label) for label in _labels(study)))


def slices(_: Any) -> str:
    """By pose, sharpness, size, brightness, agreement of FER+'s taggers, and whether there is a mesh."""
    study = Study.read()
    frame = study.frame
    parts = [("all", pd.Series(True, frame.index))]
    parts += [("mesh found", frame["mesh_found"] == 1), ("no mesh", frame["mesh_found"] == 0)]
    for angle in ("yaw", "pitch", "roll"):
        size = frame[angle].abs()
        parts += [(f"{angle} {name}", mask) for name, mask in _ranges(size, (0, 10, 20, 30), "°")]
    for column, unit in (("sharpness", ""), ("eye_distance", " px"), ("brightness", "")):
        cuts = frame[column].quantile([0, 0.25, 0.5, 0.75]).round(2)
        parts += [
            (f"{column} {name}".replace("_", " "), mask) for name, mask in _ranges(frame[column], cuts, unit)
        ]
    agreement = frame["ferplus_agreement"]
    parts += [
        (f"FER+ taggers agreeing {name}", mask)
        for name, mask in _ranges(100 * agreement, (0, 50, 70, 90), " %")
    ]
    parts += [("not a copy of a training picture", frame["copy_in_training"] == 0)]
    return _slices(study, "pictures", iter(parts))


def noise(_: Any) -> str:
    """Accuracy against noise on the landmarks."""
    return _limits("noise_px", "noise, px of 48") + "\n" + _limits("noise_px_whole", "noise, px of 48")


def missing(_: Any) -> str:
    """Accuracy against the share of the meshes taken away."""
    return _limits("missing", "meshes taken away")


def published(report: Any) -> str:
    """The models that come with the package, on PrivateTest."""
    lines = []
    for name, title in (("cnn", "CNN"), ("fusion", "fusion")):
        found = report["splits"]["PrivateTest"]["models"][name]["accuracy"]
        epochs = load_card(ASSETS / f"{name}.safetensors").training["recipe"]["epochs"]
        lines.append(f"{title} {100 * found['value']:.1f} % (the last of its runs: {epochs} epochs)")
    found = report["splits"]["PrivateTest"]["comparison"]
    value, low, high = (100 * found["difference"][key] for key in ("value", "low", "high"))
    return (
        f"{', '.join(lines)}: fusion minus CNN **{value:+.2f} points** ({low:+.2f} to {high:+.2f} over "
        f"pictures), exact McNemar p = {found['mcnemar_p']:.2g}.\n"
    )


BLOCKS: dict[str, Callable[[Any], str]] = {
    "landmarks-summary": summary,
    "landmarks-published": published,
    "landmarks-seeds": seeds,
    "landmarks-classes": classes,
    "landmarks-slices": slices,
    "landmarks-noise": noise,
    "landmarks-missing": missing,
}


def _slices(study: Study, title: str, parts: Iterator[tuple[str, pd.Series]]) -> str:
    lines = _head(title, ["n", "CNN", "fusion", "landmarks alone", "fusion minus CNN"])
    for name, mask in parts:
        mask_N = mask.to_numpy(bool)
        if not mask_N.any():
            continue
        cells = [f"{mask_N.sum():,}"]
        cells += [f"{100 * study.right[arm][mask_N].mean():.1f}" for arm in ("cnn", "fusion", "landmarks")]
        lines.append(_line(name, [*cells, _signed(study.difference(mask_N))]))
    return "\n".join(lines) + "\n"


def _limits(what: str, title: str) -> str:
    limits = Study.read().limits
    chosen = limits[limits["what"] == what]
    table = chosen.assign(accuracy=100 * chosen["right"] / chosen["n"]).pivot_table(
        index="level", columns="arm", values="accuracy", aggfunc="mean"
    )
    shown = [arm for arm in TITLES if arm in table]
    lines = _head(title, [TITLES[arm] for arm in shown])
    for level, row in table.iterrows():
        assert isinstance(level, float)
        name = f"{100 * level:.0f} %" if what == "missing" else f"{level:g}"
        lines.append(_line(name, [f"{row[arm]:.1f}" for arm in shown]))
    return "\n".join(lines) + "\n"


def _ranges(values: pd.Series, starts: Any, unit: str) -> Iterator[tuple[str, pd.Series]]:
    """Ranges that begin at these values, the last without end."""
    edges = [*starts, np.inf]
    for low, high in pairwise(edges):
        name = f"{low:g} to {high:g}{unit}" if np.isfinite(high) else f"from {low:g}{unit}"
        yield name, (values >= low) & (values < high)


def _by_seed(study: Study, arm: str) -> np.ndarray:
    """Accuracy of an arm by seed, percent, (S,)."""
    return 100 * study.right[arm].mean(axis=0)


def _p(study: Study, column: int) -> float:
    """Two-sided exact McNemar test of fusion against CNN, of the seed in that column."""
    first_N, second_N = (study.right[arm][:, column] for arm in ("cnn", "fusion"))
    return float(mcnemar(pd.crosstab(first_N, second_N), exact=True).pvalue)


def _labels(study: Study) -> list[str]:
    return list(study.frame.sort_values("truth")["label"].unique())


def _signed(found: tuple[float, float, float]) -> str:
    value, low, high = found
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})" if np.isfinite(low) else f"{value:+.1f}"


def _head(title: str, columns: list[str]) -> list[str]:
    return [_line(title, columns), f"| --- |{' ---: |' * len(columns)}"]


def _line(name: Any, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def seeds_table(study: Study) -> pd.DataFrame:
    """One row a seed: right answers of every arm, and McNemar's p of fusion against the CNN."""
    rows = []
    for column, seed in enumerate(study.seeds):
        row: dict[str, Any] = {"seed": seed, "n": len(study.frame)}
        row |= {arm: int(study.right[arm][:, column].sum()) for arm in TITLES}
        rows.append(row | {"mcnemar_p": float(f"{_p(study, column):.3g}")})
    return pd.DataFrame(rows)


def main() -> int:
    """Write what the Compare page tells of seeds, from the result files, into the package."""
    aside = SEEDS_TABLE.with_suffix(".aside")
    seeds_table(Study.read()).to_csv(aside, index=False, lineterminator="\n")
    aside.replace(SEEDS_TABLE)
    print(f"{SEEDS_TABLE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
