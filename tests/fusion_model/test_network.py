"""The networks: shapes, gradients of every parameter, the embedding of a missing mesh, size, bad configs."""

from typing import Any

import pytest
import torch
from torch import nn

from fusion_model.branches import LandmarkBranch, MlpConfig, PixelBranch, PixelConfig
from fusion_model.faces import LANDMARKS
from fusion_model.network import KINDS, Cnn, ExpressionNetwork, FusionNet, TwoBranches, build_network
from fusion_model.preprocess import SIDE

# The bias of the first norm adds a constant to what the next norm takes the mean off: only in evaluation,
# with running statistics, has it any effect.
CANCELLED_IN_TRAINING = {"landmark_branch.mlp.1.bias", "extra_branch.1.bias"}
Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture
def inputs() -> Inputs:
    """Eight faces, every second one with a mesh."""
    generator = torch.Generator().manual_seed(0)
    pixels_BCHW = torch.randn(8, 1, SIDE, SIDE, generator=generator)
    landmarks_BLD = torch.randn(8, LANDMARKS, 3, generator=generator)
    return pixels_BCHW, landmarks_BLD, torch.arange(8) % 2 == 0


def made(kind: str) -> ExpressionNetwork:
    torch.manual_seed(1)
    return build_network(kind, 7, {})


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_features_have_their_shapes(kind: str, inputs: Inputs) -> None:
    network = made(kind).eval()
    with torch.inference_mode():
        logits_BK = network(*inputs)
        features_BF = network.features(*inputs)
        assert logits_BK.shape == (8, 7)
        assert logits_BK.isfinite().all()
        assert features_BF.shape == (8, network.feature_count)
        torch.testing.assert_close(network.head(features_BF), logits_BK)
        # A face's answer does not depend on the faces beside it.
        torch.testing.assert_close(network(*(part[3:5] for part in inputs)), logits_BK[3:5])


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind: str, training: bool, inputs: Inputs) -> None:
    network = made(kind).train(training)
    loss = nn.functional.cross_entropy(network(*inputs), torch.arange(8) % 7)
    loss.backward()
    largest = {
        name: 0.0 if parameter.grad is None else float(parameter.grad.abs().max())
        for name, parameter in network.named_parameters()
    }
    without = {name for name, gradient in largest.items() if not gradient > 1e-6}
    assert without <= (CANCELLED_IN_TRAINING if training else set())
    assert ("landmark_branch.no_mesh" in largest) == (kind in ("landmarks", "fusion"))


@pytest.mark.parametrize("kind", ["landmarks", "fusion"])
def test_the_embedding_gets_its_gradient_from_faces_without_a_mesh_only(kind: str, inputs: Inputs) -> None:
    pixels_BCHW, landmarks_BLD, _ = inputs
    network = made(kind)
    network(pixels_BCHW, landmarks_BLD, torch.ones(8, dtype=torch.bool)).square().sum().backward()
    branch = network.get_submodule("landmark_branch")
    assert isinstance(branch, LandmarkBranch)
    assert branch.no_mesh.grad is not None
    assert not branch.no_mesh.grad.any()


@pytest.mark.parametrize("kind", ["landmarks", "fusion"])
def test_without_a_mesh_the_embedding_answers_and_landmarks_are_ignored(kind: str, inputs: Inputs) -> None:
    pixels_BCHW, landmarks_BLD, found_B = inputs
    network = made(kind).eval()
    branch = network.get_submodule("landmark_branch")
    assert isinstance(branch, LandmarkBranch)
    with torch.inference_mode():
        branch.no_mesh.normal_()
        other_BLD = torch.where(found_B[:, None, None], landmarks_BLD, torch.full_like(landmarks_BLD, 1e3))
        before, after = (network(pixels_BCHW, mesh, found_B) for mesh in (landmarks_BLD, other_BLD))
        torch.testing.assert_close(after, before)
        features_BF = branch(landmarks_BLD, found_B)
        for row in range(8):
            assert torch.equal(features_BF[row], branch.no_mesh) == (not found_B[row])
        # Another embedding gives these faces, and only these, another answer.
        branch.no_mesh.neg_()
        changed_B = (network(pixels_BCHW, landmarks_BLD, found_B) - before).abs().amax(dim=1) > 1e-4
        assert torch.equal(changed_B, ~found_B)


