"""What is fed with broken bytes: the readers that take files from strangers, each with good files to break.

A reader may answer or raise an `ExpressionLensError`; anything else is a fault.
"""

import gzip
import io
import json
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dashboard.archive import is_archive, members
from fusion_model.errors import ExpressionLensError
from fusion_model.images import decode_image
from fusion_model.own_table import guess_roles, problems, table_of_roles
from fusion_model.rows import Rows
from fusion_model.table_file import read_csv

MOST_CSV = 2_000_000  # bytes, unpacked


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    seeds : good files, which are broken at random
    words : pieces of their format, which are put in at random
    read : takes the bytes; a fault is what it raises
    mend : makes broken bytes whole again where a checksum would end the reading at once
    """

    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    read: Callable[[bytes], None]
    mend: Callable[[bytes], bytes] = lambda data: data


def targets() -> dict[str, Callable[[], Target]]:
    """By name: what makes each, since some start a server."""
    return {"pictures": pictures, "archives": archives, "tables": tables, "http": http}


# Pictures ------------------------------------------------------------------------------------------------


def pictures() -> Target:
    """Every format that is read, in every mode that it can hold."""
    words = (b"\xff\xd9", b"\xff\xda", b"\xff\xc2", b"\xff\xe1", b"Exif\0\0II*\0", b"IHDR", b"IDAT", b"acTL",
             b"fcTL", b"iCCP", b"eXIf", b"zTXt", b"tRNS", b"PLTE", b"VP8X", b"ANMF", b"ALPH", b"!\xf9\x04",
             b"!\xff\x0b", b",\0\0\0\0", b"\x12\x01\x03\0\x01\0\0\0", b"\x69\x87\x04\0")  # fmt: skip
    return Target(tuple(picture_files()), words, _read_picture, png_checksums)


def _read_picture(data: bytes) -> None:
    with suppress(ExpressionLensError):
        rgb_HW3 = decode_image(data)
        assert rgb_HW3.dtype == np.uint8 and rgb_HW3.shape[2] == 3 and min(rgb_HW3.shape[:2]) >= 16


def picture_files() -> Iterator[bytes]:
    """Small pictures of every format and mode, still and animated, with what cameras write beside pixels."""
    draw = np.random.default_rng(1)
    colours = Image.fromarray(draw.integers(0, 256, (24, 32, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"):
        image = Image.new(mode, (32, 24), 3) if mode == "I;16" else colours.convert(mode)
        for kind, options in KINDS:
            out = io.BytesIO()
            with suppress(OSError, ValueError):
                image.save(out, kind, **options)
                yield out.getvalue()
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        out = io.BytesIO()
        colours.save(out, kind, exif=exif)
        yield out.getvalue()


KINDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("PNG", {"save_all": True, "append_images": [Image.new("RGB", (32, 24))]}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (32, 24))]}),
    ("GIF", {}),
    ("GIF", {"save_all": True, "append_images": [Image.new("RGB", (32, 24))]}),
    ("BMP", {}),
    ("TIFF", {}),
    *(("TIFF", {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "packbits", "group4", "jpeg")),
)


def png_checksums(data: bytes) -> bytes:
    """The same PNG with the checksums that its chunks should have; other bytes as they are."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, place = [data[:8]], 8
    while place + 8 <= len(data):
        (size,) = struct.unpack_from(">L", data, place)
        body = data[place + 4 : place + 8 + size]
        parts += [data[place : place + 4], body, struct.pack(">L", zlib.crc32(body))]
        place += size + 12
    return b"".join(parts)


# Archives ------------------------------------------------------------------------------------------------


def archives() -> Target:
    """ZIP archives, packed and plain, with comments, folders, odd names and a link."""
    words = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"../", b"\0",
             b"\xff\xff\xff\xff", b"\x63\0", b"\x08\0", b"\x0c\0", b"\x0e\0")  # fmt: skip
    return Target(tuple(archive_files()), words, _read_archive)


