"""The bars of a face: one chart for models of the same classes, kept from face to face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from dashboard import tables, wording
from dashboard.answered import Answer, Answered
from dashboard.charts import recolour
from dashboard.charts_look import probability_chart, probability_data
from dashboard.marks import mark_key
from dashboard.state import PageState
from dashboard.theme import palette
from dashboard.views.parts import chart, column, folded, html
from dashboard.views.session import later, together

#: Until charts that came beside others are on the page, s.
UNSETTLED_S = 0.5


@dataclass(frozen=True)
class Blank:
    """Stands for a face that is not there yet, so that its chart can be."""

    models: Mapping[str, Answer]
    landmarks_found: bool = True
    measures: None = None


@dataclass(frozen=True)
class Unanswered:
    """A model's answer that has not come."""

    probabilities: dict[str, float] = field(default_factory=dict)
    label: str = ""


class FaceBars(pn.viewable.Viewer):
    """A key, a chart and a table for each group of models with the same classes.

    Only numbers travel as long as the models stay the same: a new chart takes the server as long as the
    models take for an answer, and the browser longer.
    """

    def __init__(self, state: PageState) -> None:
        super().__init__()
        self._state = state
        self._drawn: list[list[tuple[str, ...]]] = []
        self._plots: list[figure] = []
        self._groups: list[tuple[list[str], dict[str, ColumnDataSource], pn.pane.HTML]] = []
        self._layout = column(gap=10)
        self._draw_ahead()
        state.param.watch(self._recolour, "dark")
        state.look.seen.param.watch(lambda _: later(UNSETTLED_S, self._lay_out_again), "stage")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @together
    def show(self, face: Answered | None) -> None:
        """Turn to this face, or to none."""
        if face is None:
            for _, sources, table in self._groups:
                for source in sources.values():
                    source.data = {name: [] for name in source.data}
                table.object = ""
            return
        asked = wording.groups(face)
        classes = [[(name, *face.models[name].probabilities) for name in names] for names in asked]
        if self._drawn != classes:
            self._drawn = classes
            self._draw(face, asked)
        for names, sources, table in self._groups:
            for name, data in probability_data(face, names).items():
                sources[name].data = data
            table.object = folded("The numbers as a table", tables.probability_table(face, names))

    def _draw(self, face: Answered, asked: list[list[str]]) -> None:
        """Charts of the right models and classes."""
        parts: list[Any] = []
        self._groups, self._plots = [], []
        for names in asked:
            plot = probability_chart(face, palette(self._state.dark), names)
            sources = {name: plot.select_one({"name": name}).data_source for name in names}
            table = html()
            self._plots.append(plot)
            self._groups.append((names, sources, table))
            parts += [html(mark_key(names)), chart(plot), table]
        self._layout[:] = parts

    @together
    def _recolour(self, *_: Any) -> None:
        for plot in self._plots:
            recolour(plot, palette(self._state.dark))

    @together
    def _lay_out_again(self) -> None:
        """Have the browser lay out axes anew: charts that come beside these leave theirs without a place.

        Seen with Bokeh 3.9 below Material UI: the axis keeps its room, but is empty. Any change of it helps.
        """
        for plot in self._plots:
            for axis in plot.yaxis:
                axis.major_label_standoff = 6 if axis.major_label_standoff == 5 else 5

    def _draw_ahead(self) -> None:
        """The charts of the models that will be asked, before there is any face."""
        entries = wording.models()
        asked = [name for name in self._state.look.models if name in entries and entries[name].labels]
        if asked:
            blank = {name: Unanswered(dict.fromkeys(entries[name].labels, 0.0)) for name in asked}
            self.show(Blank(blank))
            self.show(None)
