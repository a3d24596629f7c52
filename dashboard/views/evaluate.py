"""The Evaluate page: how accurate one model is, and for which expression."""

from typing import Any

import panel_material_ui as pmui

from dashboard import tables, wording
from dashboard.charts_figures import MEASURE_NAMES, class_chart, confusion_chart
from dashboard.theme import palette
from dashboard.views.figures import FigurePage, asked_slice
from dashboard.views.parts import chart, column, folded, html, row, titled


class EvaluateView(FigurePage):
    """Cards, measures by class, confusion matrix."""

    page = "evaluate"
    selectors = (("model", "Model"),)
    watched = ("shares",)

    def _parts(self) -> list[Any]:
        state, colours = self._figures, palette(self._state.dark)
        figures = self._record.figures(asked_slice(state), state.model)
        measures = pmui.Grid(
            *(
                pmui.Grid(
                    column(html(f"<h3>{name}</h3>"), chart(class_chart(figures, measure, colours)), gap=4),
                    size={"xs": 12, "md": 4},
                )
                for measure, name in MEASURE_NAMES.items()
            ),
            container=True,
            spacing=3,
            sizing_mode="stretch_width",
            margin=0,
        )
        toggle = pmui.RadioButtonGroup(
            options={"Shares": True, "Counts": False},
            value=state.shares,
            size="small",
            margin=0,
            width=200,
        )
        toggle.param.watch(lambda event: setattr(state, "shares", event.new), "value")
        matrix = chart(confusion_chart(figures, shares=state.shares, colours=colours))
        return [
            html(tables.figure_cards(figures)),
            column(
                html(titled("By expression", wording.class_reading(figures))),
                measures,
                html(folded("The numbers as a table", tables.class_table(figures))),
                gap=8,
            ),
            column(
                html(titled("What is taken for what", wording.confusion_reading(figures))),
                row(toggle),
                column(matrix, max_width=700),
                html(folded("The numbers as a table", tables.confusion_table(figures))),
                gap=8,
            ),
        ]
