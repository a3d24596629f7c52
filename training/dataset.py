"""Pictures with their landmarks as training samples, and the batches of an epoch.

Shape suffixes: N pictures, B batch, C channel, H height, W width, L landmark, D coordinate,
V FER+ vote column.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fusion_model.faces import LANDMARKS, Face
from fusion_model.frame import FER_FRAME, compose, eyes_of
from fusion_model.mirror import mirror_landmarks
from fusion_model.preprocess import frontal_landmarks, inputs_matrix, standardise
from training.augment import Augmentation, draw, flipped, vary_crop, vary_landmarks
from training.head_turns import cut_turned
from training.samples import FaceDataset, Landmarks

#: Whose mesh a face is shown with: its own, or in the controls another's or none.
MESHES = ("own", "shuffled", "none")


@dataclass(frozen=True)
class Samples:
    """A data set ready for training.

    Attributes
    ----------
    images_NHW : uint8 (N, H, W), grey, as in the data set.
    matrices_N23 : float64 (N, 2, 3), px of the picture to px of the crop.
    landmarks_NLD : float32 (N, 478, 3), as the networks take them; zeros without a mesh.
    mesh_found_N : bool (N,)
    labels_N : int64 (N,)
    votes_NV : float32 (N, 10) FER+ votes, or None.
    labels : the class names.
    targets_NK : float32 (N, K), probabilities to learn in place of the labels, or None.
    weights_N : float32 (N,), what each picture's label counts in the loss beside the others', or None: alike.
    """

    images_NHW: np.ndarray
    matrices_N23: np.ndarray
    landmarks_NLD: np.ndarray
    mesh_found_N: np.ndarray
    labels_N: np.ndarray
    votes_NV: np.ndarray | None
    labels: tuple[str, ...]
    targets_NK: np.ndarray | None = None
    weights_N: np.ndarray | None = None

    @classmethod
    def bare(
        cls,
        images_NHW: np.ndarray,
        matrices_N23: np.ndarray,
        labels_N: np.ndarray,
        labels: tuple[str, ...],
        votes_NV: np.ndarray | None = None,
    ) -> Self:
        """Samples without landmarks, for networks that look at pixels alone."""
        count = len(images_NHW)
        landmarks_NLD = np.broadcast_to(np.zeros(1, np.float32), (count, LANDMARKS, 3))
        found_N = np.zeros(count, bool)
        return cls(images_NHW, matrices_N23, landmarks_NLD, found_N, labels_N, votes_NV, labels)

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.labels_N)

    def select(self, chosen: np.ndarray) -> "Samples":
        """The samples at these indices, or where this mask is true."""
        return Samples(
            self.images_NHW[chosen],
            self.matrices_N23[chosen],
            self.landmarks_NLD[chosen],
            self.mesh_found_N[chosen],
            self.labels_N[chosen],
            None if self.votes_NV is None else self.votes_NV[chosen],
            self.labels,
            None if self.targets_NK is None else self.targets_NK[chosen],
            None if self.weights_N is None else self.weights_N[chosen],
        )

    def joined(self, more: "Samples") -> "Samples":
        """These samples and then others, without votes of their own and right to learn as they are labelled.

        Parameters
        ----------
        more : of the same classes, pictures of the same size
        """
        votes_NV, targets_NK = self.votes_NV, self.targets_NK
        if votes_NV is not None:
            votes_NV = np.concatenate([votes_NV, np.zeros((len(more), votes_NV.shape[1]), np.float32)])
        if targets_NK is not None:
            label_NK = np.eye(len(self.labels), dtype=np.float32)[more.labels_N]
            targets_NK = np.concatenate([targets_NK, label_NK])
        weights_N = None
        if self.weights_N is not None or more.weights_N is not None:
            both = [np.ones(len(s), np.float32) if s.weights_N is None else s.weights_N for s in (self, more)]
            weights_N = np.concatenate(both)
        return Samples(
            np.concatenate([self.images_NHW, more.images_NHW]),
            np.concatenate([self.matrices_N23, more.matrices_N23]),
            np.concatenate([self.landmarks_NLD, more.landmarks_NLD]),
            np.concatenate([self.mesh_found_N, more.mesh_found_N]),
            np.concatenate([self.labels_N, more.labels_N]),
            votes_NV,
            self.labels,
            targets_NK,
            weights_N,
        )

    def with_mesh(self, whose: str, seed: int = 0) -> "Samples":
        """The samples with their own meshes, with each other's ("shuffled", by the seed), or with "none"."""
        if whose == "own":
            return self
        found_N, landmarks_NLD = self.mesh_found_N, self.landmarks_NLD.copy()
        if whose == "none":
            landmarks_NLD[:], found_N = 0, np.zeros_like(found_N)
        else:
            own_N = np.flatnonzero(found_N)
            landmarks_NLD[own_N] = self.landmarks_NLD[np.random.default_rng(seed).permutation(own_N)]
        return replace(self, landmarks_NLD=landmarks_NLD, mesh_found_N=found_N)


