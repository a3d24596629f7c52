"""Networks made ready to answer: they say what the trained ones say, and share what is the same."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_model import inference
from fusion_model.checkpoint import ASSETS, load_checkpoint
from fusion_model.faces import LANDMARKS, Face
from fusion_model.inference import ReadyBranch, fastest_precision, make_ready
from fusion_model.network import KINDS, ExpressionNetwork
from fusion_model.preprocess import SIDE, face_inputs, standardise

CPU = torch.device("cpu")
needs_bfloat16 = pytest.mark.skipif(
    fastest_precision(CPU) != torch.bfloat16, reason="this CPU does not multiply bfloat16 natively"
)
SmallNetwork = Callable[..., ExpressionNetwork]


@pytest.fixture
def used_network(small_network: SmallNetwork) -> SmallNetwork:
    """Kind -> a small network whose normalisation has seen data, so that folding it must be right."""

    def make(kind: str, seed: int = 0) -> ExpressionNetwork:
        network = small_network(kind, seed=seed)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                nn.init.normal_(module.weight, 1, 0.2)
                nn.init.normal_(module.bias, 0, 0.2)
        return network

    return make


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Three noisy faces, one without a mesh."""
    torch.manual_seed(1)
    found_B = torch.tensor([True, False, True])
    return torch.randn(3, 1, SIDE, SIDE), torch.randn(3, LANDMARKS, 3), found_B


