"""``python -m fusion_model PHOTO...``: what the faces in photos look like, as a table or as JSON lines."""

import argparse
import glob
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tqdm import tqdm

from fusion_model.catalogue import available_models, default_models
from fusion_model.errors import ExpressionLensError
from fusion_model.images import read_image
from fusion_model.native_logs import drop_native_logs
from fusion_model.records import picture_record

if TYPE_CHECKING:  # at run time it imports PyTorch and MediaPipe, which `--help` need not wait for
    from fusion_model.answers import PicturePrediction

# What is taken from a folder. HEIC and AVIF cannot be read, but are better named than passed over in silence.
_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
)
_NAME_WIDTH = 40
_ANSWER_WIDTH = 13
_OK, _SOME_FAILED, _WRONG_CALL, _INTERRUPTED, _PIPE_CLOSED = 0, 1, 2, 130, 141


class Predicts(Protocol):
    """The part of `fusion_model.predictor.Predictor` that is used here."""

    def predict(self, rgb_HWC: np.ndarray, /) -> "PicturePrediction":
        """Answer for a picture, uint8 (H, W, 3)."""

    def close(self) -> None:
        """Free what it holds."""


class PhotoError(ExpressionLensError):
    """A photo that is not there, or cannot be opened."""


@dataclass(frozen=True)
class Photo:
    """One photo to answer for.

    Attributes
    ----------
    name : its path as the user would write it, or "-" for standard input.
    error : why there is nothing to read, or None.
    """

    name: str
    error: str | None = None

    def pixels(self) -> np.ndarray:
        """Read it.

        Returns
        -------
        np.ndarray
            uint8 (H, W, 3), RGB, upright.

        Raises
        ------
        ExpressionLensError
            `PhotoError` or `fusion_model.images.ImageError`.
        """
        if self.error is not None:
            raise PhotoError(self.error)
        if self.name == "-":
            return read_image(sys.stdin.buffer if sys.stdin else io.BytesIO())
        try:
            with Path(self.name).open("rb") as stream:
                return read_image(stream)
        except OSError as error:
            raise PhotoError(f"The file cannot be read: {error.strerror or error}.") from error


@dataclass(frozen=True)
class Result:
    """What came of one photo: either `prediction` or `error` is there."""

    name: str
    prediction: "PicturePrediction | None" = None
    error: str | None = None


