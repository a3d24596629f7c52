"""How the album is sorted and which faces of it are shown."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard.album import SORTS, AlbumState
from dashboard.views.parts import row

ALL = "All expressions"
LEAST = {"Any": 0.0, "50 % and more": 0.5, "70 % and more": 0.7, "90 % and more": 0.9}
SMALL: dict[str, Any] = {"size": "small", "margin": 0}


class AlbumFilters(pn.viewable.Viewer):
    """Three selectors and a field, tied to the state both ways."""

    def __init__(self, album: AlbumState) -> None:
        super().__init__()
        self._album = album
        self._sort = pmui.Select(label="Sort by", options=SORTS, value=album.sort, width=150, **SMALL)
        self._expression = pmui.Select(label="Looks", options={ALL: ""}, value="", width=160, **SMALL)
        self._least = pmui.Select(label="Confidence", options=LEAST, value=0.0, width=150, **SMALL)
        self._words = pmui.TextInput(label="File name", value="", width=150, **SMALL)
        for widget, name in (
            (self._sort, "sort"),
            (self._expression, "expression"),
            (self._least, "least"),
            (self._words, "words"),
        ):
            widget.param.watch(
                lambda event, name=name: album.param.update(**{name: event.new, "place": 0}), "value"
            )
        self._layout = row(self._sort, self._expression, self._least, self._words, gap=12)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def show(self) -> None:
        """Bring the selectors in line with the album."""
        album = self._album
        labels = album.labels()
        if album.expression and album.expression not in labels:
            labels.append(album.expression)
        options = {ALL: ""} | {label: label for label in labels}
        if self._expression.options != options:
            self._expression.param.update(options=options, value=album.expression)
        self._sort.value, self._least.value = album.sort, album.least
        self._expression.value, self._words.value = album.expression, album.words
