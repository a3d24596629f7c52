"""Samples and batches: alignment, order, augmentation, and the share of each process."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fusion_model.frame import FER_FRAME, eyes_of
from fusion_model.mirror import mirror_landmarks
from fusion_model.preprocess import frontal_landmarks, standardise
from training.augment import Augmentation
from training.dataset import Batch, EpochBatches, Samples, make_samples, plain_batches
from training.scoring import face_of

from .conftest import WITHOUT_FACE, TinyFer

FIELDS = ("pixels_BCHW", "landmarks_BLD", "mesh_found_B", "labels_B", "votes_BV")


@pytest.fixture(scope="module")
def samples(tiny_fer: TinyFer) -> Samples:
    return make_samples(tiny_fer.dataset, tiny_fer.landmarks)


@pytest.fixture(scope="module")
def numbered(samples: Samples) -> Samples:
    """The same samples; the label of each is its number."""
    return replace(samples, labels_N=np.arange(len(samples)))


def epoch(samples: Samples, augmentation: Augmentation | None = None, **changes: int) -> EpochBatches:
    values = {"batch": 8, "seed": 1, "epoch": 0} | changes
    return EpochBatches(samples, augmentation=augmentation or Augmentation(), **values)


def assert_same(first: Batch, second: Batch) -> None:
    for name in FIELDS:
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_many_threads_make_the_batches_of_one(samples: Samples) -> None:
    one, many = list(epoch(samples)), list(epoch(samples, threads=4))
    assert len(one) == len(many) == 5
    for first, second in zip(one, many, strict=True):
        assert_same(first, second)


def test_every_picture_is_aligned_by_its_eyes(samples: Samples, tiny_fer: TinyFer) -> None:
    assert len(samples) == 40
    half = FER_FRAME.eye_distance / 2
    for row in np.flatnonzero(samples.mesh_found_N):
        eyes_ED = eyes_of(tiny_fer.landmarks.landmarks_NLD[row, :, :2])
        matrix = samples.matrices_N23[row]
        placed = eyes_ED @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(placed.mean(axis=0), FER_FRAME.centre, atol=1e-3)
        assert placed[0, 1] == pytest.approx(placed[1, 1], abs=1e-3)
        # A little less than the frame's distance, which is meant in three dimensions.
        assert 0.9 * half < (placed[1, 0] - placed[0, 0]) / 2 <= half + 1e-3
        expected = frontal_landmarks(tiny_fer.landmarks.landmarks_NLD[row])
        np.testing.assert_array_equal(samples.landmarks_NLD[row], expected)


def test_a_picture_without_a_mesh_keeps_the_frame_of_fer2013(samples: Samples) -> None:
    for row in WITHOUT_FACE:
        assert not samples.mesh_found_N[row]
        assert not samples.landmarks_NLD[row].any()
        np.testing.assert_allclose(samples.matrices_N23[row], [[1, 0, 0], [0, 1, 0]], atol=1e-5)


def test_samples_are_chosen_by_index_or_mask(samples: Samples) -> None:
    mask = np.zeros(40, bool)
    mask[[3, 30]] = True
    for chosen in (samples.select(mask), samples.select(np.array([3, 30]))):
        assert len(chosen) == 2
        np.testing.assert_array_equal(chosen.images_NHW, samples.images_NHW[[3, 30]])
        assert chosen.votes_NV is not None and samples.votes_NV is not None
        np.testing.assert_array_equal(chosen.votes_NV, samples.votes_NV[[3, 30]])
        assert chosen.labels == samples.labels
    assert replace(samples, votes_NV=None).select(mask).votes_NV is None


def test_plain_batches_hold_every_picture_in_order(samples: Samples) -> None:
    batches = list(plain_batches(samples, 16))
    assert [len(batch.labels_B) for batch in batches] == [16, 16, 8]
    together = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in FIELDS}
    assert together["labels_B"].tolist() == samples.labels_N.tolist()
    assert together["mesh_found_B"].tolist() == samples.mesh_found_N.tolist()
    np.testing.assert_array_equal(together["landmarks_BLD"].numpy(), samples.landmarks_NLD)
    np.testing.assert_array_equal(together["votes_BV"].numpy(), samples.votes_NV)
    crops_BHW = np.array([face_of(samples, row).crop_HW for row in range(40)])
    np.testing.assert_array_equal(together["pixels_BCHW"].numpy(), standardise(crops_BHW))


def test_without_votes_a_batch_has_zeros_for_them(samples: Samples) -> None:
    batch = next(plain_batches(replace(samples, votes_NV=None), 4))
    assert batch.votes_BV.shape == (4, 10)
    assert not batch.votes_BV.any()


def test_an_epoch_shuffles_and_leaves_an_incomplete_batch_out(numbered: Samples) -> None:
    batches = epoch(numbered, batch=12)
    assert len(batches) == 3
    seen = [batch.labels_B.tolist() for batch in batches]
    assert [len(numbers) for numbers in seen] == [12, 12, 12]
    flat = [number for numbers in seen for number in numbers]
    assert len(set(flat)) == 36
    assert flat != sorted(flat)
    assert list(epoch(numbered, batch=64)) == []


def test_the_same_seed_and_epoch_make_the_same_batches(numbered: Samples) -> None:
    for first, again in zip(epoch(numbered), epoch(numbered), strict=True):
        assert_same(first, again)
    order = [batch.labels_B.tolist() for batch in epoch(numbered)]
    for other in (epoch(numbered, seed=2), epoch(numbered, epoch=1)):
        assert [batch.labels_B.tolist() for batch in other] != order


def test_each_picture_keeps_its_label_votes_and_mesh(
    numbered: Samples, no_augmentation: Augmentation
) -> None:
    plain = next(plain_batches(numbered, 40))
    for batch in epoch(numbered, no_augmentation):
        rows = batch.labels_B
        for name in FIELDS:
            torch.testing.assert_close(getattr(batch, name), getattr(plain, name)[rows], atol=1e-6, rtol=0)


def test_mirroring_mirrors_crop_and_landmarks_together(
    numbered: Samples, no_augmentation: Augmentation
) -> None:
    plain = next(plain_batches(numbered, 40))
    for batch in epoch(numbered, replace(no_augmentation, flip=1.0)):
        rows = batch.labels_B
        difference = batch.pixels_BCHW - plain.pixels_BCHW[rows].flip(3)
        assert difference.abs().mean() < 0.03  # resampled at mirrored places
        expected = mirror_landmarks(numbered.landmarks_NLD[rows.numpy()])
        np.testing.assert_allclose(batch.landmarks_BLD.numpy(), expected, atol=1e-6)


def test_augmented_pictures_differ_but_keep_their_meaning(numbered: Samples) -> None:
    plain = next(plain_batches(numbered, 40))
    for batch in epoch(numbered):
        rows = batch.labels_B
        assert batch.pixels_BCHW.shape == (8, 1, 48, 48)
        assert batch.pixels_BCHW.isfinite().all()
        assert not torch.equal(batch.pixels_BCHW, plain.pixels_BCHW[rows])
        # A mesh may be hidden, never invented.
        assert (batch.mesh_found_B <= plain.mesh_found_B[rows]).all()
        assert batch.landmarks_BLD.dtype == torch.float32
        assert torch.equal(batch.votes_BV, plain.votes_BV[rows])


def test_heads_are_turned_in_pictures_and_their_meshes_stay(
    numbered: Samples, no_augmentation: Augmentation
) -> None:
    plain = next(plain_batches(numbered, 40))
    turned = replace(no_augmentation, head_turn=12.0, stretch=0.05)
    for batch, again in zip(epoch(numbered, turned), epoch(numbered, turned), strict=True):
        before_BCHW = plain.pixels_BCHW[batch.labels_B]
        assert_same(batch, again)
        assert torch.equal(batch.landmarks_BLD, plain.landmarks_BLD[batch.labels_B])
        moved_B = (batch.pixels_BCHW - before_BCHW).abs().mean(dim=(1, 2, 3))
        flat_B = before_BCHW.std(dim=(1, 2, 3)) == 0
        # Bent, and still the same face; a few pictures are no faces but noise.
        assert torch.equal(moved_B > 0.02, ~flat_B) and moved_B.median() < 0.3
    for batch in epoch(numbered, no_augmentation):
        assert torch.equal(batch.pixels_BCHW, plain.pixels_BCHW[batch.labels_B])


def test_a_hidden_mesh_leaves_zeros(numbered: Samples) -> None:
    for batch in epoch(numbered, Augmentation(mesh_dropout=1.0)):
        assert not batch.mesh_found_B.any()
        assert not batch.landmarks_BLD.any()


def test_processes_share_the_very_batches_of_one(numbered: Samples) -> None:
    shares = [epoch(numbered, rank=rank, world=2) for rank in range(2)]
    for whole, *parts in zip(epoch(numbered), *shares, strict=True):
        for rank, part in enumerate(parts):
            for name in FIELDS:
                assert torch.equal(getattr(part, name), getattr(whole, name)[rank::2]), name


def test_a_network_that_reads_no_pixels_gets_the_same_landmarks(numbered: Samples) -> None:
    bare = replace(epoch(numbered), with_pixels=False)
    for batch, whole in zip(bare, epoch(numbered), strict=True):
        assert batch.pixels_BCHW.shape == whole.pixels_BCHW.shape
        assert not batch.pixels_BCHW.any()
        assert torch.equal(batch.landmarks_BLD, whole.landmarks_BLD)
        assert torch.equal(batch.labels_B, whole.labels_B)


def test_an_error_in_the_making_of_a_batch_comes_out(numbered: Samples) -> None:
    broken = replace(numbered, images_NHW=np.zeros((40, 0, 0), np.uint8))
    with pytest.raises(Exception, match="OpenCV"):
        list(epoch(broken))


def test_a_batch_moves_to_a_device_with_its_pictures_channels_last(samples: Samples) -> None:
    batch = next(plain_batches(samples, 4))
    moved = batch.to(torch.device("cpu"))
    assert moved.pixels_BCHW.is_contiguous(memory_format=torch.channels_last)
    assert_same(moved, batch)


def test_samples_joined_to_others_keep_what_is_known_of_each(samples: Samples) -> None:
    more = samples.select(np.arange(3))
    both = samples.joined(replace(more, votes_NV=None))
    assert len(both) == len(samples) + 3
    np.testing.assert_array_equal(both.labels_N[-3:], more.labels_N)
    np.testing.assert_array_equal(both.images_NHW[-3:], more.images_NHW)
    np.testing.assert_array_equal(both.landmarks_NLD[-3:], more.landmarks_NLD)
    assert both.votes_NV is not None and samples.votes_NV is not None and both.targets_NK is None
    np.testing.assert_array_equal(both.votes_NV[:-3], samples.votes_NV)
    assert not both.votes_NV[-3:].any()
    targets_NK = np.full((len(samples), len(samples.labels)), 1 / len(samples.labels), np.float32)
    taught = replace(samples, votes_NV=None, targets_NK=targets_NK).joined(more)
    assert taught.votes_NV is None and taught.targets_NK is not None
    np.testing.assert_array_equal(taught.targets_NK[:-3], targets_NK)
    np.testing.assert_array_equal(taught.targets_NK[-3:].argmax(axis=1), more.labels_N)
    np.testing.assert_array_equal(taught.targets_NK[-3:].max(axis=1), 1)
    assert both.weights_N is None
    weighted = samples.joined(replace(more, weights_N=np.full(3, 0.3, np.float32)))
    assert weighted.weights_N is not None
    np.testing.assert_array_equal(weighted.weights_N, [1] * len(samples) + [np.float32(0.3)] * 3)
    last = next(plain_batches(weighted.select(np.arange(len(weighted))[-4:]), 4))
    torch.testing.assert_close(last.weights_B, torch.tensor([1, 0.3, 0.3, 0.3]))


def test_in_the_controls_a_face_has_anothers_mesh_or_none(samples: Samples) -> None:
    own = samples.with_mesh("own")
    assert own is samples
    shuffled, again, other = (samples.with_mesh("shuffled", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(shuffled.landmarks_NLD, again.landmarks_NLD)
    assert (shuffled.landmarks_NLD != other.landmarks_NLD).any()
    np.testing.assert_array_equal(shuffled.mesh_found_N, samples.mesh_found_N)
    # The same meshes, mostly elsewhere; nothing is lost or doubled.
    moved_N = (shuffled.landmarks_NLD != samples.landmarks_NLD).any(axis=(1, 2))
    assert moved_N.sum() > samples.mesh_found_N.sum() / 2
    assert not moved_N[~samples.mesh_found_N].any()
    sums = (np.sort(chosen.landmarks_NLD.sum(axis=(1, 2))) for chosen in (samples, shuffled))
    np.testing.assert_array_equal(*sums)
    none = samples.with_mesh("none")
    assert not none.mesh_found_N.any() and not none.landmarks_NLD.any()
    assert samples.mesh_found_N.any()


def test_a_batch_can_be_made_smaller(samples: Samples) -> None:
    batch = next(plain_batches(samples, 4))
    assert batch.resized(48) is batch
    small = batch.resized(24)
    assert small.pixels_BCHW.shape == (4, 1, 24, 24)
    assert torch.equal(small.landmarks_BLD, batch.landmarks_BLD)
    torch.testing.assert_close(
        small.pixels_BCHW.mean(dim=(1, 2, 3)), batch.pixels_BCHW.mean(dim=(1, 2, 3)), atol=0.02, rtol=0
    )
