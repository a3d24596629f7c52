"""``python -m fusion_model.benchmark``: how long the models take for a face, from its crop to probabilities.

Time is told twice: on the clock, and as CPU time of this process, which other work on the machine changes
less. What is measured takes turns, so that such work meets all of it alike. The face is made up: how
long a network takes does not depend on what it sees.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from fusion_model.catalogue import ASSETS, DEFAULT_MODELS, available_models, unknown_models
from fusion_model.classifier import Classifier, FaceBatch, load_classifiers
from fusion_model.detection import Face
from fusion_model.errors import ExpressionLensError
from fusion_model.frame import eyes_of
from fusion_model.inference import fastest_precision
from fusion_model.preprocess import MEAN_FACE_LD, FaceInputs, face_inputs

TOGETHER = "all models together"
_DEVICE = torch.device("cpu")
_WARM_UP = 10
_PRECISIONS = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16}
_PACKAGES = ("torch", "numpy", "opencv-python")


class BenchmarkError(ExpressionLensError):
    """The benchmark cannot be run, or its result cannot be written."""


@dataclass(frozen=True)
class Spread:
    """Median, 5th and 95th percentile; ms."""

    median: float
    p5: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """Of single measurements, s."""
        p5, median, p95 = np.percentile(np.asarray(seconds) * 1000, [5, 50, 95]).round(4).tolist()
        return cls(median, p5, p95)


@dataclass(frozen=True)
class Timing:
    """How long one thing takes.

    Attributes
    ----------
    n : times that it was done.
    cpu_ms : CPU time of the process, all its threads.
    wall_ms : time on the clock.
    """

    n: int
    cpu_ms: Spread
    wall_ms: Spread


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status, 1 after one sentence on what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        report = benchmark(
            _names(options.models),
            threads=options.threads,
            repeats=options.repeats,
            precision=_PRECISIONS[options.precision],
        )
        text = json.dumps(report, indent=1) + "\n"
        if options.out:
            _write(options.out, text)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    print(text if options.json else as_text(report), end="")
    return 0


def benchmark(
    models: Sequence[str] = DEFAULT_MODELS,
    *,
    folder: Path = ASSETS,
    threads: int = 1,
    repeats: int = 200,
    precision: torch.dtype | None = None,
) -> dict[str, Any]:
    """Measure models on a CPU, as JSON types.

    Parameters
    ----------
    models : names of models in `folder`
    folder : where their weights and cards lie
    threads : that PyTorch and OpenCV may use; they keep this setting
    repeats : how often each thing is done
    precision : of the convolutions; None for `fusion_model.inference.fastest_precision`

    Returns
    -------
    dict
        ``{"machine", "settings", "load_average", "start_ms", "timings": {name: Timing as a dict}}``.

    Raises
    ------
    BenchmarkError, fusion_model.checkpoint.CheckpointError
        Without models, with too few repeats, or for a model that is not there.
    """
    if not models or min(threads, repeats) < 1:
        raise BenchmarkError("The benchmark needs a model, and threads and repeats above 0.")
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    # NumPy's too: further ones spin while they wait, and would count as CPU time of what comes next.
    threadpool_limits(threads, user_api="blas")
    precision = precision or fastest_precision(_DEVICE)
    image_HWC, face = made_up_face()
    inputs = face_inputs(image_HWC, face)
    before = os.getloadavg()
    started = time.perf_counter()
    if trouble := unknown_models(models, folder):
        raise BenchmarkError(trouble)
    paths = [folder / f"{name}.safetensors" for name in models]
    classifiers = dict(zip(models, load_classifiers(paths, precision=precision), strict=True))
    loaded = time.perf_counter()
    _together(classifiers, inputs)
    answered = time.perf_counter()
    tasks = {"photo to crop": partial(face_inputs, image_HWC, face)} | make_tasks(classifiers, inputs)
    timings = {name: asdict(timing) for name, timing in measure(tasks, repeats).items()}
    return {
        "machine": _machine(),
        "settings": {"models": list(models), "threads": threads, "precision": str(precision).split(".")[1]},
        "load_average": {"before": before, "after": os.getloadavg()},
        "start_ms": {
            "load": round((loaded - started) * 1000, 1),
            "first_answer": round((answered - loaded) * 1000, 1),
        },
        "timings": timings,
    }


def made_up_face() -> tuple[np.ndarray, Face]:
    """A picture of noise, uint8 (512, 512, 3), and the mean face in its middle, eyes 100 px apart."""
    image_HWC = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    landmarks_LD = (100 * MEAN_FACE_LD + (256, 256, 0)).astype(np.float32)
    return image_HWC, Face((156, 156, 200, 200), eyes_of(landmarks_LD[:, :2]), landmarks_LD, 1.0)


def make_tasks(classifiers: dict[str, Classifier], inputs: FaceInputs) -> dict[str, Callable[[], object]]:
    """What is measured, by name: all models as the predictor asks them, each alone, and the stages."""
    tasks: dict[str, Callable[[], object]] = {TOGETHER: partial(_together, classifiers, inputs)}
    for name, classifier in classifiers.items():
        tasks[f"{name} alone"] = partial(classifier.probabilities, [inputs])
    tasks["stage: crop to tensors"] = partial(FaceBatch.of, [inputs], _DEVICE)
    seen = FaceBatch.of([inputs], _DEVICE)
    owners: dict[Any, list[str]] = {}
    for name, classifier in classifiers.items():
        if classifier.network.reads_pixels:
            owners.setdefault(classifier.network.pixel_branch, []).append(name)
        classifier.answer(seen)
    for branch, names in owners.items():
        tasks[f"stage: pixel branch of {', '.join(names)}"] = partial(_features, branch, seen.pixels_BCHW)
    for name, classifier in classifiers.items():
        tasks[f"stage: rest of {name}"] = partial(classifier.answer, seen)
    return tasks


def measure(tasks: dict[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Time each task `repeats` times, in turns, after a few rounds that do not count."""
    cpu: dict[str, list[float]] = {name: [] for name in tasks}
    wall: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(-_WARM_UP, repeats):
        for name, task in tasks.items():
            cpu_started, wall_started = time.process_time(), time.perf_counter()
            task()
            if turn >= 0:
                wall[name].append(time.perf_counter() - wall_started)
                cpu[name].append(time.process_time() - cpu_started)
    return {name: Timing(repeats, Spread.of(cpu[name]), Spread.of(wall[name])) for name in tasks}


