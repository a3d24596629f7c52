"""``make peers``: photo file to probabilities, ours beside others that install with their weights.

The same pictures, in turns on one machine, on one core and on two: `fer` from PyPI with either of its
detectors, `@vladmandic/face-api` and `@vladmandic/human` under Node with TensorFlow.js's WASM backend (its
native one downloads a library that registries of packages do not carry). The first time they are installed
in environments of their own, below runs/peers. And how long `python -m dashboard` takes from its start to its
first answer. The result goes to docs/results/speed.json, and `python -m training.figures` writes it into
docs/speed.md.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import astronaut

from fusion_model.benchmark import processor

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
RESULT = ROOT / "docs" / "results" / "speed.json"
FOLDER = ROOT / "runs" / "peers"
PYTHON_PEERS = ("fer==25.10.3",)
NODE_PEERS = (
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
    "@vladmandic/face-api@1.7.15",
    "@vladmandic/human@3.3.6",
    "sharp@0.35.5",
)
OURS = {"ours: CNN and fusion": "cnn,fusion", "ours: CNN alone": "cnn"}
PHOTO = "portrait 512.jpg"
PATIENCE_S = 900


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the peers are, or go")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program, taking turns")
    parser.add_argument("--repeats", type=int, default=15, help="of each photo in a run")
    parser.add_argument("--starts", type=int, default=3, help="of the server")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", help="only programs whose names begin so")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    photos = write_photos(options.folder / "photos")
    alone = options.only and all(name.startswith("ours") for name in options.only)
    missing = [] if alone else install(options.folder)
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    load = os.getloadavg()[0]
    for turn in range(options.rounds):
        for cores in options.cores:
            for name, command in programs(options.folder, cores, options.repeats, photos).items():
                if options.only and not name.startswith(tuple(options.only)):
                    continue
                print(f"round {turn + 1}, cores {cores}: {name}", file=sys.stderr)
                told = run(command, cores)
                if told is None:
                    missing.append(name)
                else:
                    found.setdefault((name, cores), []).append(told)
    result = {
        "machine": {"cpu": processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "load_before": round(load, 2),
        "repeats": options.rounds * options.repeats,
        "missing": sorted(set(missing)),
        "server_start_s": [round(server_start(), 2) for _ in range(options.starts)],
        "programs": [summary(name, cores, runs) for (name, cores), runs in found.items()],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    aside = options.out.with_suffix(".aside")
    aside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    aside.replace(options.out)
    print(json.dumps(result, indent=1))
    return 0


def write_photos(folder: Path) -> list[Path]:
    """A portrait as it is, in a group of four, and in a photo of 12 megapixels; all JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    face = Image.fromarray(astronaut())
    group = Image.new("RGB", (1400, 1000), (88, 108, 128))
    for number in range(4):
        side = 340 + 40 * number
        place = (40 + 660 * (number % 2), 20 + 480 * (number // 2))
        group.paste(face.crop((96, 0, 386, 290)).resize((side, side)), place)
    large = face.resize((4000, 4000), Image.Resampling.BICUBIC).crop((0, 0, 4000, 3000))
    for name, picture in ((PHOTO, face), ("four faces.jpg", group), ("12 megapixels.jpg", large)):
        picture.save(folder / name, quality=92)
    return [folder / name for name in (PHOTO, "four faces.jpg", "12 megapixels.jpg")]


def install(folder: Path) -> list[str]:
    """Install the peers where they are not; names of those that could not be."""
    missing = []
    python = folder / "python" / "bin" / "python"
    npm = ["npm", "install", "--ignore-scripts", "--no-fund", "--no-audit", "--prefix", str(folder)]
    steps = {
        "fer": (
            folder / "python" / "installed",
            [
                [sys.executable, "-m", "venv", str(folder / "python")],
                [str(python), "-m", "pip", "install", "--quiet", *PYTHON_PEERS],
            ],
        ),
        "face-api and human": (folder / "node_modules" / ".installed", [[*npm, *NODE_PEERS]]),
    }
    for name, (stamp, commands) in steps.items():
        if stamp.exists():
            continue
        try:
            for command in commands:
                subprocess.run(command, check=True, stdout=sys.stderr)
            stamp.touch()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name} cannot be installed here: {error}", file=sys.stderr)
            missing.append(name)
    return missing


def programs(folder: Path, cores: int, repeats: int, photos: Sequence[Path]) -> dict[str, list[str]]:
    """What is compared: names and commands."""
    rest = [str(cores), str(repeats), *map(str, photos)]
    ours, fer = [sys.executable, str(HERE / "our_peer.py")], str(HERE / "fer_peer.py")
    python = str(folder / "python" / "bin" / "python")
    node = ["node", str(HERE / "node_peer.cjs")]
    return {
        **{name: [*ours, models, *rest] for name, models in OURS.items()},
        "fer, Haar": [python, fer, "haar", *rest],
        "fer, MTCNN": [python, fer, "mtcnn", *rest],
        "face-api (WASM)": [*node, "face-api", str(folder), *rest],
        "human (WASM)": [*node, "human", str(folder), *rest],
    }


def run(command: Sequence[str], cores: int) -> dict[str, Any] | None:
    """Run a program on the first so many cores; what it says and its peak memory, or None if it failed."""
    threads = {name: str(cores) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    pinned = ["taskset", "-c", ",".join(map(str, range(cores))), *command]
    said = FOLDER.parent / f"peer{os.getpid()}.out"
    try:
        with said.open("w") as out:
            process = subprocess.Popen(
                pinned, stdout=out, stderr=subprocess.DEVNULL, env=os.environ | threads, cwd=ROOT
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        lines = said.read_text().splitlines()
    except OSError as error:
        print(f"{command[0]} cannot be run: {error}", file=sys.stderr)
        return None
    finally:
        said.unlink(missing_ok=True)
    if process.returncode or not lines:
        print(f"{' '.join(command[:3])} ended with {process.returncode}", file=sys.stderr)
        return None
    told: dict[str, Any] = json.loads(lines[-1])
    return told | {"peak_mb": usage.ru_maxrss / 1024}


def summary(name: str, cores: int, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians and spreads over all runs of a program."""
    photos = []
    for parts in zip(*(told["photos"] for told in runs), strict=True):
        first = parts[0]
        ms = np.concatenate([part["ms"] for part in parts])
        p5, median, p95 = np.percentile(ms, [5, 50, 95]).round(1).tolist()
        photo = {key: first[key] for key in ("photo", "faces", "answer")}
        photo |= {"n": len(ms), "median_ms": median, "p5_ms": p5, "p95_ms": p95}
        if "stages" in first:
            every = [stages for part in parts for stages in part["stages"]]
            photo["stages_ms"] = {
                stage: round(float(np.median([stages[stage] for stages in every])), 2) for stage in every[0]
            }
        photos.append(photo)
    return {
        "name": name,
        "cores": cores,
        "version": runs[0].get("version", ""),
        "start_s": round(float(np.median([told["start_s"] for told in runs])), 2),
        "peak_mb": round(float(np.median([told["peak_mb"] for told in runs]))),
        "photos": photos,
    }


def server_start() -> float:
    """Seconds from starting `python -m dashboard` to its first answer over HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    held = io.BytesIO()
    Image.fromarray(astronaut()).save(held, "JPEG")
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/predict",
        data=held.getvalue(),
        headers={"Content-Type": "image/jpeg"},
    )
    since = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        while time.perf_counter() - since < PATIENCE_S:
            with (
                contextlib.suppress(urllib.error.URLError, ConnectionError),
                urllib.request.urlopen(asked, timeout=60) as reply,
            ):
                if json.load(reply)["faces"]:
                    return time.perf_counter() - since
            time.sleep(0.02)
        raise TimeoutError("The server does not answer.")
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
