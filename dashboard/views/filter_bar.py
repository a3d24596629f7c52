"""The filter bar of the pages of figures: which data, which rows of it, and how many are left."""

from collections.abc import Callable
from html import escape
from operator import attrgetter
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard.figure_state import AGREEMENTS, FilterState
from dashboard.readings import rule_text
from dashboard.shelf import ALL, Shelf, View
from dashboard.views.parts import column, html, row
from dashboard.wording import model_name
from fusion_model.filters import MESH_CHOICES, Rule, SliceColumn

SPLIT_HELP = (
    "Settings were chosen on PublicTest; PrivateTest is reported, as for every earlier pair of models."
)
SMALL: dict[str, Any] = {"size": "small", "margin": 0}
MESH_NAMES = {"any": "with or without", "found": "found", "missing": "not found"}
UNITS = {"yaw": "°", "pitch": "°", "roll": "°", "eye_distance": " px"}


def wide_enough(*texts: str) -> int:
    """Width of a selector, px, in which the longest of these texts is not cut; no wider than a phone."""
    return min(320, max(140, 60 + 8 * max(map(len, texts))))


def linked(
    state: FilterState, name: str, label: str, options: dict[str, Any], value: Any, **more: Any
) -> pmui.Select:
    """A selector that sets a parameter of the state; the value shown is the one in force."""
    widget = pmui.Select(
        label=label, options=options, value=value, **{**SMALL, "width": wide_enough(label, *options), **more}
    )
    widget.param.watch(lambda event: setattr(state, name, event.new), "value")
    return widget


def switch(state: FilterState, name: str, label: str) -> pmui.Switch:
    """A switch for a parameter of the state."""
    # No description: its sign has a name that screen readers may not read out (axe: aria-prohibited-attr).
    return pmui.Switch.from_param(state.param[name], label=label, margin=0, description="")