def main(
    arguments: Sequence[str] | None = None,
    make_predictor: Callable[[Sequence[str]], Predicts] | None = None,
) -> int:
    """Answer for every photo of the command line, in the order given.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of the command line's.
    make_predictor : callable, optional
        Names of models -> predictor; may raise `ExpressionLensError`. Default: the committed models.

    Returns
    -------
    int
        Exit status: 0, 1 where a photo could not be read, 2 for a wrong call, 130 after an interrupt, 141
        when the reader of the output left.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options, make_predictor or _load_predictor)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fusion_model",
        description="Find the faces in photos and tell what each looks like to the models. "
        "A face looks happy; that says nothing about what the person feels.",
    )
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="file, folder (with its subfolders), glob, or - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    known = available_models()
    parser.add_argument(
        "--models",
        default=",".join(default_models(known)),
        metavar="NAMES",
        help=f"names with commas between, of {', '.join(known)}; default: %(default)s",
    )
    return parser


def _load_predictor(models: Sequence[str]) -> Predicts:
    from fusion_model.predictor import Predictor

    return Predictor(models)


def _run(options: argparse.Namespace, make_predictor: Callable[[Sequence[str]], Predicts]) -> int:
    models = list(dict.fromkeys(name for name in options.models.replace(",", " ").split()))
    if not models:
        print("Name at least one model, such as --models fusion.", file=sys.stderr)
        return _WRONG_CALL
    try:
        predictor = make_predictor(models)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return _WRONG_CALL
    photos = [photo for argument in options.photos for photo in find_photos(argument)]
    lines: Callable[[Result], list[str]]
    lines = _json_lines if options.json else _Table(photos, models).lines
    failed = False
    try:
        # Names of files may hold bytes that are no text, and a terminal may not know every letter.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        for result in _answers(photos, predictor):
            failed |= result.error is not None
            for line in lines(result):
                tqdm.write(line, file=sys.stdout)
            sys.stdout.flush()
    finally:
        predictor.close()
    return _SOME_FAILED if failed else _OK


def find_photos(argument: str) -> list[Photo]:
    """Photos that one argument of the command line means.

    Parameters
    ----------
    argument : str
        "-", a file, a folder (its pictures and those of its subfolders, sorted, hidden ones left out), or a
        glob that the shell did not expand ("**" means any depth).

    Returns
    -------
    list of Photo
        Never empty: where nothing is there, one photo whose error says so.
    """
    if argument == "-":
        return [Photo(argument)]
    path = Path(argument)
    try:
        if path.is_dir():
            return _in_folder(path) or [Photo(argument, "There is no picture in this folder or below it.")]
        if path.exists():
            return [Photo(argument)]
    except OSError as error:  # such as a name that is too long, or a folder that may not be entered
        return [Photo(argument, f"The file cannot be read: {error.strerror}.")]
    if not glob.has_magic(argument):
        return [Photo(argument, "There is no such file or folder.")]
    return _fitting(argument) or [Photo(argument, "There is no file that fits this pattern.")]


def _fitting(pattern: str) -> list[Photo]:
    found: list[Photo] = []
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 (Path.glob refuses absolute patterns)
        found += _in_folder(Path(match)) if Path(match).is_dir() else [Photo(match)]
    # "**" finds folders, and the files in them once more.
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Photo]:
    files = (
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    return [Photo(str(path)) for path in files if path.is_file()]


def _answers(photos: Sequence[Photo], predictor: Predicts) -> Iterator[Result]:
    # With one photo, or no terminal, a progress bar is only noise.
    hidden = len(photos) < 2 or not sys.stderr.isatty()
    for photo in tqdm(photos, unit="photo", disable=hidden, leave=False):
        try:
            yield Result(photo.name, prediction=predictor.predict(photo.pixels()))
        except ExpressionLensError as error:
            yield Result(photo.name, error=str(error))


def _json_lines(result: Result) -> list[str]:
    return [json.dumps(picture_record(result.name, result.prediction, result.error))]


class _Table:
    """Rows of fixed widths, so that each can be printed as soon as it is there."""

    def __init__(self, photos: Sequence[Photo], models: Sequence[str]) -> None:
        self._name_width = min(_NAME_WIDTH, max(4, *(len(photo.name) for photo in photos)))
        self._models = models
        self._header_due = True

    def lines(self, result: Result) -> list[str]:
        rows = []
        if self._header_due:
            self._header_due = False
            rows.append(self._row("file", "face", "x, y, width, height", "mesh", self._models))
        name = self._shortened(result.name)
        if result.prediction is None:
            return [*rows, f"{name:<{self._name_width}}  {result.error}"]
        if not result.prediction.faces:
            return [*rows, f"{name:<{self._name_width}}  no face found"]
        for number, face in enumerate(result.prediction.faces, start=1):
            answers = [face.models[model] for model in self._models]
            says = [f"{answer.label} {answer.probabilities[answer.label]:.0%}" for answer in answers]
            box = ", ".join(str(side) for side in face.box)
            mesh = "yes" if face.landmarks_found else "no"
            rows.append(self._row(name if number == 1 else "", str(number), box, mesh, says))
        return rows

    def _row(self, name: str, number: str, box: str, mesh: str, says: Sequence[str]) -> str:
        widths = [max(_ANSWER_WIDTH, len(model)) for model in self._models]
        cells = "  ".join(f"{text:<{width}}" for text, width in zip(says, widths, strict=True))
        return f"{name:<{self._name_width}}  {number:>4}  {box:<22}  {mesh:<4}  {cells}".rstrip()

    def _shortened(self, name: str) -> str:
        """Keep the end of a long path: it holds the file's name."""
        return name if len(name) <= self._name_width else "..." + name[3 - self._name_width :]


if __name__ == "__main__":
    drop_native_logs()
    sys.exit(main())
