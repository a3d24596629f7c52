"""The Compare page: two models on the same pictures."""

from typing import Any

from dashboard import tables, wording
from dashboard.charts_figures import agreement_chart, agreement_parts, difference_chart
from dashboard.theme import palette
from dashboard.views.figures import FigurePage, asked_slice
from dashboard.views.parts import chart, column, folded, html, titled


class CompareView(FigurePage):
    """Paired difference, agreement, differences by class."""

    page = "compare"
    selectors = (("first", "First model"), ("second", "Second model"))

    def _parts(self) -> list[Any]:
        state, colours = self._figures, palette(self._state.dark)
        asked = asked_slice(state)
        if state.first == state.second:
            return [html("<p>Choose two different models to compare.</p>")]
        first, second = (self._record.figures(asked, model) for model in (state.first, state.second))
        pair = self._record.comparison(asked, state.first, state.second)
        return [
            html(tables.comparison_cards(first, second, pair)),
            column(
                html(titled("Who is right", wording.comparison_reading(pair))),
                chart(agreement_chart(pair, colours)),
                html(tables.agreement_key(agreement_parts(pair, colours), pair.n)),
                html(tables.agreement_table(pair), styles={"max-width": "560px", "margin-top": "8px"}),
                gap=12,
            ),
            column(
                html(titled("By expression", wording.difference_reading(first, second))),
                html(tables.model_key([state.second, state.first])),
                chart(difference_chart(first, second, "f1", colours)),
                html(folded("The numbers as a table", tables.difference_table(first, second))),
                gap=8,
            ),
        ]