class FilterBar(pn.viewable.Viewer):
    """Selectors of data, split and models; switches; slices; and the number of pictures left.

    Parameters
    ----------
    state : FilterState
    shelf : Shelf
    models : sequence of (str, str)
        Names and labels of the selectors of models that the page wants.
    extra : callable, optional
        Makes further selectors of the page from its view.
    """

    def __init__(
        self,
        state: FilterState,
        shelf: Shelf,
        models: tuple[tuple[str, str], ...],
        extra: Callable[[View], list[Any]] | None = None,
    ) -> None:
        super().__init__()
        self._state, self._shelf, self._models, self._extra = state, shelf, models, extra
        self._count = html(width=250, sizing_mode=None)
        self._open = False
        self._drawn: tuple[Any, ...] = ()
        self._linked: list[tuple[pmui.Select, Callable[[View], Any]]] = []
        self._layout = column(gap=8)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def show(self, view: View) -> None:
        """Bring the bar in line with what is in force.

        It is made anew only when its choices change: a selector that is replaced loses the keyboard's focus.
        """
        self._count.object = f'<p class="num count" role="status">n = <b>{escape(view.what)}</b></p>'
        drawn = (
            view.data,
            tuple(self._shelf.titles),
            view.rows.models,
            self._state.rules,
            self._state.version,
            tuple(view.estimated),
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self._rebuild(view)
        for widget, current in self._linked:
            widget.value = current(view)

    def linked(
        self,
        name: str,
        label: str,
        options: dict[str, Any],
        current: Callable[[View], Any],
        view: View,
        **more: Any,
    ) -> pmui.Select:
        """A selector of a parameter that follows what is in force."""
        widget = linked(self._state, name, label, options, current(view), **more)
        self._linked.append((widget, current))
        return widget

    def _rebuild(self, view: View) -> None:
        self._linked.clear()
        self._layout[:] = [self._first_row(view), self._second_row(view), *self._more(view)]

    def _first_row(self, view: View) -> pn.viewable.Viewable:
        titles = {title: key for key, title in self._shelf.titles.items()}
        splits = {name: name for name in view.splits}
        if len(view.splits) > 1:
            splits["all of them"] = ALL
        names = {model_name(model): model for model in view.rows.models}
        parts = [self.linked("data", "Data", titles, lambda view: view.data, view)]
        if len(view.splits) > 1:
            parts.append(self.linked("split", "Split", splits, lambda view: view.split or ALL, view))
        parts += [self.linked(name, label, names, attrgetter(name), view) for name, label in self._models]
        if self._extra is not None:
            parts += self._extra(view)
        return row(*parts, gap=12)

    def _second_row(self, view: View) -> pn.viewable.Viewable:
        parts: list[Any] = [self._count]
        if "copy_in_training" in view.flags:
            parts.append(switch(self._state, "without_copies", "Without copies of training pictures"))
        if self._shelf.record.has(view.data, False):
            parts.append(switch(self._state, "mirrored", "Averaged with the mirror image"))
        in_force = [
            pmui.Button(
                label=f"{rule_text(rule)}  ×",
                variant="outlined",
                on_click=lambda _, name=rule.column: self._state.drop_rule(name),
                **SMALL,
            )
            for rule in self._state.slices
            if any(rule.column == known.name for known in view.columns)
        ]
        more = pmui.Button(label="Fewer filters" if self._open else "More filters", variant="text", **SMALL)
        more.on_click(lambda _: self._toggle(view))
        help_text = [html(f'<p class="quiet small">{SPLIT_HELP}</p>')] if "PublicTest" in view.splits else []
        return column(row(*parts, *in_force, more, gap=16), *help_text, gap=4)

    def _toggle(self, view: View) -> None:
        self._open = not self._open
        self._rebuild(view)

    def _more(self, view: View) -> list[Any]:
        if not self._open:
            return []
        state = self._state
        parts: list[Any] = []
        if "mesh_found" in view.flags:
            meshes = {MESH_NAMES[choice]: choice for choice in MESH_CHOICES}
            parts.append(self.linked("mesh", "Face mesh", meshes, lambda _: state.mesh, view, width=160))
        columns = {slice_.name: slice_ for slice_ in view.columns}
        if "ferplus_agreement" in columns:
            levels = {"any": 0.0} | {f"{round(10 * a)} of 10 or more": a for a in AGREEMENTS[1:]}
            agreement = self.linked(
                "agreement", "Taggers who agree", levels, lambda _: state.agreement, view, width=170
            )
            parts.append(agreement)
        editor = row(gap=12, sizing_mode=None)
        if columns:
            offered = {"choose a column": "", **{name.replace("_", " "): name for name in columns}}
            choose = pmui.Select(label="Slice by", options=offered, value="", width=190, **SMALL)
            choose.param.watch(lambda event: self._edit(editor, columns.get(event.new)), "value")
            parts.append(choose)
        widen = pmui.Button(label="Take all filters away", variant="text", **SMALL)
        widen.on_click(lambda _: state.widen())
        return [row(*parts, editor, widen, gap=12)]

    def _use_values(self, name: str, values: list[str]) -> None:
        if values:
            self._state.add_rule(Rule(name, values=tuple(values)))

    def _edit(self, place: pn.FlexBox, chosen: SliceColumn | None) -> None:
        """Offer the range or the values of a column."""
        if chosen is None:
            place[:] = []
            return
        state = self._state
        add = pmui.Button(label="Use", variant="outlined", **SMALL)
        if chosen.values:
            pick = pmui.MultiChoice(
                label=f"Values of {chosen.name}", options=list(chosen.values), width=260, margin=0
            )
            add.on_click(lambda _: self._use_values(chosen.name, pick.value))
            place[:] = [pick, add]
            return
        step = 10.0 ** -max(0, 2 - len(str(int(chosen.high - chosen.low))))
        slider = pmui.EditableRangeSlider(
            label=f"Range of {chosen.name}{UNITS.get(chosen.name, '')}",
            start=chosen.low,
            end=chosen.high,
            value=(chosen.low, chosen.high),
            step=step,
            width=300,
            **SMALL,
        )
        add.on_click(lambda _: state.add_rule(Rule(chosen.name, *slider.value)))
        place[:] = [slider, add]
