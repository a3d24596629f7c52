"""What Evaluate, Compare and Fairness share: a filter bar, and blocks that are drawn when first opened."""

from collections import deque
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import TapTool

from dashboard.blocks import Block, Chart
from dashboard.charts_figures import MARKS
from dashboard.figure_state import ADDRESS, FilterState, LensState
from dashboard.readings import EMPTY
from dashboard.report import report_html
from dashboard.shelf import Shelf, View
from dashboard.theme import Palette, palette
from dashboard.views.filter_bar import FilterBar, switch
from dashboard.views.own import OwnView
from dashboard.views.parts import chart, column, html, row
from dashboard.views.rows import RowsPanel
from dashboard.views.session import aside, soon
from fusion_model.errors import ExpressionLensError

Todo = deque[Callable[[], list[Any]]]


class FigurePage(pn.viewable.Viewer):
    """A page of figures: filters above, blocks below, built when the page is first looked at.

    Subclasses name their ``page``, the selectors of models they want, and make blocks in :meth:`_blocks`.
    """

    page = ""
    title = ""
    selectors: tuple[tuple[str, str], ...] = ()

    def __init__(self, state: LensState, shelf: Shelf) -> None:
        super().__init__()
        self._state, self._filters, self._shelf = state, state.filters, shelf
        self._bar = FilterBar(state.filters, shelf, self.selectors, self._extra)
        self._body = column(gap=36)
        self._over_control = html()  # the heading above the page's control
        self._layout = column(gap=24)
        self._lists: list[RowsPanel] = []
        self._todo: Todo = deque()  # blocks that are still to be put on the page
        self._built = False
        self._stale = True
        state.param.watch(self._refresh, ["page", "dark"])
        state.filters.param.watch(self._refresh, [*ADDRESS, "svg", "version"])
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def _colours(self) -> Palette:
        return palette(self._state.dark)

    def _refresh(self, *events: Any) -> None:
        self._stale = self._stale or any(event.name != "page" for event in events)
        if self._state.page != self.page or not self._stale:
            return
        self._stale = False
        if self._shelf.record.trouble:
            self._layout[:] = [pmui.Alert(object=self._shelf.record.trouble, severity="info", margin=0)]
            return
        self._filters.pick("")
        if not self._built:
            self._built = True
            own = OwnView(self._filters, self._shelf)
            head = column(self._bar, own, *self._above(), gap=8)
            self._layout[:] = [head, self._body, self._export()]
        self._draw()

    def _draw(self) -> None:
        while self._lists:
            self._lists.pop().close()
        todo = self._todo = deque()
        try:
            view = self._shelf.view(self._filters)
        except ExpressionLensError as error:
            self._say(error)
            return
        self._bar.show(view)
        if len(view.rows):
            aside(partial(self._worked_out, view), partial(self._show, todo, view))
        else:
            self._body[:] = [_slot(html(f'<div class="empty" role="status"><b>{EMPTY}</b></div>'))]

    def _worked_out(self, view: View) -> list[Block] | ExpressionLensError:
        try:
            return self._blocks(view)
        except ExpressionLensError as error:
            return error

    def _show(self, todo: Todo, view: View, found: list[Block] | ExpressionLensError) -> None:
        if todo is not self._todo:
            return  # drawn anew in the meantime
        if isinstance(found, ExpressionLensError):
            self._say(found)
        else:
            todo.extend(partial(self._block, item, view) for item in found)
            self._put(todo, 0)

    def _say(self, error: ExpressionLensError) -> None:
        self._body[:] = [_slot(html(f'<p role="alert">{escape(str(error))}</p>'))]

    def _put(self, todo: Todo, place: int) -> None:
        """Put the next block where the old one stood, and the one after it when others had their turn."""
        if todo is not self._todo:
            return
        if not todo:
            if place < len(self._body):
                self._body[place:] = []
            return
        parts = todo.popleft()()
        # Into the column that is there: were it exchanged, the browser would also make all below it anew.
        if place < len(self._body):
            self._body[place][:] = parts
        else:
            self._body.append(_slot(*parts))
        soon(partial(self._put, todo, place + 1))

    def _block(self, block: Block, view: View) -> list[Any]:
        if block.control:
            # Kept: made anew it would lose the keyboard's focus, and a click that is still on its way to it.
            self._over_control.object = block.heading()
            parts = [self._over_control, self._control(view)]
        else:
            parts = [html(block.heading())] if block.heading() else []
        if block.charts:
            parts.append(self._charts(block))
        if block.ending():
            parts.append(html(block.ending()))
        if block.picks:
            self._lists.append(RowsPanel(self._filters, view, block.picks, self._shelf.record.pictures))
            parts.append(self._lists[-1])
        return parts

    def _charts(self, block: Block) -> pn.viewable.Viewable:
        drawn = []
        for item in block.charts:
            _prepare(item, self._filters)
            head = [html(f"<h3>{escape(item.heading)}</h3>")] if item.heading else []
            options = {"max_width": block.width} if block.width else {}
            drawn.append(column(*head, chart(item.plot), gap=4, **options))
        if len(drawn) == 1 or all(item.wide for item in block.charts):
            return column(*drawn, gap=12)
        size = {"xs": 12, "md": 12 // len(drawn)}
        cells = [pmui.Grid(part, size=size) for part in drawn]
        return pmui.Grid(*cells, container=True, spacing=3, sizing_mode="stretch_width", margin=0)

    def _export(self) -> pn.viewable.Viewable:
        save = pmui.FileDownload(
            callback=self._report,
            filename=f"expression-lens-{self.page}.html",
            label="This page as a report",
            size="small",
            margin=0,
        )
        svg = switch(self._filters, "svg", "Charts save as SVG instead of PNG")
        words = "Each chart saves itself from its toolbar, each table from the link below it."
        return row(save, svg, html(f'<p class="quiet small">{words}</p>', sizing_mode=None), gap=16)

    def _report(self) -> Any:
        view = self._shelf.view(self._filters)
        blocks = self._report_blocks(view) if len(view.rows) else [Block(EMPTY)]
        return report_html(self.title, view, self._filters, blocks)

    def _report_blocks(self, view: View) -> list[Block]:
        """The blocks of the report: those of the page, unless it shows a part only."""
        return self._blocks(view)

    def _above(self) -> list[Any]:
        """What stands between the bar and the blocks, made once."""
        return []

    def _extra(self, view: View) -> list[Any]:  # noqa: ARG002  (the pages that have some need it)
        """Further selectors in the bar."""
        return []

    def _control(self, view: View) -> Any:
        """The page's control, the same each time, with what is in force."""
        raise NotImplementedError

    def _blocks(self, view: View) -> list[Block]:
        raise NotImplementedError


def _slot(*parts: Any) -> pn.Column:
    """Where a block of a page stands."""
    return column(*parts, gap=10)


def _prepare(item: Chart, state: FilterState) -> None:
    """Let a chart's marks be clicked, and its toolbar save what the visitor asks for."""
    item.plot.output_backend = "svg" if state.svg else "canvas"
    if not item.keys:
        return
    # Not by Plot.select, which walks through every model of the chart: a tenth of a page's time.
    marks = next(renderer for renderer in item.plot.renderers if renderer.name == MARKS)
    marks.nonselection_glyph = None
    if not any(isinstance(tool, TapTool) for tool in item.plot.toolbar.tools):
        item.plot.add_tools(TapTool(renderers=[marks]))
    marks.data_source.selected.on_change("indices", partial(_tapped, item, state))


def _tapped(item: Chart, state: FilterState, _name: str, _old: list[int], new: list[int]) -> None:
    if new:
        state.pick(item.keys[new[0]])
