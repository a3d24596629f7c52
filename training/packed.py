"""A data set packed for another machine: one small file that networks of pixels alone are trained from.

``python -m training.packed --data fer2013.csv --votes fer2013new.csv --out packed.npz``, and there
``python -m training.train cnn --data packed.npz``.

It holds what training looks at, the pictures of Training and PublicTest without loss, their labels and votes,
and how each picture is aligned by its landmarks. So the other machine, one with a GPU perhaps, needs neither
MediaPipe nor the landmarks, which are far larger, and makes the very crops that this one would.
PrivateTest stays at home.

Shape suffixes: N pictures, P packed bytes, H height, W width, V FER+ vote column.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np

from fusion_model.errors import ExpressionLensError
from training.data import PACKED_MARK, Asked, add_arguments, is_own, read_data
from training.dataset import Samples, make_samples
from training.landmark_cache import landmarks_of
from training.samples import SPLITS, DataError, FaceDataset

#: Kinds of networks that look at nothing but pixels.
PIXEL_KINDS = ("cnn", "wider")
_VERSION = 1
_LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


def pack(dataset: FaceDataset, samples: Samples, path: Path) -> int:
    """Write the Training and PublicTest pictures to a file, aside first; returns how many these are.

    Parameters
    ----------
    dataset : FER-2013, votes and all
    samples : made from it
    path : ``….npz``

    Raises
    ------
    DataError
        If it cannot be written there.
    """
    rows_N = np.flatnonzero(np.isin(dataset.splits_N, SPLITS[:2]))
    codes = [cv2.imencode(".webp", dataset.images_NHW[row], _LOSSLESS)[1] for row in rows_N]
    votes_NV = np.zeros((len(rows_N), 0)) if dataset.votes_NV is None else dataset.votes_NV[rows_N]
    arrays = {
        PACKED_MARK: np.array(_VERSION),
        "webp_P": np.concatenate(codes) if codes else np.zeros(0, np.uint8),
        "ends_N": np.cumsum([len(code) for code in codes], dtype=np.int64),
        "matrices_N23": samples.matrices_N23[rows_N],
        "labels_N": dataset.labels_N[rows_N].astype(np.uint8),
        "splits_N": dataset.splits_N[rows_N],
        "votes_NV": votes_NV.astype(np.float32),
        "labels": np.array(dataset.labels),
        "name": np.array(dataset.name),
        "fingerprint": np.array(dataset.fingerprint),
    }
    aside = path.with_name(path.name + ".aside")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            np.savez(file, **arrays)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
    return len(rows_N)


def read_packed(path: Path) -> tuple[FaceDataset, Samples]:
    """The data set, with the fingerprint of the one it was packed from, and its samples without landmarks.

    Raises
    ------
    DataError
        If the file is damaged, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as packed:
            if int(packed[PACKED_MARK]) != _VERSION:
                raise DataError(f"{path} was packed by another version: pack the data again.")
            arrays = {name: packed[name] for name in packed.files}
            votes_NV = arrays["votes_NV"]
            dataset = FaceDataset(
                _pictures(arrays["webp_P"], arrays["ends_N"]),
                arrays["labels_N"].astype(np.int64),
                arrays["splits_N"],
                tuple(arrays["labels"].tolist()),
                votes_NV if votes_NV.shape[1] else None,
                fingerprint=str(arrays["fingerprint"]),
                original_rows=False,
                name=str(arrays["name"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, cv2.error) as error:
        raise DataError(f"{path} is damaged: pack the data again ({error}).") from error
    images_NHW, matrices_N23 = dataset.images_NHW, arrays["matrices_N23"]
    return dataset, Samples.bare(images_NHW, matrices_N23, dataset.labels_N, dataset.labels, dataset.votes_NV)


def _pictures(webp_P: np.ndarray, ends_N: np.ndarray) -> np.ndarray:
    """The pictures, uint8 (N, H, W), out of their codes."""
    codes = np.split(webp_P, ends_N[:-1])
    return np.array([cv2.imdecode(code, cv2.IMREAD_GRAYSCALE) for code in codes])


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.packed", description="Pack FER-2013 for training on another machine."
    )
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, as training takes it")
    parser.add_argument("--votes", type=Path, help="FER+ votes, fer2013new.csv")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .npz")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    asked = Asked.of(options)
    try:
        if is_own(asked):
            raise DataError(f"{asked.data} is not FER-2013: only that is packed.")
        dataset = read_data(asked)
        samples = make_samples(dataset, landmarks_of(dataset, asked.cache, asked.workers))
        count = pack(dataset, samples, options.out)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {count:,} pictures, {options.out.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    # By its own name, so that worker processes find its functions by import.
    from training.packed import main as main_of_module

    sys.exit(main_of_module())
