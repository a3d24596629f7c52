"""The Fairness page: how unlike the groups are treated, and whether the second model narrows that."""

from typing import Any

from dashboard.blocks import Block
from dashboard.blocks_fairness import chosen_groups, chosen_measure, fairness, group_columns
from dashboard.shelf import View
from dashboard.theme import LIGHT
from dashboard.views.figures import FigurePage
from dashboard.views.filter_bar import linked
from fusion_model.measures import measures


class FairnessView(FigurePage):
    """Any measure by any group, or by two crossed, for two models."""

    page = "fairness"
    title = "Fairness"
    selectors = (("first", "First model"), ("second", "Second model"))

    def _extra(self, view: View) -> list[Any]:
        state = self._filters
        group, cross = chosen_groups(view, state)
        columns = {name.replace("_", " "): name for name in group_columns(view)}
        others = {"nothing": ""} | {title: name for title, name in columns.items() if name != group}
        by_name = {item.name: item.key for item in measures(view.rows.labels)}
        return [
            linked(state, "measure", "Measure", by_name, chosen_measure(view, state).key, width=190),
            linked(state, "group", "Groups by", columns, group),
            linked(state, "cross", "Crossed with", others, cross),
        ]

    def _blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, self._colours)

    def _report_blocks(self, view: View) -> list[Block]:
        return fairness(view, self._filters, LIGHT)
