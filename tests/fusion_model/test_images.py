"""Pictures of every kind, good and bad, made here from scratch."""

import contextlib
import io
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fusion_model.errors import ExpressionLensError
from fusion_model.images import (
    STRIP_ROWS,
    DamagedImageError,
    EmptyImageError,
    ImageError,
    ImageLimits,
    NotAnImageError,
    TooManyBytesError,
    TooManyPixelsError,
    TooSmallImageError,
    UnsupportedFormatError,
    decode_image,
    read_image,
)

WIDTH, HEIGHT = 40, 24


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners() -> Image.Image:
    """Red in the upper left quarter, blue in the lower right one, grey between."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (255, 0, 0)
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = (0, 0, 255)
    return Image.fromarray(pixels)


def noise(mode: str = "RGB", side: int = 64) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def is_red(pixel: np.ndarray) -> bool:
    return bool(pixel[0] > 200 and pixel[1] < 80 and pixel[2] < 80)


def is_blue(pixel: np.ndarray) -> bool:
    return bool(pixel[2] > 200 and pixel[0] < 80 and pixel[1] < 80)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    rgb = decode_image(encode(noise(), kind))
    np.testing.assert_array_equal(rgb, np.asarray(noise()))
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_keep_the_picture(kind: str) -> None:
    rgb = decode_image(encode(corners(), kind))
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert is_red(rgb[4, 4])
    assert is_blue(rgb[-4, -4])


def pictures_of_every_mode() -> Iterator[tuple[str, str, bytes]]:
    """Each mode in each format that can hold it."""
    for mode in ("1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "I", "I;16", "F"):
        image = Image.new(mode, (20, 20)) if mode == "I;16" else noise("RGB", 20).convert(mode)
        for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
            with contextlib.suppress(OSError, ValueError):
                yield mode, kind, encode(image, kind)


def test_every_mode_a_format_can_hold_becomes_rgb() -> None:
    read = {(mode, kind): decode_image(data) for mode, kind, data in pictures_of_every_mode()}
    assert len(read) > 40
    assert {rgb.shape for rgb in read.values()} == {(20, 20, 3)}


def test_colours_that_cannot_be_converted_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(image: Image.Image, mode: str) -> Image.Image:
        raise ValueError(f"conversion from {image.mode} to {mode} not supported")

    data = encode(noise("CMYK"), "TIFF")
    monkeypatch.setattr(Image.Image, "convert", refuse)
    expect(UnsupportedFormatError, data, "CMYK", "JPEG")


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    rgb = decode_image(encode(Image.fromarray(ramp)))
    assert np.abs(rgb[..., 0].astype(int) - ramp / 257.0).max() <= 1
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])


@pytest.mark.parametrize(("full", "dtype"), [(1.0, np.float32), (255, np.float32), (65535, np.int32)])
def test_float_and_integer_tiffs_are_scaled(full: float, dtype: type) -> None:
    ramp = np.linspace(0, full, 32 * 32).astype(dtype).reshape(32, 32)
    rgb = decode_image(encode(Image.fromarray(ramp), "TIFF"))
    assert np.abs(rgb[..., 1].astype(int) - ramp * (255.0 / full)).max() <= 1


def test_sixteen_bit_colour_png_becomes_eight_bits() -> None:
    rows = b"".join(b"\x00" + struct.pack(">HHH", 0xFFFF, 0x8000, 0) * 20 for _ in range(20))
    rgb = decode_image(png_bytes(20, 20, bits=16, data=zlib.compress(rows)))
    assert rgb[0, 0].tolist() == [255, 128, 0]


def test_cmyk_jpeg() -> None:
    rgb = decode_image(encode(corners().convert("CMYK"), "JPEG"))
    assert is_red(rgb[4, 4])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(mode: str, kind: str) -> None:
    image = Image.new(mode, (20, 20), 0)
    assert decode_image(encode(image, kind)).min() == 255


def test_half_transparency_is_mixed_with_white() -> None:
    rgb = decode_image(encode(Image.new("RGBA", (20, 20), (0, 0, 0, 128))))
    assert np.unique(rgb).tolist() == [127]


def test_palette_transparency_is_laid_on_white() -> None:
    image = Image.new("P", (20, 20), 3)
    image.putpalette([10] * 768)
    assert decode_image(encode(image, transparency=3)).min() == 255
    assert decode_image(encode(image)).max() == 10


def test_the_first_frame_of_an_animation_is_taken() -> None:
    red, blue = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    for kind in ("GIF", "WEBP", "PNG"):
        rgb = decode_image(encode(red, kind, save_all=True, append_images=[blue]))
        assert is_red(rgb[5, 5])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_the_camera_is_applied(orientation: int, kind: str) -> None:
    # Stored so that the given tag turns it back: the inverse of each turn.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners() if orientation == 1 else corners().transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decode_image(encode(stored, kind, exif=exif))
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert is_red(rgb[4, 4])
    assert is_blue(rgb[-4, -4])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert is_red(decode_image(encode(corners(), "JPEG", exif=exif))[4, 4])


@pytest.mark.parametrize(
    "exif", [b"Exif\x00\x00", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00junk" * 9]
)
def test_broken_exif_is_no_reason_to_refuse(exif: bytes) -> None:
    assert is_red(decode_image(encode(corners(), "JPEG", exif=exif))[4, 4])


def expect(error: type[ImageError], data: bytes, *words: str, limits: ImageLimits | None = None) -> None:
    with pytest.raises(error) as caught:
        decode_image(data, limits or ImageLimits())
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert isinstance(caught.value, ExpressionLensError)
    for word in words:
        assert word in sentence


def test_empty() -> None:
    expect(EmptyImageError, b"", "empty")


@pytest.mark.parametrize("data", [b"hello", b"\x00" * 5000, b"<p>no", bytes(range(256)), b"{}"])
def test_not_a_picture(data: bytes) -> None:
    expect(NotAnImageError, data, "not a picture")


def test_a_web_page() -> None:
    expect(NotAnImageError, b"\n<!DOCTYPE html><html><img src=x></html>", "web page")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_truncated(kind: str, share: float) -> None:
    data = encode(noise(), kind)
    expect(DamagedImageError, data[: max(6, int(len(data) * share))], "damaged")


def test_broken_pixels() -> None:
    expect(DamagedImageError, png_bytes(32, 32, data=b"not zlib at all"), "damaged")


def test_too_many_bytes() -> None:
    data = encode(noise())
    expect(TooManyBytesError, data, "0.001 MB", limits=ImageLimits(max_bytes=1000))
    assert decode_image(data, ImageLimits(max_bytes=len(data))).shape == (64, 64, 3)
    expect(TooManyBytesError, data, limits=ImageLimits(max_bytes=len(data) - 1))


def test_a_stream_is_never_read_past_the_limit() -> None:
    stream = io.BytesIO(encode(noise()) + b"\x00" * 100_000)
    with pytest.raises(TooManyBytesError):
        read_image(stream, ImageLimits(max_bytes=15_000))
    assert stream.tell() == 15_001
    stream.seek(0)
    assert read_image(stream).shape == (64, 64, 3)


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2_000_000_000])
def test_too_many_pixels_is_told_from_the_header(side: int) -> None:
    # There are no pixels in the file: a decoder that was started would say "damaged".
    expect(TooManyPixelsError, png_bytes(side, side, data=b""), "pixels", "smaller")


def test_the_limit_of_pixels_itself_is_allowed() -> None:
    data = encode(noise())
    assert decode_image(data, ImageLimits(max_pixels=64 * 64)).shape == (64, 64, 3)
    expect(TooManyPixelsError, data, "64 x 64", limits=ImageLimits(max_pixels=64 * 64 - 1))


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_too_small(size: tuple[int, int]) -> None:
    expect(TooSmallImageError, encode(Image.new("RGB", size)), f"{size[0]} x {size[1]}")


@pytest.mark.parametrize(
    ("word", "data"),
    [
        ("HEIC", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"),
        ("HEIC", b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00"),
        ("AVIF", b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00"),
        ("video", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00"),
        ("video", b"\x1aE\xdf\xa3\x01\x00\x00\x00"),
        ("video", b"RIFF\x00\x00\x00\x00AVI LIST"),
        ("SVG", b'<?xml version="1.0"?>\n<!-- drawn --><svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("SVG", b'\xef\xbb\xbf <svg width="9">'),
        ("PDF", b"%PDF-1.7\n"),
        ("Photoshop", b"8BPS\x00\x01"),
        ("ZIP", b"PK\x03\x04\x14\x00"),
        ("JPEG XL", b"\xff\x0a\xfa\x1f"),
        ("JPEG 2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    ],
)
def test_other_kinds_of_files_are_named(word: str, data: bytes) -> None:
    expect(UnsupportedFormatError, data + b"\x00" * 64, word)


@pytest.mark.parametrize("field", ["max_bytes", "max_pixels", "min_side"])
def test_limits_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ImageLimits(**{field: 0})


@settings(max_examples=150)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]),
    edits=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_whatever_the_bytes_only_named_errors_come(kind: str, edits: list[tuple[int, int]]) -> None:
    data = bytearray(encode(noise("RGB", 24), kind))
    for position, value in edits:
        data[position % len(data)] = value
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        try:
            rgb = decode_image(bytes(data), ImageLimits(max_pixels=100_000))
        except ImageError:
            pass
        else:
            assert rgb.shape[2] == 3
    assert leaked == []


def test_threads_leave_the_warning_filters_alone() -> None:
    data = encode(noise("RGB", 200), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        shapes = {rgb.shape for rgb in pool.map(decode_image, [data] * 20)}
    assert shapes == {(200, 200, 3)}
    assert list(warnings.filters) == before


def png_bytes(width: int, height: int, data: bytes, bits: int = 8) -> bytes:
    """Write a PNG by hand, so that its header can promise what its pixels do not keep."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("height", [STRIP_ROWS - 1, STRIP_ROWS, 2 * STRIP_ROWS + 7])
