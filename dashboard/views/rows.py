"""The pictures behind a mark of a chart: chosen by a click or from a list, told in a table."""

from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from dashboard.blocks import Pick, Table
from dashboard.charts import percent
from dashboard.figure_state import FilterState
from dashboard.record import FER2013
from dashboard.row_pictures import RowPictures
from dashboard.shelf import View
from dashboard.views.parts import column, html, row
from dashboard.wording import model_name

AT_ONCE = 15
MOST_SAVED = 5000
NOTHING = "choose …"
NAMES = {"ferplus_label": "most taggers", "ferplus_agreement": "agree", "age_band": "age"}
TOLD = ("person", "gender", "age_band", "ethnicity", "ferplus_label", "ferplus_agreement", "mesh_found")


class RowsPanel(pn.viewable.Viewer):
    """A selector of picks, and the rows of the chosen one, the surest answers first.

    Parameters
    ----------
    state : FilterState
    view : View
    picks : dict of str to Pick
    pictures : RowPictures
    """

    def __init__(self, state: FilterState, view: View, picks: dict[str, Pick], pictures: RowPictures) -> None:
        super().__init__()
        self._state, self._view, self._picks, self._pictures = state, view, picks, pictures
        counts = {key: int(np.count_nonzero(pick.mask_N)) for key, pick in picks.items()}
        options = {NOTHING: ""} | {
            f"{pick.title} ({counts[key]:,})": key for key, pick in picks.items() if counts[key]
        }
        self._choose = pmui.Select(
            label="List the pictures", options=options, value="", size="small", margin=0, width=340
        )
        self._choose.param.watch(self._chosen, "value")
        self._body = column(gap=8)
        self._layout = column(self._choose, self._body, gap=8)
        self._watcher = state.param.watch(self._refresh, ["picked", "place"])
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def close(self) -> None:
        """Hear no more of the state."""
        self._state.param.unwatch(self._watcher)

    def _chosen(self, event: Any) -> None:
        # Emptied because another list's rows were picked: then those stay.
        if event.new or self._state.picked in self._picks:
            self._state.pick(event.new)

    def _refresh(self, *_: Any) -> None:
        key = self._state.picked
        mine = key if key in self._picks else ""
        # A mark without rows is not in the list, but may be clicked.
        self._choose.value = mine if mine in self._choose.options.values() else ""
        if self._state.picked != key:
            return
        self._body[:] = self._rows(self._picks[mine]) if mine else []

    def _rows(self, pick: Pick) -> list[Any]:
        places = np.flatnonzero(pick.mask_N)
        if not len(places):
            return [html(f'<p class="quiet">No picture is {pick.title}.</p>')]
        order = np.argsort(-self._view.rows.confidence(self._view.model)[places], kind="stable")
        places = places[order]
        start = self._state.place if self._state.place < len(places) else 0
        shown = places[start : start + AT_ONCE]
        table = row_table(
            self._view, shown, f"{len(places):,} pictures {pick.title}, the surest answers first"
        )
        saved = row_table(self._view, places[:MOST_SAVED], f"pictures {pick.title}")
        note = ""
        if self._view.data == FER2013:
            rows = [int(cells[0]) for cells in table.rows]
            table = replace(table, drawn=self._pictures.columns(rows, (cells[1] for cells in table.rows)))
            note = f'<p class="quiet small">{self._pictures.note}</p>'
        parts: list[Any] = [html(table.html(saved) + note)]
        if len(places) > AT_ONCE:
            parts.insert(0, self._pager(start, len(places)))
        return parts

    def _pager(self, start: int, n: int) -> pn.viewable.Viewable:
        def turn(to: int) -> None:
            self._state.place = to

        back = pmui.Button(label="Earlier", variant="text", size="small", margin=0, disabled=start == 0)
        on = pmui.Button(label="Later", variant="text", size="small", margin=0, disabled=start + AT_ONCE >= n)
        back.on_click(lambda _: turn(max(start - AT_ONCE, 0)))
        on.on_click(lambda _: turn(start + AT_ONCE))
        words = f'<p class="quiet num">{start + 1:,} to {min(start + AT_ONCE, n):,} of {n:,}</p>'
        return row(back, on, html(words, sizing_mode=None), gap=8)


def row_table(view: View, places: np.ndarray, caption: str) -> Table:
    """The rows at these places: number, label, what is known of the picture, each shown model's answer."""
    rows = view.rows.keep(places)
    labels = np.array(rows.labels)
    told = [name for name in TOLD if name in rows.table.frame]
    models = list(dict.fromkeys([view.model, view.first, view.second]))
    columns = {"row": rows.column("row").astype(str).tolist(), "labelled": labels[rows.truth_N].tolist()}
    for model in models:
        p_NK, answer_N = rows.probabilities[model], rows.answers[model]
        best_N, given_N = p_NK.max(axis=1), p_NK[np.arange(len(rows)), rows.truth_N]
        columns[model_name(model)] = [
            f"{label} {percent(best)}" + ("" if right else f", label {percent(given)}")
            for label, best, given, right in zip(
                labels[answer_N], best_N, given_N, answer_N == rows.truth_N, strict=True
            )
        ]
    for name in told:
        values = rows.column(name)
        columns[NAMES.get(name, name.replace("_", " "))] = [
            "–" if missing else (f"{value:g}" if isinstance(value, float) else str(value))
            for value, missing in zip(values, values.isna(), strict=True)
        ]
    return Table(caption, list(columns), list(zip(*columns.values(), strict=True)))
