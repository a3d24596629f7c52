"""The album of the session: what waits, what failed, thumbnails, bars, tables, files to save."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import sure, wording
from dashboard.album import (
    AT_ONCE,
    AlbumFace,
    AlbumState,
    Picture,
    album_faces,
    answered_by,
    counts,
)
from dashboard.album_files import as_csv, json_lines
from dashboard.album_queue import AlbumQueue
from dashboard.charts import percent
from dashboard.charts_album import album_chart
from dashboard.marks import mark_key
from dashboard.state import PageState
from dashboard.tables import html_table
from dashboard.theme import palette
from dashboard.views.album_filters import AlbumFilters
from dashboard.views.parts import chart, column, folded, html, row
from dashboard.views.saving import save_button
from dashboard.views.session import later, soon
from dashboard.views.thumbs import Thumb, looks_line, thumb_grid, thumb_html
from fusion_model.catalogue import default_models
from fusion_model.trust import known_trust

REDRAW_S = 1.0  # at most so often while pictures come in
CELL = 150  # px, of a thumbnail
MOST_ROWS = 300  # of the table on the page; the CSV has them all
DRAWN = ["pictures", "sort", "expression", "least", "words", "place"]


class AlbumPanel(pn.viewable.Viewer):
    """What the page shows of ``PageState.album``.

    Parameters
    ----------
    state : PageState
        Of this session.
    queue : AlbumQueue
        Fills the album.
    open_picture : callable
        Shows a picture of the album as the page's answer.
    forget : callable
        Empties everything.
    """

    def __init__(
        self,
        state: PageState,
        queue: AlbumQueue,
        open_picture: Callable[[Picture], None],
        forget: Callable[[], None],
    ) -> None:
        super().__init__()
        self._state, self._album, self._queue = state, state.album, queue
        self._open, self._forget = open_picture, forget
        self._thumbs: dict[int, tuple[Picture, Thumb]] = {}
        self._drawn_at, self._due = 0.0, False
        self._head, self._pager, self._grid = html(), column(gap=0), thumb_grid(CELL)
        self._filters = AlbumFilters(self._album)
        self._figures, self._foot = column(gap=10), column(gap=0)
        parts = (self._head, self._filters, self._grid, self._pager, self._figures)
        self._body = column(*parts, gap=16, visible=False)
        self._progress, self._troubles = Progress(self._album, queue.stop), html()
        self._layout = column(self._progress, self._troubles, self._body, self._foot, gap=20, visible=False)
        self._album.param.watch(self._changed, DRAWN)
        self._album.param.watch(self._mark, "open")
        self._album.param.watch(self._tell_troubles, "troubles")
        self._album.param.watch(self._asked, "asked")
        state.param.watch(self._draw, "dark")
        state.look.param.watch(self._draw, "models")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _asked(self, *_: Any) -> None:
        if not self._album.asked:
            self._draw()
        self._appear()

    @property
    def _many(self) -> bool:
        return len(self._album.pictures) > 1

    def _appear(self) -> None:
        """One picture alone is the page's answer, and needs no album."""
        album = self._album
        many = self._many
        self._body.visible = many
        self._layout.visible = many or album.asked > 0 or len(album.pictures) + len(album.troubles) > 1
        if self._layout.visible != bool(self._foot.objects):
            self._foot[:] = [self._savers()] if self._layout.visible else []

    def _changed(self, *events: Any) -> None:
        """Draw now, or soon, while pictures come in quickly."""
        fewer = any(event.name == "pictures" and len(event.new) < len(event.old) for event in events)
        if fewer:
            self._foot[:] = []  # what its buttons sent may tell of the picture that is forgotten
        self._appear()
        if all(event.name == "place" for event in events):
            self._draw_page(self._album.shown())
        elif fewer:
            self._draw()
        elif not self._album.asked or time.monotonic() - self._drawn_at > REDRAW_S:
            soon(self._draw)  # an answer above does not wait for it
        elif not self._due:
            self._due = True
            later(REDRAW_S, self._draw)

    def _draw(self, *_: Any) -> None:
        self._due, self._drawn_at = False, time.monotonic()
        album = self._album
        if not self._many and not self._thumbs:
            return  # what nobody sees would delay the answer
        shown, faces = album.shown(), album.shown_faces()
        self._head.object = f"<h2>Album of this session</h2>{wording.album_reading(album, shown, faces)}"
        self._filters.show()
        self._draw_page(shown)
        soon(self._draw_figures)  # others have a turn before

    def _draw_figures(self) -> None:
        faces = self._album.shown_faces()
        self._figures[:] = self._bars(faces) if faces and self._many else []

    def _draw_page(self, shown: list[Picture]) -> None:
        album = self._album
        start = album.place if album.place < len(shown) else 0
        page = shown[start : start + AT_ONCE]
        self._thumbs = {picture.number: self._kept(picture) for picture in page}
        self._grid[:] = [thumb for _, thumb in self._thumbs.values()]
        self._pager[:] = [self._turner(start, len(shown))] if len(shown) > AT_ONCE else []
        self._mark()

    def _kept(self, picture: Picture) -> tuple[Picture, Thumb]:
        """The thumbnail that is on the page already, or a new one."""
        held = self._thumbs.get(picture.number)
        return held if held is not None and held[0] is picture else (picture, self._thumb(picture))

    def _thumb(self, picture: Picture) -> Thumb:
        faces = album_faces([picture])
        count = len(faces)
        if not faces:
            line, said = '<span class="quiet">no face found</span>', "no face found"
        else:
            line = looks_line(faces[0].label, faces[0].confidence)
            said = f"{faces[0].label}, {percent(faces[0].confidence)}"
        if count > 1:
            line += f'<span class="quiet num"> · {count} faces</span>'
            said += f", {count} faces"
        if marks := _marks(faces[:1]):
            line += f'<span class="quiet"> · {marks}</span>'
            said += f", {marks}"
        # The end of a name is what tells it from others of its archive.
        lines = [line, f'<span class="quiet">{escape(picture.name.rpartition("/")[2])}</span>']
        return Thumb(
            lambda chosen: thumb_html(picture.answer.thumbnail, lines, chosen=chosen),
            f"Open {picture.name}: {said}",
            lambda: self._open(picture),
        )

    def _mark(self, *_: Any) -> None:
        for picture, thumb in self._thumbs.values():
            thumb.mark(picture.number == self._album.open)

    def _turner(self, start: int, n: int) -> pn.viewable.Viewable:
        def button(label: str, to: int, possible: bool) -> pmui.Button:
            made = pmui.Button(label=label, variant="text", size="small", margin=0, disabled=not possible)
            made.on_click(lambda _: setattr(self._album, "place", to))
            return made

        words = f'<p class="quiet num">{start + 1:,} to {min(start + AT_ONCE, n):,} of {n:,}</p>'
        return row(
            button("Earlier", max(start - AT_ONCE, 0), start > 0),
            button("Later", start + AT_ONCE, start + AT_ONCE < n),
            html(words, sizing_mode=None),
            gap=8,
        )

    def _bars(self, faces: list[AlbumFace]) -> list[Any]:
        """What the chosen models say, of the faces that all of them have answered, and every face's row."""
        # After another choice of models, pictures that were answered before have the answers of others.
        asked = self._state.look.models or default_models(wording.models())
        alike = answered_by(faces, asked)
        counted = counts(alike, asked)
        everyone = list(counts(faces))
        listed = html_table("The faces of the album", *face_rows(faces[:MOST_ROWS], everyone))
        more = f'<p class="quiet small">The first {MOST_ROWS}; the CSV has all.</p>'
        told = folded(
            f"All {len(faces):,} faces as a table", listed + (more if len(faces) > MOST_ROWS else "")
        )
        head = "<h3>What the faces look like</h3>"
        said = wording.others_reading(len(faces) - len(alike), asked)
        if not counted:
            return [html(head + said), html(told)]
        classes = dict.fromkeys(
            label for item in alike for model in counted for label in item.face.models[model].probabilities
        )
        plot = album_chart(counted, list(classes), palette(self._state.dark))
        table = html_table("Faces that look so, by model", *count_rows(counted, list(classes)))
        told = folded("The numbers as a table", table) + told
        head += wording.count_reading(counted) + said + mark_key(list(counted))
        return [html(head), column(chart(plot), max_width=720), html(told)]

    def _tell_troubles(self, *_: Any) -> None:
        troubles = self._album.troubles
        lines = "".join(f"<li><b>{escape(item.name)}</b>: {escape(item.sentence)}</li>" for item in troubles)
        count = "One file" if len(troubles) == 1 else f"{len(troubles)} files"
        open_ = " open" if len(troubles) < 6 else ""
        self._troubles.object = (
            f'<div role="status"><details{open_}><summary>{count} could not be answered</summary>'
            f"<ul>{lines}</ul></details></div>"
            if troubles
            else ""
        )
        self._appear()

    def _savers(self) -> pn.viewable.Viewable:
        """Made anew each time that the album appears: what they sent goes with them."""
        album = self._album
        return row(
            save_button(
                "Album as CSV",
                "expression-lens-album.csv",
                lambda: as_csv(album_faces(album.pictures)).encode(),
            ),
            save_button(
                "Album as JSON lines",
                "expression-lens-album.jsonl",
                lambda: json_lines(album.pictures, album.troubles).encode(),
            ),
            pmui.Button(
                label="Forget everything",
                icon="delete_outline",
                variant="outlined",
                size="small",
                margin=0,
                on_click=lambda _: self._forget(),
            ),
            gap=12,
        )


