"""torchvision's networks as pixel branches: same call, gradients, grey, ready answers, ImageNet weights."""

import copy
import functools
import urllib.error
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from fusion_model.backbones import (
    ARCHITECTURES,
    Backbone,
    BackboneConfig,
    BackboneError,
    grey_state,
    pixel_branch,
    pixel_config,
    pretrained_name,
    pretrained_state,
)
from fusion_model.branches import PixelBranch, PixelConfig
from fusion_model.faces import LANDMARKS
from fusion_model.inference import ReadyBranches, fastest_precision, make_ready
from fusion_model.network import ExpressionNetwork, build_network
from fusion_model.preprocess import SIDE

CPU = torch.device("cpu")
#: As small a picture as each takes.
SIDES = {"mobilenet_v2": 32, "resnet50": 32, "inception_v3": 75}
LANDMARK_BRANCH = {"hidden": 16, "features": 8, "dropout": 0.5}
Inputs = tuple[Tensor, Tensor, Tensor]
each = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """Four faces, every second one with a mesh."""
    generator = torch.Generator().manual_seed(0)
    pixels_BCHW = torch.randn(4, 1, SIDE, SIDE, generator=generator)
    landmarks_BLD = torch.randn(4, LANDMARKS, 3, generator=generator)
    return pixels_BCHW, landmarks_BLD, torch.arange(4) % 2 == 0


@functools.cache
def _built(architecture: str, kind: str, side: int) -> ExpressionNetwork:
    torch.manual_seed(0)
    config: dict[str, Any] = {"pixels": {"architecture": architecture, "side": side}}
    if kind == "fusion":
        config |= {"landmarks": LANDMARK_BRANCH, "hidden": 8}
    network = build_network(kind, 7, config)
    _use(network)
    return network.eval()


def made(architecture: str, kind: str = "cnn", side: int = 0) -> ExpressionNetwork:
    """A network with random weights, whose norms have seen data."""
    return copy.deepcopy(_built(architecture, kind, side or SIDES[architecture]))


def _use(network: nn.Module) -> None:
    """Bring every norm's statistics to what random weights give, so that no answer overflows."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
    for norm in norms:
        norm.momentum = None  # a plain mean
    network.train()
    with torch.no_grad():
        found_B = torch.ones(8, dtype=torch.bool)
        network(torch.randn(8, 1, SIDE, SIDE), torch.randn(8, LANDMARKS, 3), found_B)
    for norm in norms:
        norm.momentum = 0.1
        nn.init.normal_(norm.weight, 1, 0.1)
        nn.init.normal_(norm.bias, 0, 0.1)


@each
@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_a_backbone_is_called_as_every_pixel_branch(architecture: str, kind: str, inputs: Inputs) -> None:
    network = made(architecture, kind)
    with torch.inference_mode():
        logits_BK = network(*inputs)
        assert logits_BK.shape == (4, 7) and logits_BK.isfinite().all()
        # A face's answer does not depend on the faces beside it, and differs from face to face.
        torch.testing.assert_close(
            network(*(part[1:3] for part in inputs)), logits_BK[1:3], atol=1e-3, rtol=1e-3
        )
        assert (logits_BK[0] - logits_BK[1]).abs().max() > 1e-3
        # Smaller pictures, as training takes at first, are welcome.
        small_BCHW = nn.functional.interpolate(inputs[0], size=(32, 32), mode="bilinear")
        assert network(small_BCHW, *inputs[1:]).shape == (4, 7)


@each
def test_every_parameter_gets_a_gradient(architecture: str, inputs: Inputs) -> None:
    network = made(architecture, "fusion").train()
    loss = nn.functional.cross_entropy(network(*inputs), torch.arange(4) % 7)
    loss.backward()
    without = {
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    }
    # The first norm of the landmarks adds a constant to what the next one takes the mean off.
    assert without <= {"landmark_branch.mlp.1.bias"}


@each
def test_grey_in_one_channel_is_grey_in_three(architecture: str) -> None:
    """The weights of torchvision's own network, brought here, give its features of a grey picture."""
    torch.manual_seed(0)
    known = ARCHITECTURES[architecture]
    options = {"init_weights": True, "transform_input": True} if architecture == "inception_v3" else {}
    whole = models.get_model(architecture, weights=None, **options)
    unused = {name: tensor for name, tensor in whole.state_dict().items() if "AuxLogits" in name}
    whole.AuxLogits = None  # it takes no picture as small as this
    with torch.no_grad():
        whole.train()(torch.randn(4, 3, 75, 75))
    branch = Backbone(BackboneConfig(architecture, 96))
    branch.load_state_dict(grey_state(architecture, whole.state_dict() | unused))
    for name in known.dropped:
        whole.set_submodule(name, nn.Identity())
    branch.eval()
    whole.eval()
    pixels_BCHW = torch.randn(2, 1, SIDE, SIDE)
    with torch.inference_mode():
        expected_BF = whole(branch.config.enlarge(pixels_BCHW).expand(-1, 3, -1, -1))
        found_BF = branch(pixels_BCHW)
    assert found_BF.shape == (2, branch.features)
    scale = float(expected_BF.abs().max())
    torch.testing.assert_close(found_BF / scale, expected_BF / scale, atol=1e-4, rtol=0)


