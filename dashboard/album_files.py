"""What can be taken from the album: a picture with its boxes drawn, JSON as on the command line, CSV."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from dashboard.album import AlbumFace, Picture, Trouble, leading_model
from dashboard.cells import cell
from dashboard.theme import expression_colour
from fusion_model.records import picture_record
from fusion_model.trust import known_trust

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from dashboard.state import Answer

FACE_COLUMNS = ("file", "face", "x", "y", "width", "height", "landmarks_found", "warnings")
SMALLEST_TEXT, LARGEST_TEXT = 11, 26  # px
TAG = "#1D1B24"


def annotated(answer: "Answer") -> bytes:
    """The picture as it is kept for the page, with boxes, numbers and what each face looks like, as JPEG.

    Pixels only: what the file said of camera, time and place was left behind when it was read.
    """
    with Image.open(BytesIO(answer.jpeg)) as opened:
        picture = opened.convert("RGB")
    scale = picture.width / answer.prediction.width
    draw = ImageDraw.Draw(picture)
    # The smallest last: its tag lies over the others'.
    for number, face in enumerate(answer.prediction.faces, start=1):
        x, y, w, h = (side * scale for side in face.box)
        given = face.models[leading_model(face)]
        colour = expression_colour(given.label)
        width = max(2, round(w / 60))
        draw.rectangle((x, y, x + w, y + h), outline="#000000", width=width + 2)
        draw.rectangle((x + 1, y + 1, x + w - 1, y + h - 1), outline=colour, width=width)
        font = ImageFont.load_default(min(max(w / 8, SMALLEST_TEXT), LARGEST_TEXT))
        text = f"{number} {given.label} {given.probabilities[given.label] * 100:.0f} %"
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        # A tag of a face at an edge goes inside the picture.
        tag_x = min(max(x, 0), max(picture.width - (right - left) - 8, 0))
        tag_y = max(y - (bottom - top) - 8, 0)
        draw.rectangle((tag_x, tag_y, tag_x + right - left + 8, tag_y + bottom - top + 8), fill=TAG)
        draw.text((tag_x + 4 - left, tag_y + 4 - top), text, fill="#FFFFFF", font=font)
    out = BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def json_lines(pictures: Iterable[Picture], troubles: Iterable[Trouble] = ()) -> str:
    """One JSON object a line, in the very shape of ``python -m fusion_model --json``."""
    records = [picture_record(picture.name, picture.answer.prediction) for picture in pictures]
    records += [picture_record(trouble.name, error=trouble.sentence) for trouble in troubles]
    return "".join(json.dumps(record) + "\n" for record in records)


def as_csv(faces: Sequence[AlbumFace]) -> str:
    """One row a face: file, number, box, what lowers trust, and each model's label and probabilities.

    A file whose name a spreadsheet would run as a formula gets a ' before it.
    """
    classes: dict[str, dict[str, None]] = {}
    for item in faces:
        for model, answer in item.face.models.items():
            classes.setdefault(model, {}).update(dict.fromkeys(answer.probabilities))
    head = [
        name
        for model, labels in classes.items()
        for name in (model, *(f"{model}_{label}" for label in labels))
    ]
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*FACE_COLUMNS, *head])
    for item in faces:
        doubts = known_trust().doubts(item.face.measures, mesh_found=item.face.landmarks_found)
        cells: list[object] = [cell(item.picture.name), item.index + 1]
        cells += [*item.face.box, int(item.face.landmarks_found), "; ".join(doubt.kind for doubt in doubts)]
        for model, labels in classes.items():
            given = item.face.models.get(model)
            cells.append(given.label if given else "")
            shares = [given.probabilities.get(label) if given else None for label in labels]
            cells += ["" if share is None else f"{share:.6f}" for share in shares]
        writer.writerow(cells)
    return out.getvalue()