class Progress(pn.viewable.Viewer):
    """How far the queue is, in words and as a bar, and a button that cancels what waits."""

    def __init__(self, album: AlbumState, cancel: Callable[[], None]) -> None:
        super().__init__()
        self._album = album
        self._words = html(sizing_mode=None)
        self._bar = pmui.LinearProgress(value=0, variant="determinate", sizing_mode="stretch_width", margin=0)
        button = pmui.Button(
            label="Cancel", variant="text", size="small", margin=0, on_click=lambda _: cancel()
        )
        self._layout = column(row(self._words, button, gap=12), self._bar, gap=4, visible=False)
        album.param.watch(self._show, ["asked", "done"])

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _show(self, *_: Any) -> None:
        asked, done = self._album.asked, self._album.done
        self._layout.visible = asked > 0
        # Read out at the start and, by the album's own words, at the end, but not with every file.
        role = "" if done else ' role="status"'
        words = f'<p{role} class="num">{done:,} of {asked:,} waiting files done</p>'
        self._words.object = words if asked else ""
        self._bar.value = min(100, round(100 * done / asked)) if asked else 0


def count_rows(counted: dict[str, Any], labels: list[str]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: faces of each expression, by model."""
    head = ["expression", *(wording.model_name(model) for model in counted)]
    return head, [[label, *(f"{counts[label]:,}" for counts in counted.values())] for label in labels]


def face_rows(faces: list[AlbumFace], models: list[str]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row a face, each model's answer."""
    rows = []
    for item in faces:
        answers = [item.face.models.get(model) for model in models]
        given = [
            f"{answer.label} {percent(answer.probabilities[answer.label])}" if answer else "–"
            for answer in answers
        ]
        rows.append([item.picture.name, str(item.index + 1), *given, _marks([item]) or "–"])
    return ["file", "face", *(wording.model_name(model) for model in models), "lowers trust"], rows


def _marks(faces: list[AlbumFace]) -> str:
    """What lowers trust in the answers for the first of these faces, in a word each."""
    return sure.marks_of(sure.doubts_of(faces[0].face, known_trust())) if faces else ""
