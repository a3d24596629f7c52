"""The photo with its faces; a click on a box chooses the face, a switch shows its landmarks."""

from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

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
        self._plot: figure | None = None
        self._landmarks: dict[str, ColumnDataSource] = {}
        self._switch = pmui.Switch(label="Landmarks of the chosen face", value=False, margin=0)
        self._place = column(gap=4)
        self._switch.param.watch(self._mark, "value")
        state.look.param.watch(self._draw, "answer")
        state.look.param.watch(self._mark, "selected")
        state.param.watch(self._draw, "dark")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._place

    def _draw(self, *_: Any) -> None:
        answer = self._look.answer
        self._landmarks = {}
        if answer is None:
            self._plot = None
            self._place[:] = []  # the picture leaves the browser, too
            return
        self._source = ColumnDataSource(data=box_data(answer.prediction, self._look.selected))
        self._plot = photo_chart(answer.jpeg, answer.prediction, self._source, palette(self._state.dark))
        self._plot.on_event(Tap, self._tapped)
        meshes = any(face.landmarks_LD is not None for face in self._look.faces)
        self._place[:] = [chart(self._plot, sizing_mode="scale_width"), *([self._switch] if meshes else [])]
        self._mark_landmarks()

    def _mark(self, *_: Any) -> None:
        if self._look.answer is not None:
            self._source.data = box_data(self._look.answer.prediction, self._look.selected)
            self._mark_landmarks()

    def _mark_landmarks(self) -> None:
        """Landmarks of the chosen face, drawn when they are first asked for."""
        if self._plot is None or not (self._switch.value or self._landmarks):
            return
        from dashboard.charts_seen import add_landmarks, landmark_data  # they bring scipy

        face = self._look.face
        data = landmark_data(face.landmarks_LD if face and self._switch.value else None)
        if self._landmarks:
            for name, columns in data.items():
                self._landmarks[name].data = columns
            return
        self._landmarks = {name: ColumnDataSource(columns) for name, columns in data.items()}
        add_landmarks(self._plot, self._landmarks["dots"], self._landmarks["lines"])

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        index = self._look.face_at(event.x, event.y)
        if index is not None:
            self._look.select(index)
