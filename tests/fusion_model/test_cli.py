"""``python -m fusion_model``, with a predictor that answers by the picture's size."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fusion_model
from fusion_model.__main__ import find_photos, main
from fusion_model.answers import FacePrediction, ModelAnswer, PicturePrediction
from fusion_model.errors import ExpressionLensError
from fusion_model.labels import EXPRESSIONS

PROBABILITIES = dict(zip(EXPRESSIONS, (0.0123456789, 0, 0, 0.9, 0.05, 0.0376543211, 0), strict=True))


class FakePredictor:
    """One face in pictures 40 px wide, two in 80 px, none in others."""

    def __init__(self, models: Sequence[str]) -> None:
        if unknown := set(models) - {"cnn", "fusion", "mobilenet", "inception_v3_fusion"}:
            raise ExpressionLensError(
                f"There is no model named {', '.join(unknown)}; choose from cnn, fusion."
            )
        self.models = models
        self.closed = False

    def predict(self, rgb_HWC: np.ndarray, /) -> PicturePrediction:
        height, width, _ = rgb_HWC.shape
        if width == 50:
            raise ExpressionLensError("The picture cannot be answered.")
        faces = tuple(
            FacePrediction(
                box=(number, 2, 30, 20),
                landmarks_found=number == 0,
                landmarks_LD=None,
                crop_HW=np.zeros((48, 48), np.uint8),
                models={name: ModelAnswer("happy", PROBABILITIES) for name in self.models},
            )
            for number in range({40: 1, 80: 2}.get(width, 0))
        )
        return PicturePrediction(width, height, faces, {})

    def close(self) -> None:
        self.closed = True


def picture(path: Path, width: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 24)).save(path)
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments], FakePredictor)


def records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_the_promised_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = picture(tmp_path / "a.png")
    assert run(photo, "--json") == 0
    (record,) = records(capsys)
    probabilities = {"angry": 0.012346, "happy": 0.9, "sad": 0.05, "surprise": 0.037654}
    answer = {"label": "happy", "probabilities": {name: probabilities.get(name, 0.0) for name in EXPRESSIONS}}
    assert record == {
        "file": str(photo),
        "width": 40,
        "height": 24,
        "faces": [
            {
                "box": [0, 2, 30, 20],
                "landmarks_found": True,
                "warnings": [],
                "models": {"cnn": answer, "fusion": answer},
            },
        ],
        "error": None,
    }
    assert list(record) == ["file", "width", "height", "faces", "error"]
    assert tuple(record["faces"][0]["models"]["cnn"]["probabilities"]) == EXPRESSIONS


def test_order_is_kept_and_a_bad_picture_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    two = picture(tmp_path / "two.png", 80)
    none = picture(tmp_path / "none.png", 20)
    refused = picture(tmp_path / "refused.png", 50)
    missing = tmp_path / "missing.png"
    assert run(two, bad, missing, refused, none, two, "--json") == 1
    found = records(capsys)
    assert [record["file"] for record in found] == [str(p) for p in (two, bad, missing, refused, none, two)]
    assert [len(record["faces"]) for record in found] == [2, 0, 0, 0, 0, 2]
    assert [record["error"] is None for record in found] == [True, False, False, False, True, True]
    assert found[1] == {
        "file": str(bad),
        "width": None,
        "height": None,
        "faces": [],
        "error": "This file is not a picture; choose a JPEG, PNG or WebP file.",
    }
    assert "no such file" in found[2]["error"]
    assert found[3]["error"] == "The picture cannot be answered."


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = picture(tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("-", "--json") == 0
    (record,) = records(capsys)
    assert (record["file"], record["width"]) == ("-", 40)


@pytest.mark.parametrize("stdin", [None, io.TextIOWrapper(io.BytesIO())])
def test_empty_standard_input(
    stdin: io.TextIOWrapper | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("-", "--json") == 1
    assert "empty" in records(capsys)[0]["error"]


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos in folders, with other files and a hidden folder; the current folder is above it."""
    for name in ("b.png", "a.JPG", "deep/er/c.webp", ".hidden/d.png", "._b.png", "odd[1].png"):
        picture(tmp_path / "album" / name)
    (tmp_path / "album" / "notes.txt").write_text("no photo")
    (tmp_path / "album" / "e.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    (tmp_path / "void").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("album", ["album/a.JPG", "album/b.png", "album/deep/er/c.webp", "album/e.heic", "album/odd[1].png"]),
        ("album/deep/", ["album/deep/er/c.webp"]),
        ("album/*.png", ["album/b.png", "album/odd[1].png"]),
        ("album/odd[1].png", ["album/odd[1].png"]),
        ("album/**/*.webp", ["album/deep/er/c.webp"]),
        ("album/dee*", ["album/deep/er/c.webp"]),
        ("album/deep/**", ["album/deep/er/c.webp"]),
        ("album/notes.txt", ["album/notes.txt"]),
        ("-", ["-"]),
    ],
)
def test_what_an_argument_means(argument: str, names: list[str]) -> None:
    found = find_photos(argument)
    assert [photo.name for photo in found] == names
    assert {photo.error for photo in found} == {None}


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("void", "no picture in this folder"),
        ("album/*.jpeg", "no file that fits"),
        ("nowhere.png", "no such file"),
        ("n" * 5000, "cannot be read"),
    ],
)
def test_an_argument_that_means_nothing_has_its_own_line(argument: str, words: str) -> None:
    (photo,) = find_photos(argument)
    assert photo.name == argument
    assert photo.error is not None
    assert words in photo.error


