"""A drop zone for pictures and archives of them, which hands over each file as it arrives and keeps none.

FilePond, the browser's side of Panel's FileDropper, also takes files that are pasted on the page.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import panel as pn
import param

from dashboard.album import MOST_WAITING
from dashboard.album_queue import CROWDED
from dashboard.archive import is_archive
from fusion_model.images import ImageLimits

CHUNK_BYTES = 1_000_000
LIMITS = ImageLimits()
MOST_ARCHIVE_BYTES = 200_000_000
ACCEPTED = ["image/*", "application/zip", "application/x-zip-compressed"]
MIXED_UP = "Another file of the same name came at the same time; drop this one again."
WORDS = "Drop photos here, or "
HINT = "JPG, PNG or WebP up to 25 MB; several, a ZIP of them, or pasted"

DROPPER_CSS = """
:host { --accent: var(--mui-palette-primary-main); }
.bk-input.filepond--root { box-shadow: none; background: transparent; padding: 0;
                  font-family: Roboto, 'Helvetica Neue', Arial, sans-serif; margin: 0; min-height: 112px;
                  max-height: 230px;
                  border: 1.5px dashed var(--mui-palette-text-secondary); border-radius: 12px; }
.bk-input.filepond--root:not([disabled]):hover, .bk-input.filepond--root:focus-within {
    border: 1.5px dashed var(--accent); box-shadow: none; background: transparent; }
.filepond--panel-root, .filepond--panel-root > * { background: transparent !important; box-shadow: none; }
.filepond--file-status-sub, .filepond--file-info-sub { opacity: 0.9; }
.filepond--drop-label, .filepond--root .filepond--drop-label { color: var(--mui-palette-text-primary);
    min-height: 108px; height: 108px; background: transparent; transform: none !important; }
.filepond--drop-label label { font-size: 0; cursor: pointer; }
.filepond--drop-label label::before { content: 'Drop photos here, or '; font-size: 1.05rem;
                                      font-weight: 500; }
.filepond--drop-label label::after {
    content: 'JPG, PNG or WebP up to 25 MB; several, a ZIP of them, or pasted';
    display: block; white-space: normal; font-size: 0.85rem; margin-top: 0.35rem;
    color: var(--mui-palette-text-secondary); }
.filepond--drop-label label .filepond--label-action { font-size: 1.05rem !important; font-weight: 500;
    text-transform: lowercase; color: var(--accent); text-decoration-color: currentColor; }
.filepond--item-panel { background-color: var(--accent); }
.filepond--file { color: var(--mui-palette-primary-contrastText); }
.filepond--item[data-filepond-item-state='processing-complete'] { display: none; margin: 0; }
"""


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


class QuietDropper(pn.widgets.FileDropper):
    """A FileDropper without previews: they would show pictures twice, and throw on damaged or removed files.

    An empty list never reaches the browser (it is the model's default here, but not there); this one does.
    """

    previews = param.ListSelector(default=["none"], objects=["none"])


class PhotoDropper(QuietDropper):
    """A FileDropper for pictures and archives, whose size is limited where they arrive.

    The browser checks type and size too, but a browser can be asked to lie; past the limit further chunks
    are thrown away unread, and the decoder then says that the file is too large. The widget's own value stays
    empty.

    Parameters
    ----------
    on_file : callable
        Takes the name and the bytes of each file.
    on_trouble : callable
        Takes the name of a file that was lost, and why.
    """

    def __init__(
        self, on_file: Callable[[str, bytes], None], on_trouble: Callable[[str, str], None], **params: Any
    ) -> None:
        super().__init__(
            accepted_filetypes=ACCEPTED,
            multiple=True,
            chunk_size=CHUNK_BYTES,
            max_file_size=f"{MOST_ARCHIVE_BYTES // 1_000_000}MB",
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[DROPPER_CSS],
            **params,
        )
        self._on_file, self._on_trouble = on_file, on_trouble
        self._arriving: dict[str, Arriving] = {}

    def _process_event(self, event: Any) -> None:
        if event.event_name != "upload_event":
            return  # a file taken from the browser's list was handed over long ago
        data = event.data
        name, number = data["name"], data["chunk"]
        arriving = self._arriving.setdefault(name, Arriving())
        if number != arriving.chunks + 1:
            # Chunks tell only their file's name: two files of one name at once cannot be told apart.
            del self._arriving[name]
            self._on_trouble(name, MIXED_UP)
            return
        arriving.take(bytes(data["data"]))
        if sum(file.kept + len(other) for other, file in self._arriving.items()) > MOST_WAITING:
            del self._arriving[name]
            self._on_trouble(name, CROWDED)
            return
        if number == data["total_chunks"]:
            del self._arriving[name]
            self._on_file(name, b"".join(arriving.parts))


class DropZone(pn.viewable.Viewer):
    """A place for files: hands over the name and the bytes of each, and forgets its list when it is told to.

    Until then one widget stays: with it would go the files that its browser is still to send. Its style sheet
    hides those that have arrived.

    Parameters
    ----------
    on_file, on_trouble : callable
        As `PhotoDropper` takes them.
    """

    def __init__(self, on_file: Callable[[str, bytes], None], on_trouble: Callable[[str, str], None]) -> None:
        super().__init__()
        self._on_file, self._on_trouble = on_file, on_trouble
        self._place = pn.Column(sizing_mode="stretch_width", margin=0)
        self.renew()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._place

    @property
    def dropper(self) -> PhotoDropper:
        """The widget that is shown."""
        return self._place[0]

    def renew(self) -> None:
        """Start afresh: a new widget, not an emptied one, as file names go on both sides of the wire."""
        self._place[:] = [PhotoDropper(self._on_file, self._on_trouble)]
