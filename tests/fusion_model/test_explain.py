"""Explanations: they sum up, ignore what a network ignores, and work for every kind of network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_model.answers import FacePrediction, ModelAnswer
from fusion_model.backbones import ARCHITECTURES
from fusion_model.checkpoint import Card, CheckpointError
from fusion_model.classifier import FaceBatch, softmax
from fusion_model.explain import Explained, Explainer, PageScore, log_odds, mean_crops, pixel_map, spread
from fusion_model.faces import Face
from fusion_model.labels import EXPRESSIONS
from fusion_model.mirror import mirror_landmarks
from fusion_model.network import ExpressionNetwork, build_network
from fusion_model.preprocess import FaceInputs, face_inputs
from fusion_model.regions import NAMES

from .conftest import SMALL_CONFIGS, SMALL_LANDMARKS

CPU = torch.device("cpu")


@pytest.fixture
def inputs(astronaut: np.ndarray, astronaut_face: Face) -> FaceInputs:
    return face_inputs(astronaut, astronaut_face)


@pytest.fixture
def explained(small_network: Callable[[str], ExpressionNetwork]) -> Callable[[str], Explained]:
    def make(kind: str) -> Explained:
        card = Card(kind, kind, SMALL_CONFIGS[kind], EXPRESSIONS, temperature=1.3)
        return Explained.of(small_network(kind), card)

    return make


def probability(model: Explained, inputs: FaceInputs, label: str) -> float:
    """By the page's own path: mean logits of the face and its mirror image, then the temperature."""
    batch = FaceBatch.of([inputs], CPU)
    with torch.inference_mode():
        logits = model.network(batch.pixels_BCHW, batch.landmarks_BLD, batch.mesh_found_B).numpy()
    shares = softmax(logits.mean(axis=0, keepdims=True), model.card.temperature)[0]
    return float(shares[model.card.labels.index(label)])


@pytest.mark.parametrize(
    ("kind", "has_map", "has_regions", "has_shares"),
    [
        ("cnn", True, False, False),
        ("fusion", True, True, True),
        ("landmarks", False, True, False),
        ("wider", True, False, False),
    ],
)
def test_every_kind_has_what_it_reads(explained, inputs, kind, has_map, has_regions, has_shares) -> None:
    found = explained(kind).explain(inputs, "fear")
    assert found.label == "fear"
    assert [found.map_HW is not None, found.regions is not None, found.shares is not None] == [
        has_map,
        has_regions,
        has_shares,
    ]
    if found.map_HW is not None:
        assert found.map_HW.shape == (48, 48) and np.ptp(found.map_HW) > 0
    if found.regions is not None:
        assert tuple(found.regions) == NAMES and any(found.regions.values())


def test_shares_sum_to_the_difference_and_end_at_the_pages_answer(explained, inputs) -> None:
    model = explained("fusion")
    shares = model.explain(inputs, "happy").shares
    assert shares.pixels + shares.landmarks == pytest.approx(shares.both - shares.neither)
    assert shares.both == pytest.approx(probability(model, inputs, "happy"), abs=1e-6)
    unseen = FaceInputs(inputs.crop_HW, np.zeros_like(inputs.landmarks_LD), False)
    assert shares.pixels_only == pytest.approx(probability(model, unseen, "happy"), abs=1e-6)


def test_regions_sum_from_the_mean_face_to_this_one(explained, inputs) -> None:
    from fusion_model.preprocess import MEAN_FACE_LD

    model = explained("fusion")
    mean = FaceInputs(inputs.crop_HW, MEAN_FACE_LD.astype(np.float32), True)
    odds = [np.log(p / (1 - p)) for p in (probability(model, f, "sad") for f in (inputs, mean))]
    assert sum(model.explain(inputs, "sad").regions.values()) == pytest.approx(odds[0] - odds[1], abs=1e-4)


def test_a_branch_that_is_ignored_gets_nothing(explained, inputs) -> None:
    for ignored in ("pixels", "landmarks"):
        model = explained("fusion")
        pixels = model.network.pixel_branch.features
        part = slice(None, pixels) if ignored == "pixels" else slice(pixels, None)
        model.network.fuse[1].weight[:, part] = 0
        found = Explained.of(model.network, model.card).explain(inputs, "angry")
        assert getattr(found.shares, ignored) == pytest.approx(0, abs=1e-6)
        nothing = found.map_HW if ignored == "pixels" else np.array(list(found.regions.values()))
        np.testing.assert_allclose(nothing, 0, atol=1e-6)


