"""The Evaluate page: how good one model is, for which expression, and how far to trust it."""

from typing import Any

import panel_material_ui as pmui

from dashboard.blocks import Block
from dashboard.blocks_confidence import confidence, curves, raters
from dashboard.blocks_evaluate import overview
from dashboard.figure_state import SECTIONS
from dashboard.shelf import View
from dashboard.theme import LIGHT, Palette
from dashboard.views.figures import FigurePage
from dashboard.views.filter_bar import linked, wide_enough
from dashboard.views.parts import row
from dashboard.wording import model_name

SECTION_NAMES = dict(zip(["Answers", "Confidence", "Curves", "People"], SECTIONS, strict=True))
MINUS = "Minus the matrix of"
CELL_NAMES = {"Rows": "row", "Columns": "column", "Counts": "count"}


class EvaluateView(FigurePage):
    """One model: answers, confidence, curves, and people beside it."""

    page = "evaluate"
    title = "Evaluate"
    selectors = (("model", "Model"),)
    _controls: Any = None  # of the confusion matrix, once it was shown

    def _above(self) -> list[Any]:
        sections = pmui.RadioButtonGroup(
            options=SECTION_NAMES, value=self._filters.section, size="small", margin=0
        )
        sections.param.watch(lambda event: setattr(self._filters, "section", event.new), "value")
        self._filters.param.watch(lambda event: setattr(sections, "value", event.new), "section")
        return [row(sections)]

    def _control(self, view: View) -> Any:
        state = self._filters
        others = {"nothing": ""} | {
            model_name(model): model for model in view.rows.models if model != view.model
        }
        against = state.against if state.against in others.values() else ""
        if self._controls is None:
            cells = pmui.RadioButtonGroup(options=CELL_NAMES, size="small", margin=0)
            cells.param.watch(lambda event: setattr(state, "cells", event.new), "value")
            self._controls = row(cells, linked(state, "against", MINUS, others, against), gap=16)
        cells, minus = self._controls
        cells.value = state.cells
        minus.param.update(options=others, value=against, width=wide_enough(MINUS, *others))
        return self._controls

    def _blocks(self, view: View) -> list[Block]:
        return self._section(view, self._filters.section, self._colours)

    def _report_blocks(self, view: View) -> list[Block]:
        return [block for section in SECTIONS for block in self._section(view, section, LIGHT)]

    def _section(self, view: View, section: str, colours: Palette) -> list[Block]:
        if section == "confidence":
            return confidence(view, self._shelf.record, colours)
        if section == "curves":
            return curves(view, colours)
        if section == "raters":
            return raters(view, colours)
        return overview(view, self._filters, colours)