def test_pictures_are_enlarged_by_one_factor_down_to_what_the_network_takes() -> None:
    configs = BackboneConfig("mobilenet_v2", 96), BackboneConfig("inception_v3", 96)
    for side, expected in ((48, (96, 96)), (40, (80, 80)), (32, (64, 75))):
        pixels_BCHW = torch.zeros(1, 1, side, side)
        shapes = [config.enlarge(pixels_BCHW).shape for config in configs]
        assert [tuple(shape) for shape in shapes] == [(1, 1, px, px) for px in expected]
    pixels_BCHW = torch.zeros(1, 1, SIDE, SIDE)
    assert BackboneConfig("resnet50", SIDE).enlarge(pixels_BCHW) is pixels_BCHW


@each
def test_a_ready_backbone_answers_as_the_trained_one(architecture: str, inputs: Inputs) -> None:
    network = made(architecture, "fusion")
    with torch.inference_mode():
        expected_BK = torch.softmax(network(*inputs), dim=1)
        make_ready([network], CPU, torch.float32)
        torch.testing.assert_close(torch.softmax(network(*inputs), dim=1), expected_BK, atol=3e-4, rtol=0)


@pytest.mark.skipif(
    fastest_precision(CPU) != torch.bfloat16, reason="this CPU does not multiply bfloat16 natively"
)
@each
def test_in_bfloat16_it_answers_nearly_the_same(architecture: str, inputs: Inputs) -> None:
    network = made(architecture)
    with torch.inference_mode():
        features_BF = network.features(*inputs)
        make_ready([network], CPU, torch.bfloat16)
        ready_BF = network.features(*inputs)
    assert ready_BF.dtype == torch.float32
    similarity_BB = nn.functional.cosine_similarity(ready_BF[:, None], features_BF[None], dim=2)
    # Random weights magnify rounding more than trained ones do: near, and nearest to the same face's.
    assert similarity_BB.diagonal().min() > 0.9
    assert torch.equal(similarity_BB.argmax(dim=1), torch.arange(4))


def test_a_fusion_model_shares_its_backbone_though_it_was_loaded_later(inputs: Inputs) -> None:
    cnn, fusion, larger = made("mobilenet_v2"), made("mobilenet_v2", "fusion"), made("mobilenet_v2", side=48)
    for other in (fusion, larger):
        other.get_submodule("pixel_branch").load_state_dict(cnn.get_submodule("pixel_branch").state_dict())
    branches: ReadyBranches = {}
    for network in (cnn, fusion, larger):
        make_ready([network], CPU, torch.float32, branches)
    assert cnn.pixel_branch is fusion.pixel_branch
    # The same weights, shown larger pictures, are another branch.
    assert larger.pixel_branch is not cnn.pixel_branch
    assert len(branches) == 2


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"architecture": "vgg16"}, "expected one of mobilenet_v2, resnet50, inception_v3"),
        ({"architecture": "inception_v3", "side": 74}, "75 px or more, not 74"),
        ({"architecture": "resnet50", "blocks": 2}, "blocks"),
        ({"architecture": ["resnet50"]}, "unhashable"),
    ],
)
def test_a_config_that_fits_no_backbone_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_network("cnn", 7, {"pixels": values})


def test_a_config_tells_the_narrow_resnet_from_a_backbone() -> None:
    assert pixel_config({"stem": 4, "stages": [4, 8], "blocks": 1}) == PixelConfig(4, (4, 8), 1)
    assert pixel_config({"architecture": "resnet50", "side": 64}) == BackboneConfig("resnet50", 64)
    assert isinstance(pixel_branch(PixelConfig()), PixelBranch)


@pytest.mark.parametrize(
    "trouble",
    [urllib.error.URLError("no route"), RuntimeError("invalid hash value"), ConnectionResetError("cut")],
)
def test_weights_that_cannot_be_downloaded_are_one_sentence(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: object) -> None:
        raise trouble

    weights = SimpleNamespace(url="https://example.org/w.pth", get_state_dict=refuse)
    monkeypatch.setattr(models, "get_model_weights", lambda name: SimpleNamespace(DEFAULT=weights))
    with pytest.raises(
        BackboneError, match=r"ResNet50 cannot be downloaded from https://example\.org/w\.pth"
    ):
        pretrained_state("resnet50")


def test_downloaded_weights_fit_the_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = models.get_model("mobilenet_v2", weights=None)
    weights = models.get_model_weights("mobilenet_v2").DEFAULT
    monkeypatch.setattr(type(weights), "get_state_dict", lambda *_, **__: whole.state_dict())
    state = pretrained_state("mobilenet_v2")
    Backbone(BackboneConfig("mobilenet_v2", 32)).load_state_dict(state)
    assert pretrained_name("mobilenet_v2").startswith("MobileNet_V2_Weights.IMAGENET1K")
