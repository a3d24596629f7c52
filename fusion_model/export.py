"""``python -m fusion_model.export MODEL``: a checkpoint as one ONNX file, checked against PyTorch's answers.

The file holds all of it, from the crop's grey levels to calibrated probabilities: standardising, the mirror
image (flip test-time augmentation), the network, its temperature. Who deploys it elsewhere prepares a crop
and landmarks as `fusion_model.preprocess.face_inputs` does, and nothing more.

Shape suffixes: B batch, C channel, H height, W width, L landmark (478), D coordinate, K class.
"""

import argparse
import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusion_model.catalogue import ASSETS, available_models
from fusion_model.checkpoint import Card, load_checkpoint
from fusion_model.detection import LANDMARKS
from fusion_model.errors import ExpressionLensError
from fusion_model.mirror import MIRROR_L
from fusion_model.network import ExpressionNetwork, FusionNet, LandmarkMlp
from fusion_model.preprocess import CONTRAST_FLOOR, MEAN_FACE_LD, SIDE

#: Largest difference of a probability between PyTorch and ONNX Runtime that counts as equal.
TOLERANCE = 1e-4
#: Faces on which the two are compared.
CHECKED = 5
_MISSING = (
    "Exporting needs the packages of the extra 'onnx', of which {name} is missing: "
    "pip install 'expression-lens[onnx]'."
)


class ExportError(ExpressionLensError):
    """A model cannot be exported, or what was written answers otherwise."""


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    path : of the ONNX file.
    inputs : names of what it takes, in order.
    megabytes : its size.
    difference : largest difference of a probability to PyTorch's, over `CHECKED` faces.
    """

    path: Path
    inputs: tuple[str, ...]
    megabytes: float
    difference: float


class WholeAnswer(nn.Module):
    """Crops (B, 48, 48) uint8, landmarks (B, 478, 3) and mesh_found (B,) -> probabilities (B, K).

    Takes of the three what its network reads, by name, in the order of `inputs`.
    """

    partners_L: Tensor
    sides_D: Tensor

    def __init__(self, network: ExpressionNetwork, temperature: float, *, mirrored: bool) -> None:
        super().__init__()
        self.network, self.temperature, self.mirrored = network, temperature, mirrored
        self.register_buffer("partners_L", torch.from_numpy(MIRROR_L))
        self.register_buffer("sides_D", torch.tensor([-1.0, 1.0, 1.0]))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its network reads."""
        meshes = isinstance(self.network, (FusionNet, LandmarkMlp))
        return ("crops",) * self.network.reads_pixels + ("landmarks", "mesh_found") * meshes

    def forward(self, *given: Tensor) -> Tensor:
        """Calibrated probabilities, float32."""
        known = dict(zip(self.inputs, given, strict=True))
        count = given[0].shape[0]
        pixels_BCHW = _standardised(known["crops"]) if "crops" in known else torch.zeros(count, 1, 1, 1)
        landmarks_BLD = known.get("landmarks", torch.zeros(count, 1, 3))
        found_B = known.get("mesh_found", torch.zeros(count, dtype=torch.bool))
        logits_BK = self.network(pixels_BCHW, landmarks_BLD, found_B)
        if self.mirrored:
            if "landmarks" in known:
                landmarks_BLD = landmarks_BLD[:, self.partners_L] * self.sides_D
            other_BK = self.network(pixels_BCHW.flip(-1), landmarks_BLD, found_B)
            logits_BK = (logits_BK + other_BK) / 2
        return torch.softmax(logits_BK / self.temperature, dim=1)


