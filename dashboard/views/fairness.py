"""The Fairness page: how unlike the groups are treated, and whether the second model narrows that."""

from functools import cached_property
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard.blocks import Block
from dashboard.blocks_fairness import (
    chosen_groups,
    chosen_measure,
    column_title,
    fairness,
    group_columns,
)
from dashboard.shelf import View
from dashboard.theme import LIGHT
from dashboard.views.figures import FigurePage, Todo
from dashboard.views.parts import column, html
from fusion_model.errors import ExpressionLensError
from fusion_model.measures import measures

ESTIMATED = "Groups estimated by a model"
#: What a visitor should know before turning them on.
MEANING = (
    "FER-2013 does not say who is in its pictures. A classifier trained on FairFace estimated how old, of "
    "which gender and of which of FairFace's groups the faces of the test pictures look. It is often wrong; "
    "its error rates, and what they do to the gaps, are shown with the figures. It is not part of this "
    "program and never sees a photo or a camera picture."
)


class FairnessView(FigurePage):
    """Any measure by any group, or by two crossed, for two models."""

    page = "fairness"
    title = "Fairness"
    selectors = (("first", "First model"), ("second", "Second model"))

    def _extra(self, view: View) -> list[Any]:
        state, bar = self._filters, self._bar
        columns = {column_title(view, name): name for name in group_columns(view)}
        others = {"nothing": ""} | columns
        by_name = {item.name: item.key for item in measures(view.rows.labels)}
        wide = {"width": 260} if view.estimated else {}  # long names, which say that they are estimated
        return [
            bar.linked(
                "measure", "Measure", by_name, lambda view: chosen_measure(view, state).key, view, width=190
            ),
            bar.linked(
                "group", "Groups by", columns, lambda view: chosen_groups(view, state)[0], view, **wide
            ),
            bar.linked("cross", "Crossed with", others, lambda view: chosen_groups(view, state)[1], view),
        ]

    @cached_property
    def _estimated(self) -> pn.viewable.Viewable:
        """The switch for estimated groups, off until the visitor chooses, and what it means."""
        state = self._filters
        widget = pmui.Switch(label=ESTIMATED, value=state.estimated, margin=0)
        widget.param.watch(lambda event: self._turn(on=event.new), "value")
        state.param.watch(lambda event: setattr(widget, "value", event.new), "estimated")
        return column(widget, html(f'<p class="quiet small">{MEANING}</p>'), gap=2)

    def _turn(self, *, on: bool) -> None:
        """Show an estimated grouping at once, or none any more."""
        state = self._filters
        if on != state.estimated:
            shown = next(iter(self._shelf.record.groupings), "") if on else ""
            state.param.update(estimated=on, group=shown, cross="")

    def _above(self) -> list[Any]:
        return [self._estimated]

    def _blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, self._colours)

    def _show(self, todo: Todo, view: View, found: list[Block] | ExpressionLensError) -> None:
        self._estimated.visible = view.has_estimates
        super()._show(todo, view, found)

    def _report_blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, LIGHT)
