"""Do landmarks help? Train the models and controls of that question over seeds; write their answers down.

``python -m training.landmark_study --data fer2013.csv --votes fer2013new.csv`` trains what ``runs/seedN``
lacks (a killed run goes on where it was), answers for every test picture, and writes into ``docs/results``,
beside what those files hold of other seeds:

- ``landmark_answers.csv.gz``: for each test picture (``row`` of the data) the label that each model of each
  seed gives, by its code; columns ``ARM_SEED``.
- ``landmark_limits.csv``: right answers on PrivateTest with noise on the landmarks and with meshes taken
  away; ``noise_px_whole``, of the first seed of each call, has the noise before the crop is cut, the others
  only after.

`training.landmark_report` makes tables of them. Nothing is chosen here, so that PrivateTest may be looked at.

The arms of a seed share one pixel branch, that of its CNN, held fixed; only what stands on it differs:

- ``cnn``: a linear layer.
- ``fusion``: the landmark branch and a head.
- ``landmarks``: the landmark branch by itself, no pixels.
- ``shuffled``: as fusion, but every face with another's landmarks, in training and in the test.
- ``wider``: as fusion, with the landmark branch's parameters spent on the pixels' features.
- ``fusion_without_mesh``: the fusion model of this seed, shown no mesh at all in the test.

Shape suffixes: N pictures, F feature, L landmark, D coordinate, K class.
"""

import argparse
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusion_model.checkpoint import load_checkpoint
from fusion_model.errors import ExpressionLensError
from fusion_model.frame import EYE_DISTANCE
from fusion_model.inference import make_ready, same_weights
from fusion_model.mirror import mirror_landmarks
from fusion_model.network import Cnn, ExpressionNetwork, TwoBranches
from fusion_model.preprocess import SIDE
from training.dataset import Samples, make_samples, plain_batches
from training.evaluate import TEST_SPLITS
from training.fer2013 import FaceDataset, read_fer2013
from training.landmark_cache import DEFAULT_CACHE, Landmarks, landmarks_of
from training.loop import PixelFeatures, TrainingError
from training.train import finish

SEEDS = (1, 2, 3, 4, 5)
#: Recipe of each arm; those after the first two stand on the CNN's pixel branch.
ARMS = {
    "cnn": "cnn_short",
    "landmarks": "landmarks",
    "fusion": "fusion_short",
    "shuffled": "shuffled_short",
    "wider": "wider_short",
}
RESULTS = Path("docs/results")
ANSWERS, LIMITS = "landmark_answers.csv.gz", "landmark_limits.csv"
#: Spread of the noise on each coordinate, px of the 48 px picture; share of the meshes taken away.
NOISE_PX = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
MISSING = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
Row = dict[str, str | int | float]


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    try:
        for seed in options.seeds:
            train_arms(seed, options)
        if options.train_only:
            return 0
        write_results(options)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on after the last finished epoch.", file=sys.stderr)
        return 130
    return 0


def train_arms(seed: int, options: Namespace) -> None:
    """Train what a seed lacks, in the order in which one needs the other."""
    known: PixelFeatures = {}
    for name in ARMS.values():
        folder = _folder(options.runs, seed) / name
        finish(name, options.data, options.votes, options.cache, seed, folder, known)


def write_results(options: Namespace) -> None:
    """Answer for all test pictures with every arm of the asked seeds; add that to the two result files."""
    dataset = read_fer2013(options.data)
    chosen_N = np.isin(dataset.splits_N, TEST_SPLITS)
    landmarks = landmarks_of(dataset, options.cache)
    samples = make_samples(dataset, landmarks).select(chosen_N)
    private_N = dataset.splits_N[chosen_N] == "PrivateTest"
    answers = pd.DataFrame({"row": np.flatnonzero(chosen_N)})
    limits: list[Row] = []
    for seed in options.seeds:
        arms = Arms.load(_folder(options.runs, seed), samples)
        for arm in (*ARMS, "fusion_without_mesh"):
            answers[f"{arm}_{seed}"] = arms.answers(arm, seed)
        limits += limits_of(arms.select(private_N), seed)
    whole_N = dataset.splits_N == "PrivateTest"
    first = options.seeds[0]
    limits += whole_limits_of(_folder(options.runs, first), first, dataset, landmarks, whole_N)
    options.out.mkdir(parents=True, exist_ok=True)
    _write(_with_other_seeds(answers, options.out / ANSWERS), options.out / ANSWERS)
    _write(_with_other_limits(pd.DataFrame(limits), options.out / LIMITS), options.out / LIMITS)


