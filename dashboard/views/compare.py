"""The Compare page: two models on the same pictures, and all of them ranked."""

from dashboard.blocks import Block
from dashboard.blocks_compare import comparison
from dashboard.shelf import View
from dashboard.theme import LIGHT
from dashboard.views.figures import FigurePage


class CompareView(FigurePage):
    """Paired difference, agreement, differences by class, ranking."""

    page = "compare"
    title = "Compare"
    selectors = (("first", "First model"), ("second", "Second model"))

    def _blocks(self, view: View) -> list[Block]:
        return comparison(view, self._colours)

    def _report_blocks(self, view: View) -> list[Block]:
        return comparison(view, LIGHT)