def as_text(report: dict[str, Any]) -> str:
    """`benchmark`'s result for people."""
    machine, settings, start = report["machine"], report["settings"], report["start_ms"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    loads = " to ".join(f"{load[0]:.1f}" for load in report["load_average"].values())
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores; {packages}",
        f"{settings['threads']} thread(s), {settings['precision']}, mirrored face included",
        f"load average of the machine {loads}",
        f"loading the models {start['load']:.0f} ms, their first answer {start['first_answer']:.0f} ms",
        "",
    ]
    width = max(36, *(len(name) + 2 for name in report["timings"]))
    lines.append(f"{'ms: median (5th-95th percentile)':<{width}}{'n':>5}{'CPU time':>24}{'on the clock':>24}")
    for name, timing in report["timings"].items():
        spreads = [
            f"{part['median']:.2f} ({part['p5']:.2f}-{part['p95']:.2f})"
            for part in (timing["cpu_ms"], timing["wall_ms"])
        ]
        lines.append(f"{name:<{width}}{timing['n']:>5}{spreads[0]:>24}{spreads[1]:>24}")
    return "\n".join(lines) + "\n"


def _names(text: str) -> list[str]:
    """Models that the option names: all that there are for ``all``."""
    return list(available_models()) if text.strip() == "all" else text.replace(",", " ").split()


def _together(classifiers: dict[str, Classifier], inputs: FaceInputs) -> list[np.ndarray]:
    batch = FaceBatch.of([inputs], _DEVICE)
    return [classifier.answer(batch) for classifier in classifiers.values()]


def _features(branch: torch.nn.Module, pixels_BCHW: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return branch(pixels_BCHW.clone())  # pixels that a branch has seen cost nothing the second time


def processor() -> str:
    """The processor's name."""
    name: str | None = torch.cpu.get_capabilities().get("cpu_name")
    return name or platform.processor() or platform.machine()


def _machine() -> dict[str, Any]:
    capabilities = torch.cpu.get_capabilities()
    return {
        "cpu": processor(),
        "instructions": [
            name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if capabilities.get(name)
        ],
        "cores": os.cpu_count(),
        "system": platform.system(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def _write(path: Path, text: str) -> None:
    """Aside, then renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written: {error.strerror or error}.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fusion_model.benchmark",
        description="How long the models take for a face, from its crop to probabilities, on a CPU.",
    )
    parser.add_argument(
        "--models",
        default=",".join(DEFAULT_MODELS),
        metavar="NAMES",
        help="names with commas between, or all; default: %(default)s",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--precision",
        choices=_PRECISIONS,
        default="auto",
        help="of the convolutions; auto: the CPU's fastest",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON object there, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