def answers(network: ExpressionNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    with torch.inference_mode():
        return torch.softmax(network(*batch), dim=1)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_ready_network_answers_as_the_trained_one(
    kind: str,
    packed: bool,
    used_network: SmallNetwork,
    batch: tuple[Tensor, Tensor, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if packed and not inference._packs(CPU):
        pytest.skip("this CPU has no AVX-512, or AMX, or PyTorch more than one thread")
    monkeypatch.setattr(inference, "_packs", lambda device: packed)
    network = used_network(kind)
    expected_BK = answers(network, batch)
    make_ready([network], CPU, torch.float32)
    torch.testing.assert_close(answers(network, batch), expected_BK, atol=1e-5, rtol=0)
    # Each face by itself, whatever else is in the batch; and so again: remembered features are the batch's.
    for row in range(3):
        alone = tuple(tensor[row : row + 1] for tensor in batch)
        torch.testing.assert_close(answers(network, alone)[0], expected_BK[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("precision", [torch.float32, pytest.param(torch.bfloat16, marks=needs_bfloat16)])
def test_the_committed_models_answer_the_same_when_ready(
    precision: torch.dtype, astronaut: np.ndarray, astronaut_face: Face
) -> None:
    inputs = face_inputs(astronaut, astronaut_face)
    rng = np.random.default_rng(0)
    crops = [inputs.crop_HW, inputs.crop_HW[:, ::-1], inputs.crop_HW[::-1], rng.integers(0, 256, (48, 48))]
    pixels_BCHW = torch.from_numpy(standardise(np.stack(crops)))
    landmarks_BLD = torch.from_numpy(np.stack([inputs.landmarks_LD] * 4))
    batch = (pixels_BCHW, landmarks_BLD, torch.ones(4, dtype=torch.bool))
    tolerance = 1e-4 if precision == torch.float32 else 0.03
    networks = [load_checkpoint(ASSETS / f"{name}.safetensors")[0] for name in ("cnn", "fusion")]
    expected = [answers(network, batch) for network in networks]
    make_ready(networks, CPU, precision)
    for network, expected_BK in zip(networks, expected, strict=True):
        torch.testing.assert_close(answers(network, batch), expected_BK, atol=tolerance, rtol=0)


def test_networks_with_the_same_pixel_branch_look_once(
    used_network: SmallNetwork, batch: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cnn, fusion = used_network("cnn"), used_network("fusion")
    fusion.pixel_branch = copy.deepcopy(cnn.pixel_branch)
    expected = [answers(network, batch) for network in (cnn, fusion)]
    make_ready([cnn, fusion], CPU, torch.float32)
    assert cnn.pixel_branch is fusion.pixel_branch
    looked: list[tuple[int, ...]] = []
    convolve = inference._Convolution.__call__

    def counted(self: inference._Convolution, maps_BCHW: Tensor) -> Tensor:
        looked.append(tuple(maps_BCHW.shape))
        return convolve(self, maps_BCHW)

    monkeypatch.setattr(inference._Convolution, "__call__", counted)
    for network, expected_BK in zip((cnn, fusion), expected, strict=True):
        torch.testing.assert_close(answers(network, batch), expected_BK, atol=1e-5, rtol=0)
    assert looked.count((3, 1, SIDE, SIDE)) == 1
    # Other pixels are looked at, equal ones too: what is remembered is one batch's, not a picture's.
    answers(cnn, (batch[0].clone(), *batch[1:]))
    assert looked.count((3, 1, SIDE, SIDE)) == 2


@pytest.mark.parametrize("where", ["first weight", "running mean"])
def test_networks_whose_pixel_branches_differ_keep_their_own(
    where: str, used_network: SmallNetwork, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    cnn, fusion = used_network("cnn"), used_network("fusion")
    fusion.pixel_branch = copy.deepcopy(cnn.pixel_branch)
    convolution, norm = fusion.pixel_branch.maps[:2]
    (convolution.weight if where == "first weight" else norm.running_mean).data.view(-1)[0] += 1
    expected = [answers(network, batch) for network in (cnn, fusion)]
    make_ready([cnn, fusion, used_network("landmarks")], CPU, torch.float32)
    assert cnn.pixel_branch is not fusion.pixel_branch
    for network, expected_BK in zip((cnn, fusion), expected, strict=True):
        torch.testing.assert_close(answers(network, batch), expected_BK, atol=1e-5, rtol=0)


def test_features_are_forgotten_with_their_pixels(used_network: SmallNetwork) -> None:
    network = used_network("cnn")
    make_ready([network], CPU)
    branch = network.pixel_branch
    assert isinstance(branch, ReadyBranch)
    pixels_BCHW = torch.randn(2, 1, SIDE, SIDE)
    with torch.inference_mode():
        features_BF = branch(pixels_BCHW)
        assert branch(pixels_BCHW) is features_BF
    assert features_BF.dtype == torch.float32 and len(branch._seen) == 1
    del pixels_BCHW
    assert len(branch._seen) == 0


def test_precision_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    def choice(device: str = "cpu", **capabilities: bool) -> torch.dtype:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        return fastest_precision(torch.device(device))

    assert choice() == choice(avx512_bw=True) == choice("cuda", avx512_bf16=True) == torch.float32
    assert choice(avx512_bf16=True) == torch.bfloat16
    assert choice(avx512_bf16=True, avx512_fp16=True, amx_tile=True) == torch.bfloat16
    assert choice(avx512_bf16=True, avx512_fp16=True) == torch.float32  # AMX hidden by a virtual machine


def test_weights_are_laid_out_only_where_one_layout_suits_every_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def packs(device: str = "cpu", threads: int = 1, **capabilities: bool) -> bool:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        return inference._packs(torch.device(device))

    assert packs(avx512_bw=True)
    assert not packs(avx2=True)
    assert not packs(avx512_bw=True, amx_tile=True)
    assert not packs(avx512_bw=True, threads=2)
    assert not packs("cuda", avx512_bw=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_gpu_answers_as_the_cpu(used_network: SmallNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    for kind in KINDS:
        network = used_network(kind)
        expected_BK = answers(network, batch)
        make_ready([network], torch.device("cuda"))
        on_gpu = tuple(tensor.cuda() for tensor in batch)
        torch.testing.assert_close(answers(network, on_gpu).cpu(), expected_BK, atol=1e-3, rtol=0)
