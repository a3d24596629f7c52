"""Networks made ready to answer fast: the same answers for less work. For answering only, never for training.

Shape suffixes: B batch, C channel, H height, W width, F feature.

Models whose pixel branches hold the same weights share one, which sees each batch of faces once. Each
normalisation is folded into the layer before it. The convolutions on pixels are nearly all of the work: a CPU
that multiplies bfloat16 natively does them in bfloat16, and for one thread their weights are laid out once,
as oneDNN reads them. What each step gains stands in docs/decisions/0011, and what of it suits the backbones
of torchvision in docs/decisions/0013.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.utils.weak import WeakTensorKeyDictionary

from fusion_model.backbones import Backbone
from fusion_model.branches import PixelBranch, ResidualBlock
from fusion_model.network import ExpressionNetwork


def make_ready(
    networks: Sequence[ExpressionNetwork],
    device: torch.device,
    precision: torch.dtype | None = None,
    branches: "ReadyBranches | None" = None,
) -> None:
    """Make networks ready to answer, in place and for good.

    Parameters
    ----------
    networks : in evaluation mode; all that will be asked together, so that they can share
    device : where they will run
    precision : of the convolutions on pixels; None for `fastest_precision`
    branches : those of networks that were made ready before, which these share; new ones are added

    Notes
    -----
    Set PyTorch's number of threads first: for one thread the weights are laid out for it.
    """
    known = branches if branches is not None else {}
    seeing: list[Any] = [network for network in networks if network.reads_pixels]
    for network in seeing:
        branch = network.pixel_branch
        key = fingerprint(branch)
        if key not in known:
            known[key] = ReadyBranch(branch, device, precision or fastest_precision(device))
        network.pixel_branch = known[key]
    for network in networks:
        _fold_linear(network)
        network.to(device)


def fastest_precision(device: torch.device) -> torch.dtype:
    """bfloat16 on a CPU that multiplies it natively, where it halves the time; float32 elsewhere.

    Intel's servers with AVX512-FP16 multiply bfloat16 fast in their AMX units alone: where a virtual machine
    hides those, AVX512-BF16 is slower than float32 (docs/decisions/0011).
    """
    has = torch.cpu.get_capabilities().get
    fast = has("amx_tile", False) or not has("avx512_fp16", False)
    native = _has_onednn(device) and has("avx512_bf16", False) and fast
    return torch.bfloat16 if native else torch.float32


class ReadyBranch(nn.Module):
    """A pixel branch ready to answer: pixels (B, 1, 48, 48) -> features (B, F), both float32.

    The features of a batch are remembered for as long as its pixels exist, and known by their identity:
    models that share the branch pay for them once. Pixels must not be changed in place once they were shown.

    Parameters
    ----------
    branch : in evaluation mode
    device : where it will run
    precision : of the convolutions
    """

    def __init__(self, branch: PixelBranch | Backbone, device: torch.device, precision: torch.dtype) -> None:
        super().__init__()
        self.precision = precision
        self._steps: list[_Step]
        if isinstance(branch, Backbone):
            self._steps = [branch.config.enlarge, self._converted, _fused(branch, device, precision)]
        else:
            layers = _steps([*branch.maps, *branch.pool], device, precision)
            self._steps = [branch.seen.to(device), branch.config.enlarge, self._converted, *layers]
        self._seen = WeakTensorKeyDictionary()

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B, F)."""
        features_BF: Tensor | None = self._seen.get(pixels_BCHW)
        if features_BF is None:
            maps_BCHW = pixels_BCHW
            for step in self._steps:
                maps_BCHW = step(maps_BCHW)
            features_BF = self._seen[pixels_BCHW] = maps_BCHW.flatten(1).float()
        return features_BF

    def _converted(self, pixels_BCHW: Tensor) -> Tensor:
        return pixels_BCHW.to(self.precision, memory_format=torch.channels_last)


#: Pixel branches that are ready, by the `fingerprint` of what they were made of.
ReadyBranches = dict[str, ReadyBranch]


