"""The places where files come in: they hand over each file as it arrives, and keep none.

Two widgets take files. The one that is seen, Material UI's, sends what is dropped or chosen at once. The
other is unseen and takes what is pasted on the page: FilePond, the browser's side of Panel's FileDropper,
listens for that, but plays its animations, well over a second of them, before it sends anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import wording
from dashboard.album import MOST_WAITING, shown_name
from dashboard.album_queue import CROWDED
from dashboard.archive import is_archive
from dashboard.views.parts import html
from dashboard.views.session import soon
from fusion_model.images import ImageLimits

# A picture comes in few messages, each of which has its price; one may hold 20 MB at most.
CHUNK_BYTES = 5_000_000
LIMITS = ImageLimits()
MOST_ARCHIVE_BYTES = 200_000_000
ACCEPTED = ["image/*", "application/zip", "application/x-zip-compressed"]
# What a dialog offers. Browsers do not know the last kind and pass over it; the widget's own check of what is
# dropped takes it for "any": a wrong file is told from its bytes by the server, in a sentence, not left out.
OFFERED = ",".join([*ACCEPTED, ".zip", "/*"])
MIXED_UP = "Another file of the same name came at the same time; drop this one again."
EMPTY = "The file is empty; choose a picture (JPEG, PNG or WebP)."
TOO_LARGE = (
    f"A file is larger than {MOST_ARCHIVE_BYTES // 1_000_000} MB, so nothing of this choice was sent; "
    "leave it out, or pack fewer pictures into an archive."
)
HINT = "JPG, PNG or WebP up to 25 MB; several, a ZIP of them, or pasted"
TELL_FROM = 30_000_000  # bytes: of archives; how much of a picture is here would only delay it
LABEL = "Drop photos here, or choose them"

ZONE_SX = {
    "minHeight": 112,
    "flexDirection": "column",
    "border": "1.5px dashed",
    "borderColor": "text.secondary",
    "borderStyle": "dashed",
    "borderRadius": "12px",
    "color": "text.primary",
    "fontSize": "1.05rem",
    "lineHeight": 1.4,
    "textAlign": "center",
    "& .MuiButton-startIcon": {"margin": "0 0 0.2rem", "color": "primary.main"},
    "&::after": {
        "content": f'"{HINT}"',
        "fontSize": "0.85rem",
        "fontWeight": 400,
        "marginTop": "0.2rem",
        "color": "text.secondary",
    },
    "&:hover": {"borderColor": "primary.main", "backgroundColor": "transparent"},
    "&:focus-within": {"outline": "3px solid", "outlineColor": "primary.main", "outlineOffset": "2px"},
}
# Neither seen nor reached by keyboard, but there: FilePond works in what has a place on the page.
UNSEEN = {
    "position": "absolute",
    "width": "1px",
    "height": "1px",
    "overflow": "hidden",
    "visibility": "hidden",
}


@dataclass
class Arriving:
    """A file of which chunks have come: no more of them is kept than its kind may have."""

    chunks: int = 0
    kept: int = 0
    most: int = LIMITS.max_bytes
    parts: list[bytes] = field(default_factory=list)

    def take(self, chunk: bytes) -> None:
        """The next chunk."""
        if self.chunks == 0 and is_archive(chunk[:4]):
            self.most = MOST_ARCHIVE_BYTES
        self.chunks += 1
        if self.kept <= self.most:
            self.parts.append(chunk)
            self.kept += len(chunk)


class Arrivals:
    """Puts files together from their chunks, and limits them where they arrive.

    The browser checks sizes too, but a browser can be asked to lie; past the limit further chunks are thrown
    away unread, and the decoder then says that the file is too large.

    Parameters
    ----------
    on_file : callable
        Takes the name and the bytes of each file.
    on_trouble : callable
        Takes the name of a file that was lost, and why.
    """

    def __init__(self, on_file: Callable[[str, bytes], None], on_trouble: Callable[[str, str], None]) -> None:
        self._on_file, self._on_trouble = on_file, on_trouble
        self._arriving: dict[str, Arriving] = {}

    def take(self, name: str, number: int, of: int, chunk: bytes) -> None:
        """A chunk, numbered from 1, of so many."""
        arriving = self._arriving.setdefault(name, Arriving())
        if number != arriving.chunks + 1:
            # Chunks tell only their file's name: two files of one name at once cannot be told apart.
            del self._arriving[name]
            self._on_trouble(name, MIXED_UP)
            return
        arriving.take(chunk)
        if sum(file.kept + len(other) for other, file in self._arriving.items()) > MOST_WAITING:
            del self._arriving[name]
            self._on_trouble(name, CROWDED)
            return
        if number == of:
            del self._arriving[name]
            self._on_file(name, b"".join(arriving.parts))


class PhotoInput(pmui.FileInput):
    """A button, as large as a drop zone, for pictures and archives. The widget's own value stays empty.

    Parameters
    ----------
    arrivals : Arrivals
        Takes the chunks.
    tell : callable
        Takes HTML that says how the files of a choice fare; empty when there is nothing to say.
    """

    def __init__(self, arrivals: Arrivals, tell: Callable[[str], None], **params: Any) -> None:
        super().__init__(
            label=LABEL,
            uploaded_label=LABEL,
            accept=OFFERED,
            multiple=True,
            chunk_size=CHUNK_BYTES,
            max_file_size=MOST_ARCHIVE_BYTES,
            # Its own would turn to a tick when a file is here, whatever comes of it.
            icon="cloud_upload",
            icon_size="1.5em",
            variant="outlined",
            sizing_mode="stretch_width",
            margin=0,
            sx=ZONE_SX,
            **params,
        )
        self._arrivals, self._tell = arrivals, tell
        self._came = 0  # chunks since the last choice

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        status = msg["status"]
        if status == "initializing":
            self._came = 0
            self._tell("")
        elif status == "upload_event":
            self._came += 1
            name, number, of = msg["name"], msg["chunk"], msg["total_chunks"]
            if of * CHUNK_BYTES > TELL_FROM:
                self._tell(
                    wording.arriving(shown_name(name), number * CHUNK_BYTES, of * CHUNK_BYTES)
                    if number < of
                    else ""
                )
            self._arrivals.take(name, number, of, bytes(msg["data"]))
        elif status == "finished":
            if not self._came:  # of an empty file nothing comes, not even its name
                self._tell(f'<p role="alert">{EMPTY}</p>')
            # Under the document's lock, which an event of the browser has not: sent at once it could fail.
            soon(partial(self._send_msg, {"status": "finished"}))
        elif status == "error":
            self._tell(f'<p role="alert">{TOO_LARGE}</p>')


class QuietDropper(pn.widgets.FileDropper):
    """A FileDropper without previews: they would show pictures twice, and throw on damaged or removed files.

    An empty list never reaches the browser (it is the model's default here, but not there); this one does.
    """

    previews = param.ListSelector(default=["none"], objects=["none"])


class PasteCatcher(QuietDropper):
    """Takes what is pasted anywhere on the page. Its own value stays empty.

    Parameters
    ----------
    arrivals : Arrivals
        Takes the chunks.
    """

    def __init__(self, arrivals: Arrivals, **params: Any) -> None:
        super().__init__(
            accepted_filetypes=ACCEPTED,
            multiple=True,
            chunk_size=CHUNK_BYTES,
            max_file_size=f"{MOST_ARCHIVE_BYTES // 1_000_000}MB",
            width=1,
            height=1,
            margin=0,
            styles=UNSEEN,
            **params,
        )
        self._arrivals = arrivals

    def _process_event(self, event: Any) -> None:
        if (
            event.event_name == "upload_event"
        ):  # a file taken from the browser's list was handed over long ago
            data = event.data
            self._arrivals.take(data["name"], data["chunk"], data["total_chunks"], bytes(data["data"]))


class DropZone(pn.viewable.Viewer):
    """A place for files: hands over the name and the bytes of each, and forgets the names when told to.

    Until then its widgets stay: with them would go the files that their browser is still to send.

    Parameters
    ----------
    on_file, on_trouble : callable
        As `Arrivals` takes them.
    """

    def __init__(self, on_file: Callable[[str, bytes], None], on_trouble: Callable[[str, str], None]) -> None:
        super().__init__()
        self._arrivals = Arrivals(on_file, on_trouble)
        self._words = html()
        self._place = pn.Column(sizing_mode="stretch_width", margin=0, styles={"position": "relative"})
        self.renew()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._place

    def renew(self) -> None:
        """Start afresh: new widgets, not emptied ones, as file names go on both sides of the wire."""
        self._say("")
        self._place[:] = [PhotoInput(self._arrivals, self._say), self._words, PasteCatcher(self._arrivals)]

    def _say(self, words: str) -> None:
        self._words.object = words