def test_pixels_pass_the_borders_of_strips_unchanged(height):
    pixels_HWC = np.random.default_rng(height).integers(0, 256, (height, 40, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels_HWC).save(out, "PNG")
    read_HWC = decode_image(out.getvalue())
    assert np.array_equal(read_HWC, pixels_HWC)
    assert read_HWC.flags.c_contiguous and read_HWC.flags.writeable


def segment(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def many_parts() -> Iterator[Any]:
    """Files of many parts, each of which a decoder would follow for seconds."""
    jpeg, png = encode(noise(), "JPEG"), png_bytes(64, 64, data=zlib.compress(bytes(193 * 64)))
    empty = struct.pack(">I", 0) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    yield pytest.param(jpeg[:2] + segment(0xFE) * 30_000 + jpeg[2:], id="comments")
    yield pytest.param(jpeg[:2] + b"\xff" * 200_000 + jpeg[2:], id="filling")
    yield pytest.param(jpeg[:2] + bytes(200_000) + jpeg[2:], id="junk")
    yield pytest.param(jpeg[:2] + bytes(200_000), id="nothing but junk")
    yield pytest.param(png[:33] + empty * 30_000 + png[33:], id="chunks")
    scan = segment(0xDA, bytes(10)) + b"\x00"
    frame = segment(0xC2, struct.pack(">BHHB", 8, 7000, 7000, 3) + bytes(9))
    yield pytest.param(b"\xff\xd8" + frame + scan * 60 + b"\xff\xd9", id="scans")
    yield pytest.param(bitmap(1), id="run lengths")


def bitmap(compression: int) -> bytes:
    """A BMP of 16 x 16 pixels, 8 bits each, that tells this compression."""
    head = struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 8, compression, 256, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1334, 0, 0, 1078) + head + bytes(1024) + bytes(256)


@pytest.mark.parametrize("data", list(many_parts()))
def test_a_picture_of_too_many_parts_is_refused_before_a_decoder_sees_it(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", None)
    expect(UnsupportedFormatError, data, "rare way", "JPEG or PNG")


def test_pictures_of_common_parts_are_none_of_those() -> None:
    """Progressive, with profile, thumbnail, restarts and what phones append."""
    thumbnail = encode(corners(), "JPEG")
    exif = Image.Exif()
    exif[0x010E] = "words " * 2000
    data = encode(
        noise(side=400), "JPEG", progressive=True, icc_profile=bytes(300_000), exif=exif, quality=99,
        restart_marker_rows=1, comment=thumbnail,
    )  # fmt: skip
    assert decode_image(data + b"\xff\xda" * 100_000).shape == (400, 400, 3)
    assert decode_image(bitmap(0)).shape == (16, 16, 3)


def test_what_cameras_write_beside_the_pixels_is_left_behind() -> None:
    """Place, thumbnail and maker of the camera are in the file, and not in what is made of it."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    exif[0x010F] = "MAKER-OF-THE-CAMERA"
    thumbnail = encode(Image.new("RGB", (160, 120), "red"), "JPEG")
    marked = exif.tobytes() + thumbnail
    rgb = decode_image(encode(noise(), "JPEG", exif=marked, quality=95))
    assert type(rgb) is np.ndarray and rgb.shape == (64, 64, 3)
    again = encode(Image.fromarray(rgb), "JPEG")
    assert b"MAKER" not in again and b"Exif" not in again and again.count(b"\xff\xd8") == 1


@pytest.mark.parametrize(
    ("first", "second"), [("JPEG", b"PK\x03\x04 and a ZIP"), ("PNG", b"<script>alert(1)</script>"),
                          ("GIF", b"/*<html>*/"), ("BMP", b"%PDF-1.7")],
)  # fmt: skip
def test_a_polyglot_is_the_picture_and_nothing_else(first: str, second: bytes) -> None:
    rgb = decode_image(encode(corners(), first) + second)
    assert rgb.shape == (HEIGHT, WIDTH, 3) and is_red(rgb[4, 4])
    assert second[:6] not in encode(Image.fromarray(rgb), "JPEG")


def test_the_name_says_nothing_of_the_kind() -> None:
    """`decode_image` is never told a name: text called .jpg is no picture, a picture called .txt is one."""
    expect(NotAnImageError, b"words in photo.jpg " * 50, "not a picture")
    expect(UnsupportedFormatError, b"PK\x03\x04" + encode(corners()), "ZIP")


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "I;16"), ("PNG", "1"), ("WEBP", "RGB")])
def test_a_hundred_megapixels_are_refused_in_any_dress(kind: str, mode: str) -> None:
    size = (16_000, 6_250) if kind == "WEBP" else (10_000, 10_000)
    data = encode(Image.new("1", size), "PNG") if mode == "1" else None
    if data is None:
        side = Image.new(mode, (20, 20))
        data = resized_header(
            encode(side, kind, **({"lossless": False} if kind == "WEBP" else {})), kind, size
        )
    expect(TooManyPixelsError, data, "60 million")


def resized_header(data: bytes, kind: str, size: tuple[int, int]) -> bytes:
    """The file with another size in its header."""
    if kind == "WEBP":  # VP8, "VP8 data format", section 9.1: 14 bits each, after the start code
        place = data.index(b"\x9d\x01\x2a") + 3
        return data[:place] + struct.pack("<HH", *size) + data[place + 4 :]
    header = b"IHDR" + struct.pack(">II", *size) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def test_tags_that_share_their_bytes_are_not_multiplied() -> None:
    """A hundred tags of a TIFF, each of the same 2 MB: read one by one they would be 200."""
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, 64), (279, 4, 1, 4096)]  # fmt: skip
    tags += [(40_000 + number, 1, 2_000_000, 8) for number in range(100)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    data = b"II*\x00" + struct.pack("<I", 2_000_008) + bytes(2_000_000) + directory
    tracemalloc.start()
    try:
        assert decode_image(data).shape == (64, 64, 3)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