def export(weights: Path, path: Path, *, mirrored: bool = True) -> Exported:
    """Write a checkpoint as ONNX, aside; check its answers with ONNX Runtime, then rename it.

    Parameters
    ----------
    weights : ``….safetensors``, with its card beside it
    path : where the file goes
    mirrored : average with the answer for the mirrored face, as the program does

    Raises
    ------
    ExportError
        If a package is missing, or the answers differ by more than `TOLERANCE`.
    fusion_model.checkpoint.CheckpointError
        If the checkpoint cannot be used.
    """
    network, card = load_checkpoint(weights)
    answer = WholeAnswer(network, card.temperature, mirrored=mirrored).eval()
    # Looked for before the work: both are extras.
    _package("onnxruntime")
    program = _traced(answer)
    program.model.metadata_props.update(_told(card, mirrored=mirrored))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    try:
        program.save(str(aside), external_data=False)
        difference = _largest_difference(answer, aside)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{path.name} was not written: its probabilities differ from PyTorch's by up to "
                f"{difference:.2g}, more than {TOLERANCE:.0e}."
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return Exported(path, answer.inputs, path.stat().st_size / 1e6, difference)


def made_up_inputs(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Crops, landmarks and meshes found of faces that there are not; every third without a mesh."""
    rng = np.random.default_rng(seed)
    found_B = np.arange(count) % 3 != 2
    meshes_BLD = MEAN_FACE_LD + rng.normal(0, 0.02, (count, LANDMARKS, 3))
    return {
        "crops": rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8),
        "landmarks": np.where(found_B[:, None, None], meshes_BLD, 0).astype(np.float32),
        "mesh_found": found_B,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status, 1 after one sentence on what is wrong."""
    options = _parser().parse_args(arguments)
    weights = Path(options.model)
    if weights.suffix != ".safetensors":
        weights = ASSETS / f"{options.model}.safetensors"
    out = options.out or Path(f"{weights.stem}.onnx")
    try:
        made = export(weights, out, mirrored=not options.no_mirror)
    except (ExpressionLensError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{made.path}: {made.megabytes:.1f} MB, takes {', '.join(made.inputs)}, gives probabilities; on "
        f"{CHECKED} faces within {made.difference:.1e} of PyTorch's."
    )
    return 0


def _standardised(crops_BHW: Tensor) -> Tensor:
    """As `fusion_model.preprocess.standardise` does."""
    pixels_BHW = crops_BHW.float()
    mean = pixels_BHW.mean(dim=(1, 2), keepdim=True)
    contrast = (pixels_BHW - mean).square().mean(dim=(1, 2), keepdim=True).sqrt()
    return ((pixels_BHW - mean) / (contrast + CONTRAST_FLOOR))[:, None]


def _traced(answer: WholeAnswer) -> Any:
    """PyTorch's ONNX program of it, for batches of any size."""
    _package("onnx"), _package("onnxscript")
    examples = made_up_inputs(3)
    given = tuple(torch.from_numpy(examples[name]) for name in answer.inputs)
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter's own, about itself
        return torch.onnx.export(
            answer,
            given,
            input_names=list(answer.inputs),
            output_names=["probabilities"],
            dynamic_shapes=(tuple({0: batch} for _ in given),),
            dynamo=True,
            verbose=False,
        )


def _told(card: Card, *, mirrored: bool) -> dict[str, str]:
    """What the file says of itself."""
    return {
        "name": card.name,
        "labels": ",".join(card.labels),
        "mirrored": str(mirrored).lower(),
        "card": card.to_json(),
    }


def _largest_difference(answer: WholeAnswer, path: Path) -> float:
    """Of a probability, between PyTorch and the file, on faces it was not traced with."""
    runtime = _package("onnxruntime")
    examples = made_up_inputs(CHECKED, seed=1)
    given = {name: examples[name] for name in answer.inputs}
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found_BK,) = session.run(None, given)
    with torch.inference_mode():
        known_BK = answer(*(torch.from_numpy(array) for array in given.values())).numpy()
    return float(np.abs(found_BK - known_BK).max())


def _package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise ExportError(_MISSING.format(name=name)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fusion_model.export", description="Export to ONNX.")
    parser.add_argument(
        "model", help=f"a model that comes with it ({', '.join(available_models())}), or your .safetensors"
    )
    parser.add_argument("--out", type=Path, help="the file to write; MODEL.onnx unless told")
    parser.add_argument("--no-mirror", action="store_true", help="one look instead of two: half the work")
    return parser


if __name__ == "__main__":
    sys.exit(main())
