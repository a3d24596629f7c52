"""Bytes of a picture file -> RGB pixels, with limits, and a sentence for everything that can be wrong.

Shape suffixes: H height, W width of the picture, upright, in pixels; 3 the channels R, G, B.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from fusion_model.errors import ExpressionLensError
from fusion_model.image_parts import has_too_many_parts

# Decoders that may be fed bytes from strangers; every other decoder of Pillow stays switched off.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

# How files of those formats begin: tells a damaged picture from a file that never was one.
_SUPPORTED_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")

# What people drop by mistake: (offset, bytes there, what it is, what to do).
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_EXPORT = "open it in a picture program and save it as JPEG or PNG"
_UNSUPPORTED_STARTS = (
    (4, b"ftypavif", "an AVIF picture", _EXPORT),
    (4, b"ftypavis", "an AVIF picture", _EXPORT),
    *((4, b"ftyp" + brand, "a HEIC picture (the iPhone's format)", _EXPORT) for brand in _HEIC_BRANDS),
    (4, b"ftyp", "a video", "take a still picture from it and use that"),
    (8, b"AVI ", "a video", "take a still picture from it and use that"),
    (0, b"\x1aE\xdf\xa3", "a video", "take a still picture from it and use that"),
    (0, b"\xff\x0a", "a JPEG XL picture", _EXPORT),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture", _EXPORT),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", _EXPORT),
    (0, b"%PDF", "a PDF document", "export the page as JPEG or PNG"),
    (0, b"8BPS", "a Photoshop document", _EXPORT),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it and use the pictures in it"),
)

# EXIF tag 0x0112 (Exif 2.32, section 4.6.4 A): what turns the stored picture upright.
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

STRIP_ROWS = 64

_quiet_lock = threading.Lock()


class ImageError(ExpressionLensError):
    """A picture that cannot be used."""


class EmptyImageError(ImageError):
    """No bytes at all."""


class TooManyBytesError(ImageError):
    """The file is larger than the limit."""


class NotAnImageError(ImageError):
    """The bytes are no picture of any known kind."""


class UnsupportedFormatError(ImageError):
    """A known kind of file, but none that is read here."""


class DamagedImageError(ImageError):
    """Begins like a picture, but is cut or broken."""


class TooManyPixelsError(ImageError):
    """More pixels than the limit, by the file's own header."""


class TooSmallImageError(ImageError):
    """So small that no face can be seen in it."""


@dataclass(frozen=True)
class ImageLimits:
    """What a picture may measure.

    Attributes
    ----------
    max_bytes : int
        Largest file, bytes.
    max_pixels : int
        Most pixels (width times height), checked on the header before anything is decoded.
    min_side : int
        Shortest width and height, pixels.
    """

    max_bytes: int = 25_000_000
    max_pixels: int = 60_000_000
    min_side: int = 16

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_pixels, self.min_side) < 1:
            raise ValueError("every limit of ImageLimits must be at least 1")


DEFAULT_LIMITS = ImageLimits()