class _Convolution:
    """A convolution, normalisation folded in, of maps (B, C, H, W) in channels-last order.

    Parameters
    ----------
    convolution : with a bias
    rectified : whether a ReLU follows
    device, precision : of the weights
    """

    def __init__(
        self, convolution: nn.Conv2d, rectified: bool, device: torch.device, precision: torch.dtype
    ) -> None:
        self._geometry = (
            convolution.padding,
            convolution.stride,
            convolution.dilation,
            convolution.groups,
        )
        self._rectified, self._packed = rectified, _packs(device)
        weight, self._bias = (tensor.detach().to(device, precision) for tensor in convolution.parameters())
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        if self._packed:
            # What PyTorch's own compiler calls on a CPU; `conv2d` would lay the weights out anew every time.
            self._weight = torch.ops.mkldnn._reorder_convolution_weight(self._weight, *self._geometry)

    def __call__(self, maps_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        if self._packed:
            after = "relu" if self._rectified else "none"
            return torch.ops.mkldnn._convolution_pointwise.default(
                maps_BCHW, self._weight, self._bias, *self._geometry, after, [], ""
            )
        padding, stride, dilation, groups = self._geometry
        maps_BCHW = functional.conv2d(maps_BCHW, self._weight, self._bias, stride, padding, dilation, groups)
        return maps_BCHW.relu_() if self._rectified else maps_BCHW


class _Residual:
    """A `fusion_model.branches.ResidualBlock` of two `_Convolution`."""

    def __init__(self, first: _Convolution, second: _Convolution) -> None:
        self._first, self._second = first, second

    def __call__(self, maps_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self._second(self._first(maps_BCHW)).add_(maps_BCHW).relu_()


_Step = Callable[[Tensor], Tensor]


def _steps(layers: Iterable[nn.Module], device: torch.device, precision: torch.dtype) -> Iterator[_Step]:
    left = deque(layers)
    while left:
        layer = left.popleft()
        if isinstance(layer, ResidualBlock):
            first, second = _steps(layer.body, device, precision)
            assert isinstance(first, _Convolution) and isinstance(second, _Convolution)
            yield _Residual(first, second)
            continue
        norm = left.popleft()
        assert isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        rectified = bool(left) and isinstance(left[0], nn.ReLU)
        if rectified:
            left.popleft()
        yield _Convolution(fuse_conv_bn_eval(layer, norm), rectified, device, precision)


def _fused(backbone: Backbone, device: torch.device, precision: torch.dtype) -> nn.Module:
    """The body of a backbone with every normalisation folded into the convolution before it.

    Its weights are not laid out beforehand: InceptionV3 took ten times as long with them.
    """
    from torch.fx.experimental.optimization import fuse  # with its tracer, only where there is a backbone

    fused = fuse(backbone.body).to(device, precision)
    return fused.to(memory_format=torch.channels_last)


def _fold_linear(network: nn.Module) -> None:
    """Fold every normalisation that follows a linear layer into it."""
    for layers in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index, (layer, norm) in enumerate(pairwise([*layers])):
            if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                layers[index], layers[index + 1] = fuse_linear_bn_eval(layer, norm), nn.Identity()


def fingerprint(branch: PixelBranch | Backbone) -> str:
    """Equal for pixel branches that give the same features: of the same config and weights, to the bit."""
    digest = hashlib.sha256(repr(branch.config).encode())
    for name, tensor in branch.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    """Whether two modules hold the same weights and running statistics, to the bit."""
    tensors, others = first.state_dict(), second.state_dict()
    return tensors.keys() == others.keys() and all(
        torch.equal(tensor, others[name]) for name, tensor in tensors.items()
    )


def _has_onednn(device: torch.device) -> bool:
    return device.type == "cpu" and torch.backends.mkldnn.is_available()


def _packs(device: torch.device) -> bool:
    """Whether one layout of the weights suits every batch.

    So it was found for one thread and AVX-512. Elsewhere oneDNN wants other layouts for other batches, and to
    bring weights from one of its layouts to another can take it longer than the convolution.
    """
    has = torch.cpu.get_capabilities().get
    tried = has("avx512_bw", False) and not has("amx_tile", False)
    return _has_onednn(device) and tried and torch.get_num_threads() == 1
