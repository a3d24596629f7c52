"""All faces of a group photo beside each other: a click chooses one, a table tells them all."""

from html import escape
from io import BytesIO
from typing import Any

import panel as pn
from PIL import Image

from dashboard import sure, wording
from dashboard.album import AlbumFace, Picture, album_faces
from dashboard.charts import percent
from dashboard.state import LookState
from dashboard.tables import html_table
from dashboard.theme import expression_colour
from dashboard.views.parts import column, folded, html
from dashboard.views.thumbs import Thumb, thumb_grid, thumb_html
from dashboard.worker import jpeg_bytes
from fusion_model.trust import known_trust

FEWEST = 3  # faces; with two, the arrows beside the face are enough
CELL, SIDE = 88, 112  # px: of a cell on the page, and of its picture
AIR = 0.15  # around the face, as a share of its box


class FaceSheet(pn.viewable.Viewer):
    """A grid of the picture's faces and the table of all; hidden for a few faces."""

    def __init__(self, look: LookState) -> None:
        super().__init__()
        self._look = look
        self._thumbs: list[Thumb] = []
        self._layout = column(gap=10)
        look.param.watch(self._draw, "answer")
        look.param.watch(self._mark, "selected")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _draw(self, *_: Any) -> None:
        self._thumbs = []
        answer = self._look.answer
        if answer is None or len(answer.prediction.faces) < FEWEST:
            self._layout[:] = []
            return
        faces = album_faces([Picture(1, "", answer)])
        pictures = face_jpegs(faces)
        self._thumbs = [self._thumb(face, jpeg) for face, jpeg in zip(faces, pictures, strict=True)]
        grid = thumb_grid(CELL, *self._thumbs)
        self._layout[:] = [
            html('<p class="quiet">All faces of the picture; choose one.</p>'),
            grid,
            html(_table(faces)),
        ]
        self._mark()

    def _thumb(self, item: AlbumFace, jpeg: bytes) -> Thumb:
        dot = f'<span class="dot" style="background:{expression_colour(item.label)}"></span>'
        number = f'<b class="num">{item.index + 1}</b> {dot}{escape(item.label)}'
        lines = [number, f'<span class="quiet num">{percent(item.confidence)}</span>']
        return Thumb(
            lambda chosen: thumb_html(jpeg, lines, chosen=chosen, kind="face"),
            f"Face {item.index + 1}: {item.label}, {percent(item.confidence)}",
            lambda: self._look.select(item.index),
        )

    def _mark(self, *_: Any) -> None:
        for index, thumb in enumerate(self._thumbs):
            thumb.mark(index == self._look.selected)


def face_jpegs(faces: list[AlbumFace]) -> list[bytes]:
    """A small JPEG of each of these faces of one picture, cut from the picture as it is kept for the page."""
    answer = faces[0].picture.answer
    with Image.open(BytesIO(answer.jpeg)) as opened:
        picture = opened.convert("RGB")
    scale = picture.width / answer.prediction.width
    found = []
    for item in faces:
        x, y, w, h = (side * scale for side in item.face.box)
        half = max(w, h) * (0.5 + AIR)
        middle_x, middle_y = x + w / 2, y + h / 2
        inside = (
            max(middle_x - half, 0),
            max(middle_y - half, 0),
            min(middle_x + half, picture.width),
            min(middle_y + half, picture.height),
        )
        found.append(jpeg_bytes(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=inside), 80))
    return found


def _table(faces: list[AlbumFace]) -> str:
    models = list(dict.fromkeys(model for item in faces for model in item.face.models))
    rows = [
        [
            str(item.index + 1),
            *(
                f"{answer.label} {percent(answer.probabilities[answer.label])}"
                for answer in item.face.models.values()
            ),
            sure.marks_of(sure.doubts_of(item.face, known_trust())) or "–",
        ]
        for item in faces
    ]
    head = ["face", *(wording.model_name(model) for model in models), "lowers trust"]
    return folded("All faces as a table", html_table("All faces of the picture", head, rows))
