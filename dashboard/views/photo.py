"""The photo with its faces; a click on a box chooses the face."""

from typing import Any

import panel as pn
from bokeh.events import Tap
from bokeh.models import ColumnDataSource

from dashboard.charts_look import box_data, photo_chart
from dashboard.state import PageState
from dashboard.theme import palette
from dashboard.views.parts import chart, column


class PhotoPanel(pn.viewable.Viewer):
    """Shows the answer's picture; the picture is sent once, choosing a face only redraws the boxes."""

    def __init__(self, state: PageState) -> None:
        super().__init__()
        self._state, self._look = state, state.look
        self._source = ColumnDataSource()
        self._place = column()
        state.look.param.watch(self._draw, "answer")
        state.look.param.watch(self._mark, "selected")
        state.param.watch(self._draw, "dark")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._place

    def _draw(self, *_: Any) -> None:
        answer = self._look.answer
        if answer is None:
            self._place[:] = []  # the picture leaves the browser, too
            return
        self._source = ColumnDataSource(data=box_data(answer.prediction, self._look.selected))
        plot = photo_chart(answer.jpeg, answer.prediction, self._source, palette(self._state.dark))
        plot.on_event(Tap, self._tapped)
        self._place[:] = [chart(plot, sizing_mode="scale_width")]

    def _mark(self, *_: Any) -> None:
        if self._look.answer is not None:
            self._source.data = box_data(self._look.answer.prediction, self._look.selected)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        index = self._look.face_at(event.x, event.y)
        if index is not None:
            self._look.select(index)
