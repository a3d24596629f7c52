"""CSV files of prediction tables, plain or gzip: bytes to a data frame, and back; no meaning of columns.

Everything that can be wrong with such a file is a `TableError` that says where.
"""

import contextlib
import csv
import gzip
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pandas as pd

from fusion_model.errors import ExpressionLensError

MOST_COLUMNS = 1_000
MOST_BLANK = 1_000  # rows at the end that are empty and are not counted
LONGEST_ROW = 1_000_000  # characters; one field may have csv.field_size_limit(), 131,072


class TableError(ExpressionLensError):
    """A prediction table that cannot be read or used as asked; the sentence says where and why."""


def read_csv(
    source: str | os.PathLike[str] | IO,
    *,
    max_bytes: int | None = None,
    max_rows: int | None = None,
    faults: list[str] | None = None,
) -> tuple[pd.DataFrame, str]:
    """Read CSV in UTF-8, plain or gzip by content, from a path or file-like (bytes or text).

    With `max_bytes`, a file that is larger, or becomes so when unpacked, is refused; it is never unpacked
    further than that, for a few kilobytes can hold gigabytes. With `max_rows`, no row beyond is read.

    With `faults`, rows that are too wide and columns of the same name end nothing: a sentence on each kind is
    added to that list, and the frame is what is left without the surplus. So all that is wrong with a table
    can be told at once.

    Returns
    -------
    frame : pandas.DataFrame
        Index n for the file's line n + 2; ``split`` and ``label`` as text, only empty fields as missing.
    name : str
        What to call the source at the start of a sentence.

    Raises
    ------
    TableError
        A missing, unreadable, cut or empty file, or rows of another width than the header.
    """
    data, name = _read_bytes(source, max_bytes)
    return _parse(data, name, max_rows, faults), name


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write aside, then rename: the path holds the old file or the new one, never half of one.

    Gzip where the name ends in ``.gz``; the same frame gives the same bytes. A `TableError` if the path
    cannot be written.
    """
    path = Path(path)
    data = frame.to_csv(index=False, lineterminator="\n").encode()
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(_gzipped(data) if path.suffix == ".gz" else data)
        aside.replace(path)
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _read_bytes(source: str | os.PathLike[str] | IO, max_bytes: int | None) -> tuple[bytes, str]:
    """The unpacked content and a name for sentences."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        name = str(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise TableError(f"There is no prediction table at {path}; give the path of one.") from error
        except OSError as error:
            raise TableError(f"{path} cannot be read: {error.strerror or error}.") from error
    else:
        name = "The table"
        content = source.read()
        data = content.encode() if isinstance(content, str) else content
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(data, name, max_bytes)
    if max_bytes is not None and len(data) > max_bytes:
        raise TableError(
            f"{name} holds more than {max_bytes / 1e6:,.0f} MB of text; give a smaller part of it."
        )
    return data, name