def _with_other_seeds(answers: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The answers beside those of other seeds in the file; TrainingError where that has other pictures."""
    if not path.exists():
        return answers
    kept = pd.read_csv(path)
    if not kept["row"].equals(answers["row"]):
        raise TrainingError(f"{path} is of other pictures: move it away to begin a new study.")
    others = kept.drop(columns=[column for column in answers if column in kept and column != "row"])
    return others.merge(answers, on="row", validate="one_to_one")


def _with_other_limits(limits: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The limits, and before them those that the file holds of other seeds."""
    if not path.exists():
        return limits
    kept = pd.read_csv(path)
    return pd.concat([kept[~kept["seed"].isin(limits["seed"])], limits], ignore_index=True)


class Arms:
    """The models of one seed on the same pictures; what the shared pixel branch says is computed once.

    Attributes
    ----------
    networks : by arm.
    samples : N pictures.
    views_2NF : features of the pictures, and of their mirror images.
    """

    def __init__(
        self, networks: dict[str, ExpressionNetwork], samples: Samples, views_2NF: tuple[Tensor, Tensor]
    ) -> None:
        self.networks, self.samples, self.views_2NF = networks, samples, views_2NF

    @classmethod
    def load(cls, folder: Path, samples: Samples) -> "Arms":
        """The arms of a seed's folder; TrainingError where they do not share one pixel branch."""
        networks = {
            arm: load_checkpoint(folder / name / f"{name}.safetensors")[0] for arm, name in ARMS.items()
        }
        cnn = networks["cnn"]
        assert isinstance(cnn, Cnn)
        for arm, network in networks.items():
            if isinstance(network, TwoBranches) and not same_weights(network.pixel_branch, cnn.pixel_branch):
                raise TrainingError(
                    f"{folder}: the arm {arm} stands on another pixel branch than its seed's CNN; remove "
                    "its folder and train it anew."
                )
        make_ready(list(networks.values()), torch.device("cpu"))
        plain, mirrored = [], []
        with torch.inference_mode():
            for batch in plain_batches(samples, 128):
                plain.append(cnn.pixel_branch(batch.pixels_BCHW))
                mirrored.append(cnn.pixel_branch(batch.pixels_BCHW.flip(3)))
        return cls(networks, samples, (torch.cat(plain), torch.cat(mirrored)))

    def select(self, chosen_N: np.ndarray) -> "Arms":
        """The same for the pictures where the mask is true."""
        plain_NF, mirrored_NF = (view_NF[torch.from_numpy(chosen_N)] for view_NF in self.views_2NF)
        return Arms(self.networks, self.samples.select(chosen_N), (plain_NF, mirrored_NF))

    def answers(self, arm: str, seed: int) -> np.ndarray:
        """Codes of the labels, int64 (N,), that an arm gives, with flip test-time augmentation."""
        samples = self.samples
        if arm == "fusion_without_mesh":
            return self.with_landmarks("fusion", samples.with_mesh("none"))
        return self.with_landmarks(arm, samples.with_mesh("shuffled" if arm == "shuffled" else "own", seed))

    def with_landmarks(self, arm: str, samples: Samples) -> np.ndarray:
        """The answers (N,) where the faces have the landmarks of these samples."""
        network = self.networks[arm]
        found_N = torch.from_numpy(samples.mesh_found_N)
        logits_NK = torch.zeros(())
        with torch.inference_mode():
            for view_NF, mesh_NLD in zip(
                self.views_2NF,
                (samples.landmarks_NLD, mirror_landmarks(samples.landmarks_NLD)),
                strict=True,
            ):
                landmarks_NLD = torch.from_numpy(np.ascontiguousarray(mesh_NLD))
                logits_NK = logits_NK + _logits(network, view_NF, landmarks_NLD, found_N)
        return logits_NK.argmax(dim=1).numpy()


def limits_of(arms: Arms, seed: int) -> list[Row]:
    """Accuracy of the arms that see landmarks, with noise on these and with meshes taken away.

    The crop stays as it was, so that only what the landmark branch sees gets worse.
    """
    rng = np.random.default_rng(seed)
    samples = arms.samples
    changes: list[tuple[str, float, Samples]] = [
        *(("noise_px", level, _noisy(samples, level, rng)) for level in NOISE_PX),
        *(("missing", share, _without_meshes(samples, share, rng)) for share in MISSING),
    ]
    return [
        _row(seed, what, level, arm, arms.with_landmarks(arm, changed) == samples.labels_N)
        for what, level, changed in changes
        for arm in ("fusion", "landmarks")
    ]


def whole_limits_of(
    folder: Path, seed: int, dataset: FaceDataset, landmarks: Landmarks, chosen_N: np.ndarray
) -> list[Row]:
    """The same noise on what Face Mesh gave, before anything is made of it: the crop suffers too."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for level in NOISE_PX:
        noise_NLD = rng.standard_normal(landmarks.landmarks_NLD.shape, np.float32) * level
        noisy = replace(landmarks, landmarks_NLD=landmarks.landmarks_NLD + noise_NLD)
        arms = Arms.load(folder, make_samples(dataset, noisy).select(chosen_N))
        for arm in ("cnn", "fusion", "landmarks"):
            right_N = arms.answers(arm, seed) == arms.samples.labels_N
            rows.append(_row(seed, "noise_px_whole", level, arm, right_N))
    return rows


def _row(seed: int, what: str, level: float, arm: str, right_N: np.ndarray) -> Row:
    return {
        "seed": seed,
        "what": what,
        "level": level,
        "arm": arm,
        "right": int(right_N.sum()),
        "n": len(right_N),
    }


def _noisy(samples: Samples, level: float, rng: np.random.Generator) -> Samples:
    """Independent normal noise on each coordinate; px of the 48 px picture by the frame's eye distance."""
    spread = level / (EYE_DISTANCE * SIDE)
    noise_NLD = rng.standard_normal(samples.landmarks_NLD.shape, np.float32) * np.float32(spread)
    noise_NLD *= samples.mesh_found_N[:, None, None]
    return replace(samples, landmarks_NLD=samples.landmarks_NLD + noise_NLD)


def _without_meshes(samples: Samples, share: float, rng: np.random.Generator) -> Samples:
    """The mesh of so large a share of the faces taken away, at random."""
    kept_N = samples.mesh_found_N & (rng.permutation(len(samples)) >= round(share * len(samples)))
    landmarks_NLD = samples.landmarks_NLD * kept_N[:, None, None].astype(np.float32)
    return replace(samples, landmarks_NLD=landmarks_NLD, mesh_found_N=kept_N)


def _logits(network: ExpressionNetwork, pixel_NF: Tensor, landmarks_NLD: Tensor, found_N: Tensor) -> Tensor:
    """Logits (N, K) from features that the shared pixel branch gave."""
    if isinstance(network, TwoBranches):
        return network.head(network.join(pixel_NF, landmarks_NLD, found_N))
    if isinstance(network, Cnn):
        return network.head(pixel_NF)
    return network(pixel_NF, landmarks_NLD, found_N)


def _folder(runs: Path, seed: int) -> Path:
    return runs / f"seed{seed}"


def _write(frame: pd.DataFrame, path: Path) -> None:
    """As CSV, aside and then renamed; gzip without the time, so that the same answers are the same file."""
    aside = path.with_name(path.name + ".aside")
    method: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    frame.to_csv(aside, index=False, lineterminator="\n", compression=method)
    aside.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.landmark_study",
        description="Train and compare what answers whether landmarks help.",
    )
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv or what else training reads")
    parser.add_argument("--votes", type=Path, required=True, help="FER+ votes, fer2013new.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), metavar="SEED")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the seeds' runs")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result files")
    parser.add_argument("--train-only", action="store_true", help="train, and write no results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