def test_the_cnn_sees_only_pixels_and_the_landmark_network_only_landmarks(inputs: Inputs) -> None:
    pixels_BCHW, landmarks_BLD, found_B = inputs
    with torch.inference_mode():
        cnn = made("cnn").eval()
        assert torch.equal(cnn(*inputs), cnn(pixels_BCHW, -landmarks_BLD, ~found_B))
        assert cnn.reads_pixels
        mlp = made("landmarks").eval()
        assert torch.equal(mlp(*inputs), mlp(-pixels_BCHW, landmarks_BLD, found_B))
        assert not mlp.reads_pixels


def test_the_fusion_model_sees_both(inputs: Inputs) -> None:
    pixels_BCHW, landmarks_BLD, _ = inputs
    network = made("fusion").eval()
    assert network.reads_pixels
    found_B = torch.ones(8, dtype=torch.bool)
    with torch.inference_mode():
        logits_BK = network(pixels_BCHW, landmarks_BLD, found_B)
        for other in ((-pixels_BCHW, landmarks_BLD), (pixels_BCHW, landmarks_BLD.flip(0))):
            assert ((network(*other, found_B) - logits_BK).abs().amax(dim=1) > 1e-4).all()


def test_the_pixel_branches_of_cnn_and_fusion_are_the_same_network() -> None:
    cnn, fusion = made("cnn"), made("fusion")
    assert isinstance(cnn, Cnn) and isinstance(fusion, FusionNet)
    shapes = [
        {name: tensor.shape for name, tensor in network.pixel_branch.state_dict().items()}
        for network in (cnn, fusion)
    ]
    assert shapes[0] == shapes[1]
    fusion.pixel_branch.load_state_dict(cnn.pixel_branch.state_dict())


@pytest.mark.parametrize("kind", ["fusion", "wider"])
def test_features_known_beforehand_give_the_same_answer(kind: str, inputs: Inputs) -> None:
    network = made(kind).eval()
    assert isinstance(network, TwoBranches)
    with torch.inference_mode():
        pixel_BF = network.pixel_branch(inputs[0])
        torch.testing.assert_close(network.join(pixel_BF, *inputs[1:]), network.features(*inputs))


def test_faces_without_a_mesh_do_not_move_the_norms_of_the_landmarks(inputs: Inputs) -> None:
    _, landmarks_BLD, found_B = inputs
    running = []
    for filler in (0.0, 1e3):
        torch.manual_seed(1)
        branch = LandmarkBranch(MlpConfig(blocks=1, dropout=0.0)).train()
        filled_BLD = torch.where(
            found_B[:, None, None], landmarks_BLD, torch.full_like(landmarks_BLD, filler)
        )
        features_BF = branch(filled_BLD, found_B)
        assert torch.equal(features_BF[~found_B], branch.no_mesh.expand(int((~found_B).sum()), -1))
        running.append((features_BF, branch.mlp[1].running_mean))
    torch.testing.assert_close(running[0], running[1])