def test_without_a_mesh_there_is_a_map_only(explained, inputs) -> None:
    unseen = FaceInputs(inputs.crop_HW, np.zeros_like(inputs.landmarks_LD), False)
    found = explained("fusion").explain(unseen, "happy")
    assert found.map_HW is not None and found.regions is None and found.shares is None


def test_with_many_steps_a_map_sums_to_half_of_what_the_crop_adds(explained, inputs) -> None:
    model, batch = explained("fusion"), FaceBatch.of([inputs], CPU)
    score = PageScore(model.network, model.card.temperature, 3)
    args = (batch.landmarks_BLD, batch.mesh_found_B)
    with torch.inference_mode():
        added = score(batch.pixels_BCHW, *args) - score(torch.zeros_like(batch.pixels_BCHW), *args)
    map_HW = pixel_map(model.network, model.card.temperature, batch, 3, steps=200)
    assert 2 * map_HW.sum() == pytest.approx(float(added), abs=0.02)


def test_the_mirrored_face_has_the_mirrored_map_and_the_same_regions(explained, inputs) -> None:
    model = explained("fusion")
    mirrored = FaceInputs(
        np.ascontiguousarray(inputs.crop_HW[:, ::-1]), mirror_landmarks(inputs.landmarks_LD), True
    )
    found, other = (model.explain(face, "neutral") for face in (inputs, mirrored))
    np.testing.assert_allclose(other.map_HW, found.map_HW[:, ::-1], atol=1e-5)
    assert other.regions == pytest.approx(found.regions, abs=1e-4)


def test_log_odds_are_those_of_the_probability() -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)).double()
    shares = logits.softmax(dim=1)[:, 2]
    torch.testing.assert_close(log_odds(logits, 2), (shares / (1 - shares)).log())


def test_smoothing_keeps_the_sum() -> None:
    noise_HW = np.random.default_rng(0).normal(size=(48, 48))
    assert spread(noise_HW).sum() == pytest.approx(noise_HW.sum())


def test_mean_crops_are_symmetric_and_standardised() -> None:
    crops_HW = mean_crops()[:, 0].numpy()
    assert crops_HW.shape == (len(EXPRESSIONS), 48, 48)
    np.testing.assert_allclose(crops_HW, crops_HW[:, :, ::-1], atol=0.011)
    np.testing.assert_allclose(crops_HW.mean(axis=(1, 2)), 0, atol=0.01)
    np.testing.assert_allclose(crops_HW.std(axis=(1, 2)), 1, atol=0.01)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_backbones_are_explained_too(architecture: str, inputs: FaceInputs) -> None:
    side = ARCHITECTURES[architecture].least
    config = {
        "pixels": {"architecture": architecture, "side": side},
        "landmarks": SMALL_LANDMARKS,
        "hidden": 8,
    }
    network = build_network("fusion", 7, config).eval()
    with torch.no_grad():
        network.get_submodule("head").get_parameter("1.weight").normal_(0, 2)
    found = Explained.of(network, Card("fusion", "fusion", config, EXPRESSIONS)).explain(inputs, "happy")
    assert np.ptp(found.map_HW) > 0
    shares = found.shares
    assert shares.pixels + shares.landmarks == pytest.approx(shares.both - shares.neither)


def test_models_are_loaded_once_and_explain_what_was_answered(
    saved_model: Callable[..., Path], astronaut: np.ndarray, astronaut_face: Face
) -> None:
    folder = saved_model("cnn").parent
    saved_model("fusion")
    crop_HW = face_inputs(astronaut, astronaut_face).crop_HW
    answers = {"cnn": ModelAnswer("sad", {}), "fusion": ModelAnswer("happy", {})}
    face = FacePrediction((0, 0, 9, 9), True, astronaut_face.landmarks_LD, crop_HW, answers)
    explainer = Explainer(folder)
    found = explainer.of_prediction(face)
    assert {name: item.label for name, item in found.items()} == {"cnn": "sad", "fusion": "happy"}
    assert found["fusion"].shares is not None
    (folder / "cnn.safetensors").unlink()
    assert explainer.model("cnn") is explainer.model("cnn")
    with pytest.raises(CheckpointError, match="gone"):
        explainer.model("gone")
