"""Pictures to try, all made in memory from the one portrait that comes with the program."""

from io import BytesIO

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

GROUP_COLUMNS, GROUP_ROWS = 6, 5
CELL = 250  # px
# The portrait's head with some air, as shares of its sides.
HEAD = (0.19, 0.0, 0.69, 0.5)
JPEG_QUALITY = 90


def group(portrait: bytes) -> bytes:
    """Thirty faces in one picture: the portrait's head, some of them mirrored, tilted, darker, or smaller."""
    head = _head(_open(portrait))
    sheet = Image.new("RGB", (GROUP_COLUMNS * CELL, GROUP_ROWS * CELL), (58, 66, 82))
    for place in range(GROUP_COLUMNS * GROUP_ROWS):
        row, column = divmod(place, GROUP_COLUMNS)
        side = CELL - 10 - 9 * (place % 4)
        cell = head.resize((side, side), Image.Resampling.LANCZOS)
        if place % 3 == 1:
            cell = ImageOps.mirror(cell)
        cell = cell.rotate((place * 7) % 19 - 9, Image.Resampling.BICUBIC, fillcolor=(58, 66, 82))
        cell = ImageEnhance.Brightness(cell).enhance(1.0 - 0.12 * (place % 5))
        sheet.paste(cell, (column * CELL + (CELL - side) // 2, row * CELL + (CELL - side) // 2))
    return _jpeg(sheet)


def seven_ways(portrait: bytes) -> list[tuple[str, bytes]]:
    """The portrait as it is and in six ways that make it harder to read, as (file name, JPEG)."""
    plain = _open(portrait)
    small = plain.resize((plain.width // 5, plain.height // 5), Image.Resampling.LANCZOS)
    ways = {
        "as it is": plain,
        "mirrored": ImageOps.mirror(plain),
        "dark": ImageEnhance.Brightness(plain).enhance(0.07),
        "blurred": plain.filter(ImageFilter.GaussianBlur(plain.width / 90)),
        "small": small,
        "tilted": plain.rotate(35, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)),
        "half covered": _covered(plain),
    }
    return [(f"portrait, {way}.jpg", _jpeg(picture)) for way, picture in ways.items()]


def _covered(portrait: Image.Image) -> Image.Image:
    """The lower half of the face behind grey."""
    covered = portrait.copy()
    width, height = covered.size
    covered.paste(
        (120, 120, 120), (round(0.3 * width), round(0.25 * height), round(0.6 * width), height // 2)
    )
    return covered


def _head(portrait: Image.Image) -> Image.Image:
    left, top, right, bottom = HEAD
    width, height = portrait.size
    return portrait.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def _open(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()
