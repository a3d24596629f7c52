"""The benchmark: what it measures, what it says, and what it says when it cannot."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from fusion_model.benchmark import BenchmarkError, as_text, benchmark, main, measure
from fusion_model.catalogue import available_models
from fusion_model.checkpoint import CheckpointError

Saved = Callable[..., Path]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The benchmark sets how many threads there are."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    with threadpool_limits(2, user_api="blas"):
        yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_all_that_computes_has_as_many_threads_as_were_asked_for(saved_model: Saved) -> None:
    benchmark(["landmarks"], repeats=1, folder=saved_model("landmarks").parent)
    libraries = [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]
    assert libraries and set(libraries) == {1}
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)


def test_every_model_and_every_stage_is_measured(saved_model: Saved) -> None:
    saved_model("cnn")
    folder = saved_model("landmarks").parent
    report = benchmark(["cnn", "landmarks"], folder=folder, repeats=3, precision=torch.float32)
    assert json.loads(json.dumps(report))["settings"] == {
        "models": ["cnn", "landmarks"],
        "threads": 1,
        "precision": "float32",
    }
    assert list(report["timings"]) == [
        "photo to crop",
        "all models together",
        "cnn alone",
        "landmarks alone",
        "stage: crop to tensors",
        "stage: pixel branch of cnn",
        "stage: rest of cnn",
        "stage: rest of landmarks",
    ]
    for timing in report["timings"].values():
        assert timing["n"] == 3
        for clock in ("cpu_ms", "wall_ms"):
            assert 0 < timing[clock]["p5"] <= timing[clock]["median"] <= timing[clock]["p95"]
    assert report["machine"]["cpu"] and report["machine"]["versions"]["torch"].startswith("2.")
    text = as_text(report)
    assert all(f"\n{name}" in text for name in report["timings"])


def test_pixel_branches_that_are_shared_are_measured_once(saved_model: Saved) -> None:
    saved_model("fusion")
    folder = saved_model("cnn").parent  # the small networks start from one seed
    names = list(benchmark(["cnn", "fusion"], folder=folder, repeats=1)["timings"])
    assert "stage: pixel branch of cnn, fusion" in names


def test_cpu_time_and_time_on_the_clock_are_told_apart() -> None:
    calls = {"sleep": 0, "work": 0}

    def sleep() -> None:
        calls["sleep"] += 1
        time.sleep(0.004)

    def work() -> None:
        calls["work"] += 1
        until = time.process_time() + 0.004
        while time.process_time() < until:
            pass

    timings = measure({"sleep": sleep, "work": work}, 5)
    assert calls["sleep"] == calls["work"] > 5  # some rounds do not count
    assert timings["sleep"].n == timings["work"].n == 5
    assert timings["sleep"].wall_ms.p5 >= 4 > timings["sleep"].cpu_ms.median
    assert timings["work"].cpu_ms.p5 >= 4


def test_the_result_goes_to_a_file_and_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "speed.json"
    assert main(["--models", "cnn", "--repeats", "1", "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    assert [path.name for path in out.parent.iterdir()] == ["speed.json"]
    assert main(["--models", "cnn", "--repeats", "1", "--precision", "float32"]) == 0
    assert "float32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "cnn,nobody"], "no model named nobody; choose from cnn, fusion"),
        (["--models", ","], "needs a model"),
        (["--repeats", "0"], "above 0"),
        (["--threads", "0"], "above 0"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_result_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--models", "cnn", "--repeats", "1", "--out", str(tmp_path / "file" / "speed.json")]) == 1
    assert "speed.json cannot be written" in capsys.readouterr().err


def test_errors_have_names(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError):
        benchmark([])
    with pytest.raises(BenchmarkError):
        benchmark(["cnn"], folder=tmp_path)
    (tmp_path / "cnn.safetensors").touch()
    with pytest.raises(CheckpointError):
        benchmark(["cnn"], folder=tmp_path)


def test_all_models_are_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def stop(models: list[str], **options: object) -> None:
        asked.append(models)
        raise BenchmarkError("enough")

    monkeypatch.setattr("fusion_model.benchmark.benchmark", stop)
    assert main(["--models", "all"]) == main(["--models", "cnn, fusion"]) == 1
    assert asked == [list(available_models()), ["cnn", "fusion"]]
