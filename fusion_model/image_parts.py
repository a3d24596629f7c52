"""Picture files made of so many parts that counting them would stall a decoder: told before one is started.

Pixels are bounded by the header, but a file of a few megabytes can hold millions of empty parts, or ask for
the same pixels hundreds of times over. A decoder follows each of them. Here they are only stepped over, and
no further than the bounds.

References
----------
ITU-T T.81 (JPEG), annex B: markers and segments. W3C, "Portable Network Graphics", section 5: chunks.
"Windows bitmap", BITMAPINFOHEADER: biCompression.
"""

import re
import struct

MOST_PARTS = 20_000  # segments of a JPEG, chunks of a PNG: a file of 25 MB from a program has some thousand
MOST_FILLING = 100_000  # bytes between the segments of a JPEG; programs write none
#: Pixels times scans of a JPEG: 33 scans of the largest picture, and a progressive one has ten.
MOST_SCANNED = 2_000_000_000

# A marker, but none that stands inside of a scan: stuffed zeros and restarts.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE, _ALONE = 0xDA, 0xD9, (0x01, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # segments that tell height and width
_PNG_START = b"\x89PNG\r\n\x1a\n"
_BMP_COMPRESSION = 30  # its place in the file
_RUN_LENGTHS = (1, 2)  # BI_RLE8, BI_RLE4


def has_too_many_parts(data: bytes) -> bool:
    """Whether the decoder of this file, of any format, would be kept busy by its parts, not by its pixels."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(_PNG_START):
        return _png(data)
    # Pillow follows a bitmap's run lengths in Python, a microsecond a run; hardly any program writes them.
    return data.startswith(b"BM") and data[_BMP_COMPRESSION : _BMP_COMPRESSION + 4] in [
        struct.pack("<L", kind) for kind in _RUN_LENGTHS
    ]


def _jpeg(data: bytes) -> bool:
    place, filling, scans, pixels = 2, 0, 0, 0
    for _ in range(MOST_PARTS):
        found = _MARKER.search(data, place)
        if found is None:
            return not scans and len(data) - place > MOST_FILLING
        kind = found[1][0]
        if not scans:  # in a scan, what lies before a marker is its pixels
            filling += found.start() - place
        scans += kind == _START_OF_SCAN
        if filling > MOST_FILLING or scans * pixels > MOST_SCANNED:
            return True
        place = found.end()
        if kind == _END_OF_IMAGE or len(data) < place + 7:
            return False
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 3)
            pixels = max(pixels, height * width)
        if kind not in _ALONE:
            place += max(2, struct.unpack_from(">H", data, place)[0])
    return True


def _png(data: bytes) -> bool:
    place = len(_PNG_START)
    for _ in range(MOST_PARTS):
        if len(data) < place + 8:
            return False
        place += struct.unpack_from(">L", data, place)[0] + 12
    return True