def read_image(stream: BinaryIO, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """Read one picture from a binary stream without ever holding more than the limit of bytes.

    Parameters
    ----------
    stream : BinaryIO
        An open file or standard input; read from where it stands.
    limits : ImageLimits
        What the picture may measure.

    Returns
    -------
    np.ndarray
        As `decode_image`.

    Raises
    ------
    ImageError
        As `decode_image`.
    """
    return decode_image(stream.read(limits.max_bytes + 1), limits)


def decode_image(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """Decode a picture into upright RGB pixels.

    The format is told by the content, never by a name: JPEG, PNG, WebP, GIF, BMP, TIFF. Of an animation
    the first frame is taken, transparency is laid on white, 16 bits become 8, and grey, palette and CMYK
    become RGB. The orientation written by the camera (EXIF) is applied.

    Parameters
    ----------
    data : bytes
        The whole file.
    limits : ImageLimits
        What the picture may measure.

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8, RGB, C-contiguous and writable.

    Raises
    ------
    ImageError
        The subclass names what is wrong; its text is a sentence for the user.
    """
    if not data:
        raise EmptyImageError("The file is empty; choose a picture (JPEG, PNG or WebP).")
    if len(data) > limits.max_bytes:
        raise TooManyBytesError(
            f"The file is larger than {_megabytes(limits.max_bytes)}; save the picture smaller and try again."
        )
    _refuse_known_others(data)
    if has_too_many_parts(data):
        raise UnsupportedFormatError(f"The picture is put together in a rare way; {_EXPORT}.")
    with _quiet_pillow():
        image = _open(data)
        _check_size(image.size, limits)
        image = _load(image)
        # A few formats tell their true size only with the pixels, so look once more.
        _check_size(image.size, limits)
        return _pixels(_to_rgb(_upright(image)))


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Swallow Pillow's warnings (corrupt EXIF, bomb size): what matters in them is an error of ours.

    `warnings.catch_warnings` swaps a list of the whole process, so two threads in it at once could leave
    it swapped for ever: the lock lets in one at a time. Decoding takes milliseconds for common pictures.
    """
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refuse_known_others(data: bytes) -> None:
    for offset, start, what, advice in _UNSUPPORTED_STARTS:
        if data.startswith(start, offset):
            raise UnsupportedFormatError(f"This is {what}, which cannot be read here; {advice}.")
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in data[:4096].lower():
        raise UnsupportedFormatError("This is an SVG drawing, which cannot be read here; export it as PNG.")
    if head.startswith((b"<!doctype html", b"<html")):
        raise NotAnImageError("This is a web page, not a picture; save the picture itself and use that.")


def _open(data: bytes) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        if data.startswith(_SUPPORTED_STARTS) or data[8:12] == b"WEBP":
            raise _damaged() from error
        raise NotAnImageError("This file is not a picture; choose a JPEG, PNG or WebP file.") from error
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(
            "The picture has far too many pixels; save it smaller and try again."
        ) from error
    # Fed hostile bytes, the parsers raise nearly anything (OSError, SyntaxError, struct.error, ...).
    except Exception as error:
        raise _damaged() from error


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise TooManyPixelsError(
            f"The picture has {width} x {height} pixels, more than {limits.max_pixels / 1e6:g} million; "
            "save it smaller and try again."
        )
    if min(width, height) < limits.min_side:
        raise TooSmallImageError(
            f"The picture has only {width} x {height} pixels; "
            f"it needs at least {limits.min_side} on each side, and a face about 48."
        )


def _load(image: Image.Image) -> Image.Image:
    """Decode the pixels of the first frame."""
    try:
        image.load()
    # As in `_open`: whatever a decoder raises, to the user the file is damaged.
    except Exception as error:
        raise _damaged() from error
    return image


def _damaged() -> DamagedImageError:
    return DamagedImageError("The picture is damaged or was cut short; download or export it again.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    # A broken EXIF block is no reason to refuse a picture whose pixels are fine.
    except Exception:
        orientation = 1
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow -> RGB, transparency on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_grey_to_rgb(image)
    try:
        if image.mode in ("La", "RGBa"):
            image = image.convert(image.mode[:-1] + "A")
        if image.has_transparency_data:
            picture = image if image.mode == "RGBA" else image.convert("RGBA")
            white = Image.new("RGB", picture.size, "white")
            white.paste(picture, mask=picture)  # half the memory of alpha_composite
            return white
        # A conversion copies, even where there is nothing to convert.
        return image if image.mode == "RGB" else image.convert("RGB")
    except (ValueError, OSError) as error:
        raise UnsupportedFormatError(
            f"The picture keeps its colours in a rare way ({image.mode}); {_EXPORT}."
        ) from error


def _pixels(image: Image.Image) -> np.ndarray:
    """The pixels as an array, in strips: of a large picture, in a third of the time that it takes at once.

    Pillow passes pixels on in a bytes object, whose fresh memory costs more than the copying.
    """
    pixels_HWC = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        pixels_HWC[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels_HWC


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit or float grey to 8 bits; Pillow's own conversion would clip it to white."""
    grey_HW = np.array(image, dtype=np.float32)
    if image.mode == "F":
        np.nan_to_num(grey_HW, copy=False, posinf=0.0, neginf=0.0)
    peak = float(grey_HW.max(initial=0.0))
    # Sixteen bits are full scale by their format; for I and F the values themselves tell the scale.
    if image.mode == "F" and peak <= 1.0:
        full = 1.0
    elif image.mode in ("I", "F") and peak <= 255.0:
        full = 255.0
    else:
        full = max(65535.0, peak)
    # In place: such a picture takes 240 MB as it is.
    grey_HW *= 255.0 / full
    grey_HW += 0.5
    np.clip(grey_HW, 0, 255, out=grey_HW)
    return Image.fromarray(grey_HW.astype(np.uint8)).convert("RGB")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"