def archive_files() -> Iterator[bytes]:
    """Small archives."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            made.comment = b"a comment"
            made.writestr("a.jpg", b"first " * 40)
            made.writestr("folder/", b"")
            made.writestr("folder/ö\u202e.png", b"second " * 40)
            link = zipfile.ZipInfo("link.jpg")
            link.external_attr = 0o120777 << 16
            made.writestr(link, "/etc/passwd")
        yield out.getvalue()
        yield b"before " + out.getvalue()


def _read_archive(data: bytes) -> None:
    if not is_archive(data[:4]):
        return
    with suppress(ExpressionLensError):
        for member in members(data)[:50]:
            assert isinstance(member.name, str)
            with suppress(ExpressionLensError):
                assert len(member.read()) <= 25_000_001


# Tables --------------------------------------------------------------------------------------------------


def tables() -> Target:
    """CSV as the assistant takes it, plain and gzip, in several spellings."""
    words = (b"\0", b'"', b'""', b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"nan", b"inf", b"-inf", b"1e999",
             b"-1", b"0.5", b"cat", b"label", b"prediction", b"m_cat", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3",
             b"=1+1", b"9" * 400, b"x" * 200_000, b"\xe2\x80\xae", b"True", b"2020-01-01")  # fmt: skip
    return Target(tuple(table_files()), words, _read_table)


def table_files() -> Iterator[bytes]:
    """Small tables."""
    yield b"label,prediction,person,split,age\ncat,cat,1,a,3.5\ndog,cat,2,a,\ncat,dog,2,b,7\n"
    yield b'y_true,m_cat,m_dog,note\ncat,0.7,0.3,"a, b"\ndog,0.2,0.8,"two\nlines"\n'
    yield b"\xef\xbb\xbflabel,cat,dog\r\ncat,0.7,0.3\r\ndog,0.5,0.5\r\n"
    yield "emotion,pred\nhappy,sad\nneutral,neutral\nfröhlich,sad\n".encode()
    yield b"label;prediction\ncat;dog\ndog;cat\n"
    yield gzip.compress(b"label,prediction\ncat,dog\ndog,dog\n", mtime=0)
    yield "label,prediction\ncat,dog\n".encode("utf-16")
    yield b"0,1\n0,1\n1,0\n"


def _read_table(data: bytes) -> None:
    faults: list[str] = []
    with suppress(ExpressionLensError):
        frame, _ = read_csv(io.BytesIO(data), max_bytes=MOST_CSV, max_rows=1000, faults=faults)
        roles = guess_roles(frame)
        if not faults and not problems(frame, roles):
            Rows.of(table_of_roles(frame, roles))
        for column in frame.columns[:20]:
            guess_roles(frame, str(column))


# HTTP ----------------------------------------------------------------------------------------------------


def http() -> Target:
    """The HTTP interface, over real connections, with a stand-in for the models."""
    from serving import PREDICT_PATH, serve_forever

    port = serve_forever()
    words = (b"\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n",
             b"Host: evil.example\r\n", b"--frontier--\r\n", b"filename*=utf-8''a%00", b"%ff", b"?models=",
             b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"HEAD ", b"OPTIONS ",
             b"; boundary=", b"\0", b"X: " + b"y" * 70_000 + b"\r\n")  # fmt: skip
    picture = next(picture_files())
    requests = []
    for kind, body in (
        ("image/png", picture),
        ("multipart/form-data; boundary=frontier", form(picture)),
        ("application/x-www-form-urlencoded", b"a=b"),
    ):
        head = (
            f"POST {PREDICT_PATH}?models=cnn HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
        )
        requests.append(head.encode() + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(picture), picture)
    head = f"POST {PREDICT_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    requests.append(head.encode() + chunked)
    requests.append(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())

    def read(data: bytes) -> None:
        _speak(port, data)

    return Target(tuple(requests), words, read)


def form(data: bytes) -> bytes:
    """A multipart form with one file."""
    lines = (
        b'--frontier\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
    )
    return lines + data + b"\r\n--frontier--\r\n"


def _speak(port: int, data: bytes) -> None:
    """Send it all, say that there is no more, and read until the server hangs up."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        with suppress(OSError):  # it may hang up before it has heard all
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := wire.recv(65536):
                answer += piece
    for start in [answer[:12], *(b"HTTP/1.1 500" for _ in range(answer.count(b"HTTP/1.1 500")))]:
        assert not start.startswith(b"HTTP/1.1 5") or start == b"HTTP/1.1 503", answer[:400]
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"application/json" in head and body and body.count(b"HTTP/1.1") == 0:
        json.loads(body)