def test_absolute_globs(album: Path) -> None:
    assert [photo.name for photo in find_photos(f"{album}/album/b*")] == [f"{album}/album/b.png"]


def test_a_file_that_may_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A link to itself: unreadable for root as well.
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    assert run(loop, "--json") == 1
    assert records(capsys)[0]["error"].endswith(".")


def test_names_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = picture(tmp_path / os.fsdecode(b"caf\xe9.png"))
    assert run(photo, "--json") == 0
    assert records(capsys)[0]["file"] == str(photo)
    assert run(photo) == 0


@pytest.mark.parametrize("names", ["fusion,cnn,fusion", "fusion cnn", " fusion , cnn,"])
def test_models_can_be_chosen(names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(picture(tmp_path / "a.png"), "--json", "--models", names) == 0
    assert list(records(capsys)[0]["faces"][0]["models"]) == ["fusion", "cnn"]


def test_the_columns_of_models_with_long_names_stand_below_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture(tmp_path / "a.png"), "--models", "inception_v3_fusion,cnn") == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.index("cnn") == row.rindex("happy")


def test_the_models_that_there_are_stand_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    assert "of cnn, fusion" in " ".join(capsys.readouterr().out.split())


def test_an_unknown_model_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(picture(tmp_path / "a.png"), "--models", "cnn,vgg") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "There is no model named vgg; choose from cnn, fusion.\n"


def test_no_model_at_all_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(picture(tmp_path / "a.png"), "--models", ",") == 2
    assert "at least one model" in capsys.readouterr().err


def test_no_photo_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 2
    assert "PHOTO" in capsys.readouterr().err


def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    picture(Path("two.png"), 80)
    picture(Path("none.png"), 20)
    assert run("two.png", "none.png", "gone.png") == 1
    assert capsys.readouterr().out.splitlines() == [
        "file      face  x, y, width, height     mesh  cnn            fusion",
        "two.png      1  0, 2, 30, 20            yes   happy 90%      happy 90%",
        "             2  1, 2, 30, 20            no    happy 90%      happy 90%",
        "none.png  no face found",
        "gone.png  There is no such file or folder.",
    ]


def test_a_long_path_keeps_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(picture(tmp_path / ("long" * 20) / "end.png")) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.startswith("...")
    assert "/end.png     1  " in row
    assert len(row.split()[0]) == 40


@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_progress_only_on_a_terminal_and_with_many(
    mode: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = picture(tmp_path / "a.png")
    assert run(photo, photo, *mode) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(photo, *mode) == 0
    assert capsys.readouterr().err == ""
    assert run(photo, photo, *mode) == 0
    captured = capsys.readouterr()
    assert "photo" in captured.err
    assert len(captured.out.splitlines()) == (2 if mode else 3)


def test_the_predictor_is_closed_and_an_interrupt_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[FakePredictor] = []

    def make(models: Sequence[str]) -> FakePredictor:
        made.append(FakePredictor(models))
        return made[-1]

    def interrupt(*_: object) -> PicturePrediction:
        raise KeyboardInterrupt

    photo = str(picture(tmp_path / "a.png"))
    assert main([photo], make) == 0
    monkeypatch.setattr(FakePredictor, "predict", interrupt)
    assert main([photo], make) == 130
    assert [predictor.closed for predictor in made] == [True, True]
    assert capsys.readouterr().err == ""


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """As with ``python -m fusion_model ... | head -1``, in a process of its own."""
    photo = picture(tmp_path / "a.png")
    program = (
        "import sys; from tests.fusion_model.test_cli import FakePredictor;"
        "from fusion_model.__main__ import main; sys.exit(main(sys.argv[1:], FakePredictor))"
    )
    root = Path(fusion_model.__file__).parents[1]
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(photo), "--json"],
            stdout=write_end,
            stderr=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            check=False,
            timeout=120,
        )
    finally:
        os.close(write_end)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.parametrize("level", [None, "0"])
def test_native_log_lines_are_dropped_unless_asked_for(level: str | None) -> None:
    program = (
        "import os, sys; from fusion_model.native_logs import drop_native_logs; drop_native_logs();"
        "os.write(2, b'native\\n'); print('python', file=sys.stderr); raise SystemExit('sentence')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GLOG_minloglevel"}
    if level is not None:
        environment["GLOG_minloglevel"] = level
    done = subprocess.run(
        [sys.executable, "-c", program],
        stderr=subprocess.PIPE,
        cwd=Path(fusion_model.__file__).parents[1],
        env=environment,
        check=False,
        timeout=120,
    )
    assert done.stderr.split() == [b"native"] * (level is not None) + [b"python", b"sentence"]
