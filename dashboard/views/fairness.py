"""The Fairness page: how unlike the groups are treated, and whether the second model narrows that."""

from typing import Any

from dashboard.blocks import Block
from dashboard.blocks_fairness import chosen_groups, chosen_measure, fairness, group_columns
from dashboard.shelf import View
from dashboard.theme import LIGHT
from dashboard.views.figures import FigurePage
from fusion_model.measures import measures


class FairnessView(FigurePage):
    """Any measure by any group, or by two crossed, for two models."""

    page = "fairness"
    title = "Fairness"
    selectors = (("first", "First model"), ("second", "Second model"))

    def _extra(self, view: View) -> list[Any]:
        state, bar = self._filters, self._bar
        columns = {name.replace("_", " "): name for name in group_columns(view)}
        others = {"nothing": ""} | columns
        by_name = {item.name: item.key for item in measures(view.rows.labels)}
        return [
            bar.linked(
                "measure", "Measure", by_name, lambda view: chosen_measure(view, state).key, view, width=190
            ),
            bar.linked("group", "Groups by", columns, lambda view: chosen_groups(view, state)[0], view),
            bar.linked("cross", "Crossed with", others, lambda view: chosen_groups(view, state)[1], view),
        ]

    def _blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, self._colours)

    def _report_blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, LIGHT)
