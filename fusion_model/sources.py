"""Rows of a CSV file, plain or compressed, each with its place in the file for error messages.

The format is told by content, not by name: plain text, gzip, a tar inside gzip (how the ICML challenge packed
`fer2013.tar.gz`), or zip. A file that is cut or damaged is a `DataError` that names the place reached.
"""

import csv
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

from tqdm import tqdm

from fusion_model.errors import ExpressionLensError

_SNIFF = 4096  # bytes; enough for any header and for tar's first block
_TAR_MAGIC = slice(257, 262)  # "ustar" in a POSIX tar header


class DataError(ExpressionLensError):
    """A data file or folder is not what was expected; the sentence names the place and the expectation."""


class Place(NamedTuple):
    """Where a row stands: `row` is the 0-based data row (-1: the header), `line` the 1-based line."""

    file: str
    row: int
    line: int

    def error(self, problem: str) -> DataError:
        """Build the error for this place: 'fer2013.csv, row 17 (line 19): expected ...'."""
        where = f"line {self.line}" if self.row < 0 else f"row {self.row} (line {self.line})"
        return DataError(f"{self.file}, {where}: {problem}")


def is_zip(path: Path) -> bool:
    """Tell by the first bytes whether this is a zip file, whole or cut."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def zip_names(path: Path) -> list[str]:
    """List the files in a zip, without directories and what macOS adds, in the zip's order."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise DataError(f"{path.name} is not a whole zip file ({error}): was its download cut?") from error
    return [name for name in names if not (name.endswith("/") or "__MACOSX" in name or "/." in f"/{name}")]


def choose_csv(names: list[str], preferred: tuple[str, ...]) -> str | None:
    """Choose the CSV to read among names: the first preferred one there, else the only one, else None."""
    tables = [name for name in names if name.lower().endswith(".csv")]
    for wanted in preferred:
        for name in tables:
            if PurePosixPath(name).name == wanted:
                return name
    return tables[0] if len(tables) == 1 else None


def read_rows(path: Path, preferred: tuple[str, ...] = ()) -> Iterator[tuple[Place, list[str]]]:
    """Yield the header (row -1), then every row that is not blank, each with its place.

    Parameters
    ----------
    path
        The file.
    preferred
        Names of CSV files to take, in this order, where an archive holds several.

    Raises
    ------
    DataError
        If the file is missing, empty, cut, damaged, or no text.
    """
    place = Place(path.name, -2, 0)
    try:
        for place, fields in _rows(path, preferred):
            yield place, fields
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError) as error:
        after = "before its first line" if place.row < -1 else f"after line {place.line}"
        raise DataError(f"{path.name} is cut or damaged {after} ({error}): get the file again.") from error
    except csv.Error as error:
        raise place._replace(row=place.row + 1, line=place.line + 1).error(
            f"not a CSV row ({error})."
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.") from error
    except (OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def _rows(path: Path, preferred: tuple[str, ...]) -> Iterator[tuple[Place, list[str]]]:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        stream = _open(raw, path, preferred, stack)
        head = stream.peek(_SNIFF)[:_SNIFF]
        if b"\0" in head:
            raise DataError(f"{path.name} is not a CSV file: expected text, found binary data.")
        # "replace": a stray byte becomes a value that the reader of rows then reports with its place.
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        bar = stack.enter_context(
            tqdm(
                total=path.stat().st_size,
                desc=path.name,
                unit="B",
                unit_scale=True,
                disable=None,
                leave=False,
            )
        )
        reader = csv.reader(text)
        row = -1
        for fields in reader:
            if not fields:
                continue
            yield Place(path.name, row, reader.line_num), fields
            row += 1
            if row % 256 == 0:
                bar.update(raw.tell() - bar.n)
        if row < 0:
            raise DataError(f"{path.name} is empty: expected a header line and rows.")


def _open(
    raw: io.BufferedReader, path: Path, preferred: tuple[str, ...], stack: ExitStack
) -> io.BufferedReader:
    """Open the CSV inside whatever container the first bytes announce."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        packed = stack.enter_context(gzip.GzipFile(fileobj=raw))
        stream: io.BufferedReader = io.BufferedReader(cast(Any, packed), _SNIFF)
        if stream.peek(_SNIFF)[_TAR_MAGIC] == b"ustar":
            return _open_tar(stream, path, preferred, stack)
        return stream
    if magic[:2] == b"PK":
        archive = stack.enter_context(zipfile.ZipFile(raw))
        name = choose_csv(zip_names(path), preferred)
        if name is None:
            raise DataError(f"{path.name} holds no CSV file, or several: expected one, such as fer2013.csv.")
        return io.BufferedReader(cast(Any, stack.enter_context(archive.open(name))))
    return raw


def _open_tar(
    stream: io.BufferedReader, path: Path, preferred: tuple[str, ...], stack: ExitStack
) -> io.BufferedReader:
    """Open the first fitting CSV of a tar: looking at all before choosing would unpack everything twice."""
    archive = stack.enter_context(tarfile.TarFile.open(fileobj=stream, mode="r:"))
    for member in archive:
        found = archive.extractfile(member) if member.name.lower().endswith(".csv") else None
        if found is not None and (not preferred or PurePosixPath(member.name).name in preferred):
            return cast(io.BufferedReader, found)
    raise DataError(f"{path.name} holds no CSV file: expected one, such as fer2013.csv.")
