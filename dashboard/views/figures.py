"""What Evaluate and Compare share: the filter bar, and a page that is built when first opened."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard.record import Record, Slice
from dashboard.state import FigureState, PageState
from dashboard.views.parts import column, html, row
from dashboard.wording import model_name
from fusion_model.prediction_table import TableError

SPLIT_HELP = (
    "Settings were chosen on PublicTest; PrivateTest is reported, as for two earlier pairs of models."
)


def asked_slice(figures: FigureState) -> Slice:
    """The slice that the filter bar asks for."""
    return Slice(split=figures.split, without_copies=figures.without_copies, mirrored=figures.mirrored)


class FigurePage(pn.viewable.Viewer):
    """A page of figures: filters above, charts below, built when the page is first looked at.

    Subclasses name their ``page``, the selectors of models they want, and draw in :meth:`_parts`.
    """

    page = ""
    selectors: tuple[tuple[str, str], ...] = ()
    watched: tuple[str, ...] = ()

    def __init__(self, state: PageState, record: Record) -> None:
        super().__init__()
        self._state, self._figures, self._record = state, state.figures, record
        self._body = column(gap=32)
        self._layout = column(gap=24)
        self._built = False
        self._stale = True
        state.param.watch(self._refresh, ["page", "dark"])
        common = ["split", "without_copies", "mirrored", *(name for name, _ in self.selectors)]
        state.figures.param.watch(self._refresh, [*common, *self.watched])
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _refresh(self, *events: Any) -> None:
        self._stale = self._stale or any(event.name != "page" for event in events)
        if self._state.page != self.page or not self._stale:
            return
        self._stale = False
        if self._record.trouble:
            self._layout[:] = [pmui.Alert(object=self._record.trouble, severity="info", margin=0)]
            return
        self._draw()
        if not self._built:
            # After the body is filled: both at once would send the same models twice.
            self._built = True
            self._layout[:] = [self._filters(), self._body]

    def _filters(self) -> pn.viewable.Viewable:
        figures = self._figures
        options: dict[str, Any] = {"size": "small", "margin": 0, "width": 140}
        names = {model_name(model): model for model in self._record.models}
        splits = list(self._record.splits)
        widgets = [
            pmui.Select.from_param(
                figures.param[name], label=label, options=names, description=None, **options
            )
            for name, label in self.selectors
        ]
        widgets.append(
            pmui.Select.from_param(
                figures.param.split, label="Split", options=splits, description=SPLIT_HELP, **options
            )
        )
        switches = [
            pmui.Switch.from_param(
                figures.param.without_copies, label="Without copies of training pictures", margin=0
            )
        ]
        if self._record.has_unmirrored:
            switches.append(
                pmui.Switch.from_param(
                    figures.param.mirrored, label="Averaged with the mirror image", margin=0
                )
            )
        return row(*widgets, *switches, gap=16)

    def _draw(self) -> None:
        try:
            self._body[:] = self._parts()
        except TableError as error:
            self._body[:] = [html(f'<p role="alert">{error}</p>')]

    def _parts(self) -> list[Any]:
        raise NotImplementedError