@dataclass(frozen=True)
class Batch:
    """One batch of inputs and targets, as tensors on one device.

    Attributes
    ----------
    pixels_BCHW : float32 (B, 1, 48, 48)
    landmarks_BLD : float32 (B, 478, 3)
    mesh_found_B : bool (B,)
    labels_B : int64 (B,)
    votes_BV : float32 (B, 10) FER+ votes; zeros where there are none.
    targets_BK : float32 (B, K), probabilities to learn in place of the labels, where there are any.
    weights_B : float32 (B,), what each label counts in the loss, where they do not count alike.
    pixel_features_BF : what a frozen pixel branch makes of the pixels, where that is known.
    """

    pixels_BCHW: Tensor
    landmarks_BLD: Tensor
    mesh_found_B: Tensor
    labels_B: Tensor
    votes_BV: Tensor
    targets_BK: Tensor | None = None
    weights_B: Tensor | None = None
    pixel_features_BF: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on that device, pictures in the channels-last layout that convolutions like."""
        moved = replace(
            self,
            **{
                name: tensor.to(device, non_blocking=True)
                for name, tensor in vars(self).items()
                if tensor is not None
            },
        )
        return replace(moved, pixels_BCHW=moved.pixels_BCHW.contiguous(memory_format=torch.channels_last))

    def resized(self, side: int) -> "Batch":
        """The same batch with its pictures `side` px wide and high, smoothed where they shrink."""
        if side == self.pixels_BCHW.shape[-1]:
            return self
        pixels_BCHW = functional.interpolate(
            self.pixels_BCHW, size=(side, side), mode="bilinear", antialias=True
        )
        return replace(self, pixels_BCHW=pixels_BCHW.contiguous(memory_format=torch.channels_last))


def make_samples(dataset: FaceDataset, landmarks: Landmarks) -> Samples:
    """Align every picture by its landmarks; a picture without a mesh keeps FER-2013's own frame.

    Pictures that were brought to that frame when they were read are shifted by their margin, to the pixel.
    """
    height, width = dataset.images_NHW.shape[1:]
    shift = np.array([[1.0, 0, -dataset.margin], [0, 1, -dataset.margin]])
    matrices, frontal = [], []
    for landmarks_LD, found in zip(landmarks.landmarks_NLD, landmarks.mesh_found_N, strict=True):
        known = landmarks_LD if found else None
        frontal.append(frontal_landmarks(known))
        if dataset.own is not None:
            matrices.append(shift)
            continue
        eyes_ED = eyes_of(landmarks_LD[:, :2]) if found else FER_FRAME.eyes(width, height)
        matrices.append(inputs_matrix(Face((0, 0, width, height), eyes_ED, known, 1.0)))
    return Samples(
        dataset.images_NHW,
        np.array(matrices),
        np.array(frontal),
        landmarks.mesh_found_N,
        dataset.labels_N,
        dataset.votes_NV,
        dataset.labels,
    )


def plain_batches(samples: Samples, batch: int) -> Iterator[Batch]:
    """The samples in order, without augmentation, for scoring."""
    for first in range(0, len(samples), batch):
        index_B = np.arange(first, min(first + batch, len(samples)))
        crops = [FER_FRAME.cut(samples.images_NHW[i], samples.matrices_N23[i]) for i in index_B]
        yield _batch(
            samples, index_B, np.array(crops), samples.landmarks_NLD[index_B], samples.mesh_found_N[index_B]
        )


@dataclass(frozen=True)
class EpochBatches:
    """The batches of one training epoch: shuffled, augmented, the last incomplete one left out.

    Attributes
    ----------
    samples : what to train on.
    batch : pictures a batch, over all processes together.
    augmentation : Augmentation
    seed, epoch : everything random follows from these two.
    rank, world : this process, and how many share each batch.
    with_pixels : False saves cutting the crops for a network that does not read them; they are zeros then.
    threads : that make batches ahead of their use.
    """

    samples: Samples
    batch: int
    augmentation: Augmentation
    seed: int
    epoch: int
    rank: int = 0
    world: int = 1
    with_pixels: bool = True
    threads: int = 1

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.samples) // self.batch

    def __iter__(self) -> Iterator[Batch]:
        """Make the batches in threads, a few ahead of their use."""
        order_N = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.samples))
        with ThreadPoolExecutor(self.threads) as pool:
            steps = iter(range(len(self)))
            ahead = [pool.submit(self._make, order_N, step) for step in islice(steps, 3 + self.threads)]
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(self._make, order_N, step) for step in islice(steps, 1)]

    def _make(self, order_N: np.ndarray, step: int) -> Batch:
        index_B = order_N[step * self.batch : (step + 1) * self.batch]
        rng = np.random.default_rng((self.seed, self.epoch, step))
        choice = draw(self.augmentation, len(index_B), LANDMARKS, rng)
        mine = range(self.rank, len(index_B), self.world)
        crops, meshes = [], []
        for row in mine:
            i = index_B[row]
            matrix, mesh_LD = choice.matrices_B23[row], self.samples.landmarks_NLD[i]
            if choice.flip_B[row]:
                matrix, mesh_LD = flipped(matrix), mirror_landmarks(mesh_LD)
            if self.with_pixels:
                crop_HW = _cut(
                    self.samples.images_NHW[i],
                    self.samples.matrices_N23[i],
                    choice.head_turns_B3[row],
                    matrix,
                )
                crops.append(vary_crop(crop_HW, choice, row))
            meshes.append(mesh_LD)
        rows = np.array(mine)
        found_B = self.samples.mesh_found_N[index_B[rows]] & ~choice.drop_mesh_B[rows]
        varied_BLD = vary_landmarks(np.array(meshes), choice.turns_B33[rows], choice.landmark_noise_BLD[rows])
        crops_BHW = (
            np.array(crops) if crops else np.zeros((len(rows), FER_FRAME.size, FER_FRAME.size), np.uint8)
        )
        return _batch(self.samples, index_B[rows], crops_BHW, varied_BLD, found_B)


def _cut(image_HW: np.ndarray, alignment: np.ndarray, turn: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The crop of a picture by its alignment, the turn of its head and what comes after."""
    if (turn == (0, 0, 1)).all():
        return FER_FRAME.cut(image_HW, compose(after, alignment))
    return cut_turned(image_HW, alignment, turn, after)


def _batch(
    samples: Samples,
    index_B: np.ndarray,
    crops_BHW: np.ndarray,
    landmarks_BLD: np.ndarray,
    found_B: np.ndarray,
) -> Batch:
    votes_BV = (
        np.zeros((len(index_B), 10), np.float32) if samples.votes_NV is None else samples.votes_NV[index_B]
    )
    return Batch(
        torch.from_numpy(standardise(crops_BHW)),
        torch.from_numpy(np.where(found_B[:, None, None], landmarks_BLD, np.float32(0))),
        torch.from_numpy(np.asarray(found_B)),
        torch.from_numpy(samples.labels_N[index_B]),
        torch.from_numpy(np.ascontiguousarray(votes_BV, np.float32)),
        None if samples.targets_NK is None else torch.from_numpy(samples.targets_NK[index_B]),
        None if samples.weights_N is None else torch.from_numpy(samples.weights_N[index_B]),
    )
