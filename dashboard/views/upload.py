"""A drop zone that keeps no more bytes than a picture may have, and forgets what it handed over."""

from collections.abc import Callable
from typing import Any

import panel as pn

from fusion_model.images import ImageLimits

CHUNK_BYTES = 2_000_000
LIMITS = ImageLimits()

DROPPER_CSS = """
:host { --accent: var(--mui-palette-primary-main); }
.bk-input.filepond--root { box-shadow: none; background: transparent; padding: 0;
                  font-family: Roboto, 'Helvetica Neue', Arial, sans-serif; margin: 0; min-height: 112px;
                  border: 1.5px dashed var(--mui-palette-text-secondary); border-radius: 12px; }
.bk-input.filepond--root:not([disabled]):hover, .bk-input.filepond--root:focus-within {
    border: 1.5px dashed var(--accent); box-shadow: none; background: transparent; }
.filepond--panel-root, .filepond--panel-root > * { background: transparent !important; box-shadow: none; }
.filepond--file-status-sub, .filepond--file-info-sub { opacity: 0.9; }
.filepond--drop-label, .filepond--root .filepond--drop-label { color: var(--mui-palette-text-primary);
    min-height: 108px; height: 108px; background: transparent; transform: none !important; }
.filepond--drop-label label { font-size: 0; cursor: pointer; }
.filepond--drop-label label::before { content: 'Drop a photo here, or '; font-size: 1.05rem;
                                      font-weight: 500; }
.filepond--drop-label label::after { content: 'JPG, PNG or WebP, up to 25 MB'; display: block;
    font-size: 0.85rem; margin-top: 0.35rem; color: var(--mui-palette-text-secondary); }
.filepond--drop-label label .filepond--label-action { font-size: 1.05rem !important; font-weight: 500;
    text-transform: lowercase; color: var(--accent); text-decoration-color: currentColor; }
.filepond--item-panel { background-color: var(--accent); }
"""


class PhotoDropper(pn.widgets.FileDropper):
    """A FileDropper for one photo whose size is limited where it arrives.

    The browser checks type and size too, but a browser can be asked to lie; past the limit further chunks
    are thrown away unread, and the decoder then says that the file is too large.
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(
            accepted_filetypes=["image/jpeg", "image/png", "image/webp"],
            multiple=False,
            chunk_size=CHUNK_BYTES,
            max_file_size=f"{LIMITS.max_bytes // 1_000_000}MB",
            # No preview of pictures: it would show them twice, and throws on damaged ones. An empty list
            # never reaches the browser (it is the model's default here, but not there); this one does.
            previews=["pdf"],
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[DROPPER_CSS],
            **params,
        )

    def _process_event(self, event: Any) -> None:
        if event.event_name == "upload_event" and event.data["chunk"] > 1:
            kept = sum(len(chunk) for chunk in self._file_buffer.get(event.data["name"], []))
            if kept > LIMITS.max_bytes:
                event.data = {**event.data, "data": b""}
        super()._process_event(event)


def drop_zone(on_photo: Callable[[bytes], None]) -> pn.Column:
    """A place for photos: calls ``on_photo`` with the bytes of each, and starts afresh after it."""
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def fresh() -> None:
        dropper = PhotoDropper()
        dropper.param.watch(taken, "value")
        place[:] = [dropper]

    def taken(event: Any) -> None:
        if not event.new:
            return
        data = next(iter(event.new.values()))
        # A new widget rather than an emptied one: bytes and file name go on both sides of the wire.
        event.obj.value.clear()
        fresh()
        on_photo(data.encode() if isinstance(data, str) else data)

    fresh()
    return place
