"""Buttons that save the picture that is shown: with its boxes drawn, and as JSON."""

from collections.abc import Callable
from io import BytesIO
from pathlib import PurePath

import panel_material_ui as pmui

from dashboard.album import Picture
from dashboard.album_files import annotated, json_lines
from dashboard.state import Answer


def save_button(label: str, filename: str, content: Callable[[], bytes]) -> pmui.FileDownload:
    """A quiet button that makes a file when it is clicked, and saves it."""
    made = pmui.FileDownload(
        callback=lambda: BytesIO(content()), filename=filename, label=label, size="small", margin=0, auto=True
    )
    # Given at once, Panel would warn of a name that it adds itself.
    made.variant = "text"
    return made


def picture_buttons(name: str, answer: Answer) -> list[pmui.FileDownload]:
    """For one picture; nothing is made before the click, and what was made goes with the buttons."""
    stem = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in PurePath(name).stem)[:60]
    stem = stem or "picture"
    picture = Picture(1, name, answer)
    return [
        save_button("Picture with boxes", f"{stem}-faces.jpg", lambda: annotated(answer)),
        save_button("JSON", f"{stem}.json", lambda: json_lines([picture]).encode()),
    ]
