"""What Evaluate, Compare and Fairness ask, and its form in the page's address. No Panel here.

Names of data, splits, models and columns are plain text: an address may hold any, and what is not there is
read as the first that is (`dashboard.shelf`), so a shared address never fails.
"""

from collections.abc import Mapping

import param

from dashboard.state import PageState
from fusion_model.filters import MESH_CHOICES, RowFilter, Rule, rules_from_text, rules_to_text

SECTIONS = ["overview", "confidence", "curves", "raters"]
CELLS = ["row", "column", "count"]
AGREEMENTS = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
#: Parameters that the address carries, by their name there.
ADDRESS = {
    "data": "data",
    "split": "split",
    "mirrored": "mirrored",
    "without_copies": "without_copies",
    "mesh": "mesh",
    "agreement": "agreement",
    "rules": "slices",
    "model": "model",
    "first": "first",
    "second": "second",
    "section": "section",
    "cells": "cells",
    "against": "against",
    "measure": "measure",
    "group": "group",
    "cross": "cross",
    "estimated": "estimated",
}


class FilterState(param.Parameterized):
    """The filter bar and the choices of the pages of figures."""

    data = param.String(default="", doc="Key of the data; the first there is, if empty or unknown.")
    split = param.String(default="", doc="Name of a split, 'all', or '' for the first.")
    mirrored = param.Boolean(default=True, doc="Probabilities averaged with those of the mirror image.")
    without_copies = param.Boolean(default=False, doc="Leave out exact copies of training pictures.")
    mesh = param.Selector(default=MESH_CHOICES[0], objects=list(MESH_CHOICES))
    agreement = param.Selector(default=0.0, objects=AGREEMENTS, doc="Least share of FER+ taggers agreeing.")
    rules = param.String(default="", doc="Slices, as `fusion_model.filters.rules_to_text` writes them.")
    model = param.String(default="", doc="Evaluate: the model shown.")
    first = param.String(default="", doc="Compare and Fairness: the reference.")
    second = param.String(default="", doc="Compare and Fairness: what is held against it.")
    section = param.Selector(default=SECTIONS[0], objects=SECTIONS, doc="Evaluate: the part shown.")
    cells = param.Selector(
        default=CELLS[0], objects=CELLS, doc="Confusion: shares of row, of column, or counts."
    )
    against = param.String(default="", doc="Confusion: the model to subtract; '' for none.")
    measure = param.String(default="accuracy", doc="Fairness: key of a measure.")
    group = param.String(default="", doc="Fairness: column that makes the groups.")
    cross = param.String(default="", doc="Fairness: second column, or ''.")
    estimated = param.Boolean(default=False, doc="Fairness: offer groups that a model estimated.")
    picked = param.String(default="", doc="Key of the rows that are listed; not in the address.")
    place = param.Integer(default=0, bounds=(0, None), doc="First row listed.")
    version = param.Integer(default=0, doc="Counts the changes of the session's own data.")
    svg = param.Boolean(default=False, doc="Charts are drawn so that they save as SVG.")

    @property
    def slices(self) -> tuple[Rule, ...]:
        """The rules on slice columns."""
        return rules_from_text(self.rules)

    def row_filter(self, split: str) -> RowFilter:
        """The filter that the bar stands for, with the split resolved."""
        return RowFilter(split, self.without_copies, self.mesh, self.agreement, self.slices)

    def add_rule(self, rule: Rule) -> None:
        """Narrow a column; an earlier rule on it goes."""
        kept = [other for other in self.slices if other.column != rule.column]
        self.rules = rules_to_text([*kept, rule])

    def drop_rule(self, column: str) -> None:
        """Take a column's rule away."""
        self.rules = rules_to_text(other for other in self.slices if other.column != column)

    def widen(self) -> None:
        """Take all filters but data and split away."""
        self.param.update(without_copies=False, mesh=MESH_CHOICES[0], agreement=0.0, rules="")

    def pick(self, key: str) -> None:
        """List some rows, from the first."""
        self.param.update(picked=key, place=0)

    def to_query(self) -> dict[str, str]:
        """What differs from the default, as text for an address."""
        found = {}
        for name, key in ADDRESS.items():
            value = getattr(self, name)
            if value != self.param[name].default:
                found[key] = {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"
        return found

    def from_query(self, query: Mapping[str, object]) -> None:
        """Take what an address says; what it says wrongly or not at all gets its default."""
        values = {}
        for name, key in ADDRESS.items():
            parameter = self.param[name]
            values[name] = _read(parameter, query[key]) if key in query else parameter.default
        self.param.update(**values)


class LensState(PageState):
    """The whole page: that of pictures, and that of figures."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.filters = FilterState()


def _read(parameter: param.Parameter, value: object) -> object:
    """A value of an address as one of the parameter; its default where it is none."""
    text = str(value)
    if isinstance(parameter, param.Boolean):
        return {"yes": True, "no": False}.get(text, parameter.default)
    if isinstance(parameter, param.Selector):
        by_text = {str(choice): choice for choice in parameter.objects}
        by_text |= {f"{choice:g}": choice for choice in parameter.objects if isinstance(choice, float)}
        return by_text.get(text, parameter.default)
    return text
