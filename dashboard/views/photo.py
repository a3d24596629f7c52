"""The photo with its faces; a click on a box chooses the face, a switch shows its landmarks."""

from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from dashboard.charts_look import box_data, photo_chart, turn_to
from dashboard.state import PageState
from dashboard.theme import palette
from dashboard.views.parts import chart, column
from dashboard.views.session import together


class PhotoPanel(pn.viewable.Viewer):
    """Shows the answer's picture: sent once, and choosing a face only redraws the boxes.

    One chart is kept for all pictures, light and dark: a new one takes the server and the browser longer than
    its picture.
    """

    def __init__(self, state: PageState) -> None:
        super().__init__()
        self._look = state.look
        self._switch = pmui.Switch(label="Landmarks of the chosen face", value=False, margin=0)
        self._source, self._picture = ColumnDataSource(), ColumnDataSource()
        self._landmarks: dict[str, ColumnDataSource] = {}
        self._plot: figure = photo_chart(self._source, self._picture, palette(state.dark))
        self._plot.on_event(Tap, self._tapped)
        pane = chart(self._plot, sizing_mode="scale_width")
        self._place = column(pane, self._switch, gap=4)
        self._switch.param.watch(self._mark, "value")
        state.look.param.watch(self._draw, "answer")
        state.look.param.watch(self._mark, "selected")
        self._draw()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._place

    @together
    def _draw(self, *_: Any) -> None:
        answer = self._look.answer
        jpeg, prediction = (answer.jpeg, answer.prediction) if answer else (b"", None)
        turn_to(self._plot, self._picture, jpeg, prediction)
        faces = self._look.faces
        self._switch.visible = not faces or any(face.landmarks_LD is not None for face in faces)
        self._mark()

    @together
    def _mark(self, *_: Any) -> None:
        answer = self._look.answer
        self._source.data = box_data(answer.prediction if answer else None, self._look.selected)
        self._mark_landmarks()

    def _mark_landmarks(self) -> None:
        """Landmarks of the chosen face, drawn when they are first asked for."""
        face = self._look.face
        asked = face is not None and self._switch.value
        if not (asked or self._landmarks):
            return
        from dashboard.charts_seen import add_landmarks, landmark_data  # they bring scipy

        data = landmark_data(face.landmarks_LD if face is not None and asked else None)
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
