"""Buttons that save files: the picture that is shown, with its boxes drawn and as JSON, and others."""

from collections.abc import Callable
from io import BytesIO
from pathlib import PurePath

import panel as pn
import panel_material_ui as pmui

from dashboard.album import Picture
from dashboard.album_files import annotated, json_lines
from dashboard.state import Answer
from dashboard.views.parts import row


def save_button(label: str, filename: str, content: Callable[[], bytes]) -> pmui.FileDownload:
    """A quiet button that makes a file when it is clicked, and saves it."""
    made = pmui.FileDownload(
        callback=lambda: BytesIO(content()), filename=filename, label=label, size="small", margin=0, auto=True
    )
    # Given at once, Panel would warn of a name that it adds itself.
    made.variant = "text"
    return made


class PictureSavers(pn.viewable.Viewer):
    """Buttons for the picture that is shown; nothing is made before the click.

    A button that was used holds what it sent, so it is replaced when its picture goes. One that was not is
    kept for the next picture: making buttons takes longer than all the rest of showing an answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answer: Answer | None = None
        self._name = ""
        self._used = False
        self._row = row(gap=12, sizing_mode=None)
        self._renew()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def show(self, name: str, answer: Answer | None) -> None:
        """Turn to a picture's answer, or to none."""
        self._name, self._answer = name, answer
        if self._used:
            self._renew()
        if answer is None:
            return
        stem = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in PurePath(name).stem)[:60]
        for button, ending in zip(self._row, ("-faces.jpg", ".json"), strict=True):
            button.filename = (stem or "picture") + ending

    def _renew(self) -> None:
        self._used = False
        self._row[:] = [
            save_button("Picture with boxes", "picture-faces.jpg", lambda: self._made(annotated)),
            save_button(
                "JSON",
                "picture.json",
                lambda: self._made(lambda answer: json_lines([Picture(1, self._name, answer)]).encode()),
            ),
        ]

    def _made(self, make: Callable[[Answer], bytes]) -> bytes:
        self._used = True
        return b"" if self._answer is None else make(self._answer)