def _unpacked(data: bytes, name: str, max_bytes: int | None) -> bytes:
    """The content of gzip bytes, or one byte more of it than the limit."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(-1 if max_bytes is None else max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{name} is a cut or damaged gzip file; fetch or write it again.") from error


def _parse(data: bytes, name: str, max_rows: int | None, faults: list[str] | None) -> pd.DataFrame:
    """CSV bytes as a frame; the index counts the data rows of the file from 0."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError(f"{name}, line {line}: not UTF-8 text; a CSV file in UTF-8 is needed.") from error
    if not text.strip():
        raise TableError(f"{name} is empty; a CSV file with a header is needed.")
    if faults is not None:
        text = _mended(text, name, max_rows, faults)
    _, header = next(_rows(text, name))
    if twice := _repeated(header):
        raise TableError(_more_than_once(name, twice[0]))
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            dtype={"split": str, "label": str},
            keep_default_na=False,  # a class may be called "None" or "NA"
            na_values=[""],
            skip_blank_lines=False,  # so that the index still tells the line
            float_precision="round_trip",
            low_memory=False,
            nrows=None if max_rows is None else max_rows + 1,
        )
    # Not ParserError alone: a number of 400 digits, say, is an OverflowError.
    except (ValueError, OverflowError) as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise TableError(f"{name} is not a CSV file: {str(error).strip()}.") from error
        raise TableError(_too_wide(name, int(found[2]) - 1, *map(int, found.group(2, 1, 3)))) from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus fields of line 2 for an index
        surplus = frame.index.nlevels
        raise TableError(_too_wide(name, 1, 2, len(header), len(header) + surplus))
    while len(frame) and frame.iloc[-1].isna().all():  # blank lines at the end
        frame = frame.iloc[:-1]
    if max_rows is not None and len(frame) > max_rows:
        raise TableError(_too_long(name, max_rows))
    return frame


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, the header first: the line that each ends on, and its fields.

    A `TableError` where a row or a field has no end in sight.
    """
    held = 0  # characters of the row that is being read

    def lines() -> Iterator[str]:
        nonlocal held
        for line in io.StringIO(text, newline=""):  # as they are, whichever way they end
            held += len(line)
            if held > LONGEST_ROW:
                raise TableError(
                    f"{name} has a row of more than {LONGEST_ROW:,} characters, ending after line "
                    f"{reader.line_num}: is a quotation mark left open?"
                )
            yield line

    reader = csv.reader(lines())
    try:
        for number, fields in enumerate(reader):
            held = 0
            if number == 0:
                _check_header(fields, name)
            yield reader.line_num, fields
    except csv.Error as error:
        raise TableError(f"{name}, line {reader.line_num}: no CSV ({error}).") from error


def _check_header(header: list[str], name: str) -> None:
    if len(header) > MOST_COLUMNS:
        raise TableError(f"{name} has {len(header):,} columns; at most {MOST_COLUMNS:,} are read.")
    if len(header) == 1 and (found := re.search("[;\t]", header[0])):
        between = "semicolons" if found[0] == ";" else "tabs"
        raise TableError(f"{name} has {between} between its columns; save it with commas.")


def _mended(text: str, name: str, max_rows: int | None, faults: list[str]) -> str:
    """The text with the fields that the header has, each column named once; tells what is wrong."""
    rows: list[list[str]] = []
    wide: list[tuple[int, int, int]] = []  # row, line, fields
    for line, fields in _rows(text, name):
        if rows and len(fields) > len(rows[0]):
            wide.append((len(rows), line, len(fields)))
        rows.append(fields)
        if max_rows is not None and len(rows) > max_rows + MOST_BLANK:
            raise TableError(_too_long(name, max_rows))
    header: list[str] = []
    taken: set[str] = set()
    again = 0
    for column in rows[0]:
        if column in taken:
            again += 1
            column = f"{column}, again ({again})"
        taken.add(column)
        header.append(column)
    faults += [_more_than_once(name, column) for column in _repeated(rows[0])]
    if wide:
        row, at, seen = wide[0]
        faults.append(_too_wide(name, row, at, len(header), seen, len(wide) - 1))
    if not again and not wide:
        return text
    out = io.StringIO()
    csv.writer(out).writerows([header, *(fields[: len(header)] for fields in rows[1:])])
    return out.getvalue()


def _repeated(header: list[str]) -> list[str]:
    """Names that stand there more than once, each once."""
    return [column for column, count in Counter(header).items() if count > 1]


def _too_long(name: str, most: int) -> str:
    return f"{name} has more than {most:,} rows; cut it into parts."


def _more_than_once(name: str, column: str) -> str:
    return f"{name} has the column '{column}' more than once."


def _too_wide(name: str, row: int, line: int, expected: int, seen: int, more: int = 0) -> str:
    also = f", and {more:,} more such row{'s' if more > 1 else ''}" if more else ""
    return (
        f"{name}, row {row} (line {line} of the file{also}): {seen} fields where the header "
        f"has {expected} columns."
    )


def _gzipped(data: bytes) -> bytes:
    # Not gzip.compress: its header differs between Python versions.
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()