@pytest.mark.parametrize("side", [32, 40])
def test_a_smaller_picture_gets_a_smaller_pool(side: int) -> None:
    branch = PixelBranch(PixelConfig(stem=4, stages=(4, 8, 8), blocks=0)).eval()
    with torch.inference_mode():
        flat_BF = branch(torch.zeros(1, 1, SIDE, SIDE)), branch(torch.zeros(1, 1, side, side))
        assert branch(torch.randn(2, 1, side, side)).shape == (2, 8)
        # The pool weighs the same area as before: its weights still sum to 1.
        maps_BCHW = torch.ones(1, 8, side // 8, side // 8)
        branch.maps = nn.Identity()  # type: ignore[assignment]
        torch.testing.assert_close(branch(maps_BCHW), branch(torch.ones(1, 8, 6, 6)))
    assert flat_BF[0].shape == flat_BF[1].shape


def test_crops_are_enlarged_inside_and_smaller_ones_by_the_same_factor() -> None:
    config = PixelConfig(stem=4, stages=(4, 8, 8), blocks=0, side=56)
    branch = PixelBranch(config).eval()
    seen: list[tuple[int, ...]] = []
    branch.maps.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    pixels_BCHW = torch.linspace(0, 1, SIDE).expand(2, 1, SIDE, SIDE)
    with torch.inference_mode():
        assert branch(pixels_BCHW).shape == (2, 8)
        assert branch(pixels_BCHW[:, :, :32, :32]).shape == (2, 8)
    assert seen == [(2, 1, 56, 56), (2, 1, 37, 37)]
    # The same picture, not a corner of it: a slope stays one, from edge to edge.
    enlarged_BCHW = config.enlarge(pixels_BCHW)
    expected_W = (torch.arange(56) + 0.5) * SIDE / 56 - 0.5
    torch.testing.assert_close(enlarged_BCHW[0, 0, 9, 3:-3], expected_W[3:-3] / (SIDE - 1), atol=2e-3, rtol=0)
    assert PixelConfig().enlarge(pixels_BCHW) is pixels_BCHW


@pytest.mark.parametrize("kind", KINDS)
def test_size_is_within_the_budget(kind: str) -> None:
    assert sum(parameter.numel() for parameter in made(kind).parameters()) <= 5_000_000


def test_a_config_of_plain_values_is_followed() -> None:
    config: dict[str, Any] = {
        "pixels": {"stem": 4, "stages": [4, 8], "blocks": 0},
        "landmarks": {"hidden": 6, "features": 5, "dropout": 0.0},
        "hidden": 9,
        "dropout": 0.25,
    }
    network = build_network("fusion", 3, config)
    assert isinstance(network, FusionNet)
    assert network.pixel_branch.features == 8
    assert network.landmark_branch.features == 5
    assert network.feature_count == 9
    dropouts = [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert sorted(dropouts) == [0.0, 0.25, 0.25]
    assert config["pixels"]["stages"] == [4, 8]
    with torch.inference_mode():
        logits_BK = network.eval()(
            torch.zeros(2, 1, SIDE, SIDE), torch.zeros(2, LANDMARKS, 3), torch.tensor([True, False])
        )
    assert logits_BK.shape == (2, 3)


@pytest.mark.parametrize(
    ("kind", "config", "reason"),
    [
        ("transformer", {}, "expected one of cnn, landmarks, fusion"),
        ("cnn", {"depth": 3}, "does not fit"),
        ("cnn", {"landmarks": {}}, "does not fit"),
        ("cnn", {"pixels": {"stem": 4}}, "does not fit"),
        ("cnn", {"pixels": 4}, "does not fit"),
        ("cnn", {"pixels": {"stages": [8], "width": 3}}, "does not fit"),
        ("cnn", {"pixels": {"stages": []}}, "channels and stages above 0"),
        ("landmarks", {"landmarks": {"hidden": 0}}, "widths above 0"),
        ("landmarks", {"landmarks": {"dropout": 1.0}}, "dropout"),
        ("fusion", {"dropout": 7}, "dropout"),
        ("fusion", None, "does not fit"),
        ("fusion", 5, "does not fit"),
    ],
)
def test_a_wrong_config_is_a_value_error(kind: str, config: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_network(kind, 7, config)


def test_configs_check_themselves() -> None:
    for wrong in ({"stem": 0}, {"stages": ()}, {"stages": (8, 0)}, {"blocks": -1}):
        with pytest.raises(ValueError, match="pixel branch"):
            PixelConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="enlarged to 48 px or more, not to 40"):
        PixelConfig(side=40)
    for wrong in ({"hidden": 0}, {"features": 0}, {"dropout": -0.1}, {"dropout": 1}):
        with pytest.raises(ValueError, match="landmark branch"):
            MlpConfig(**wrong)  # type: ignore[arg-type]
