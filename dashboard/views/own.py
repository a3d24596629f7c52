"""A table of the visitor's own: dropped on the page, its columns understood, kept in the session only."""

from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard.album import shown_name
from dashboard.figure_state import FilterState
from dashboard.shelf import OWN, Shelf
from dashboard.tables import html_table
from dashboard.views.parts import column, html, row
from dashboard.views.upload import CHUNK_BYTES, QuietDropper
from fusion_model.errors import ExpressionLensError
from fusion_model.own_table import MOST_ROWS, Roles, guess_roles, problems, table_of_roles
from fusion_model.rows import Rows
from fusion_model.table_file import read_csv

MAX_BYTES = 60_000_000
MAX_UNPACKED = 60_000_000
HELP = (
    "<p>One row a picture, in UTF-8: a column <b>label</b>, and a model’s answers as a column "
    "<b>prediction</b> or "
    "as probabilities, one column a class, named <b>model_class</b> (several models: several families). "
    "All other "
    "columns can be sliced and grouped by; with a column <b>person</b>, intervals take pictures of one "
    "person "
    f"together. Up to {MOST_ROWS:,} rows, plain or .gz.</p><p class='quiet small'>The table lives in the "
    "memory of "
    "your session and nowhere else; <b>Forget it</b> or closing the page ends it.</p>"
)
CSS = """
:host { --accent: var(--mui-palette-primary-main); }
.bk-input.filepond--root { box-shadow: none; background: transparent; padding: 0;
                  font-family: Roboto, 'Helvetica Neue', Arial, sans-serif; margin: 0; min-height: 112px;
                  max-height: 230px;
                  border: 1.5px dashed var(--mui-palette-text-secondary); border-radius: 12px; }
.bk-input.filepond--root:not([disabled]):hover, .bk-input.filepond--root:focus-within {
    border: 1.5px dashed var(--accent); box-shadow: none; background: transparent; }
.filepond--panel-root, .filepond--panel-root > * { background: transparent !important; box-shadow: none; }
.filepond--file-status-sub, .filepond--file-info-sub { opacity: 0.9; }
.filepond--drop-label, .filepond--root .filepond--drop-label { color: var(--mui-palette-text-primary);
    min-height: 108px; height: 108px; background: transparent; transform: none !important; }
.filepond--drop-label label { font-size: 0; cursor: pointer; }
.filepond--drop-label label::before { content: 'Drop a table here, or '; font-size: 1.05rem;
                                      font-weight: 500; }
.filepond--drop-label label::after {
    content: 'CSV or CSV.GZ, up to {MB} MB';
    display: block; white-space: normal; font-size: 0.85rem; margin-top: 0.35rem;
    color: var(--mui-palette-text-secondary); }
.filepond--drop-label label .filepond--label-action { font-size: 1.05rem !important; font-weight: 500;
    text-transform: lowercase; color: var(--accent); text-decoration-color: currentColor; }
.filepond--item-panel { background-color: var(--accent); }
.filepond--file { color: var(--mui-palette-primary-contrastText); }
.filepond--item[data-filepond-item-state='processing-complete'] { display: none; margin: 0; }
""".replace("{MB}", str(MAX_BYTES // 1_000_000))
NONE = "none"


class TableDropper(QuietDropper):
    """A FileDropper for one table; past the limit, bytes are thrown away where they arrive."""

    def __init__(self, **params: Any) -> None:
        super().__init__(
            multiple=False,
            chunk_size=CHUNK_BYTES,
            max_file_size=f"{MAX_BYTES // 1_000_000}MB",
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[CSS],
            **params,
        )

    def _process_event(self, event: Any) -> None:
        if event.event_name == "upload_event" and event.data["chunk"] == 1:
            self._file_buffer.clear()  # one table at a time: what was begun before it is given up
        elif event.event_name == "upload_event":
            kept = sum(len(chunk) for chunk in self._file_buffer.get(event.data["name"], []))
            if kept > MAX_BYTES:
                event.data = {**event.data, "data": b""}
        super()._process_event(event)


class OwnView(pn.viewable.Viewer):
    """A line that opens a drop zone; after a drop, the assistant of columns.

    Parameters
    ----------
    state : FilterState
    shelf : Shelf
        Where the table is put.
    """

    def __init__(self, state: FilterState, shelf: Shelf) -> None:
        super().__init__()
        self._state, self._shelf = state, shelf
        self._open = False
        self._frame: pd.DataFrame | None = None
        self._name = ""
        self._faults: list[str] = []
        self._layout = column(gap=12)
        state.param.watch(self._draw, "version")
        self._draw()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def receive(self, name: str, data: bytes) -> None:
        """Read a dropped file and show what was understood."""
        try:
            self._faults = []
            self._frame, _ = read_csv(
                BytesIO(data), max_bytes=MAX_UNPACKED, max_rows=MOST_ROWS, faults=self._faults
            )
            self._name = shown_name(name)
        except ExpressionLensError as error:
            self._frame = None
            self._draw(trouble=str(error))
            return
        self._assist(self._frame, guess_roles(self._frame))

    def _draw(self, *_: Any, trouble: str = "") -> None:
        here = OWN in self._shelf.titles
        opener = pmui.Button(
            label="Close" if self._open else "Use your own table",
            variant="text",
            size="small",
            margin=0,
            on_click=lambda _: self._toggle(),
        )
        forget = pmui.Button(
            label="Forget your table",
            variant="text",
            size="small",
            margin=0,
            on_click=lambda _: self._forget(),
        )
        parts: list[Any] = [row(opener, *([forget] if here else []), gap=12)]
        if self._open:
            wrong = [html(f'<p role="alert"><b>{escape(trouble)}</b></p>')] if trouble else []
            parts += [html(HELP), *wrong, _drop_zone(self.receive)]
        self._layout[:] = parts

    def _toggle(self) -> None:
        self._open = not self._open
        self._frame = None
        self._draw()

    def _forget(self) -> None:
        self._frame = None
        self._shelf.forget()
        self._state.param.update(data="", rules="", version=self._state.version + 1)

    def _assist(self, frame: pd.DataFrame, roles: Roles) -> None:
        """Show what each column was taken for, what is wrong, and a button to go on."""
        if not self._shows(frame):
            return  # chosen in what is no longer shown: the table was taken, or given up
        wrong = (*self._faults, *problems(frame, roles))
        columns = [NONE, *map(str, frame.columns)]
        choose = pmui.Select(
            label="True label", options=columns, value=roles.label or NONE, size="small", width=220, margin=0
        )
        choose.param.watch(
            lambda event: self._assist(frame, guess_roles(frame, "" if event.new == NONE else event.new)),
            "value",
        )
        go = pmui.Button(
            label="Show its figures", variant="contained", size="small", margin=0, disabled=bool(wrong)
        )
        go.on_click(lambda _: self._take(frame, roles))
        again = pmui.Button(
            label="Another file", variant="text", size="small", margin=0, on_click=lambda _: self._draw()
        )
        said = f"<p><b>{escape(self._name)}</b>: {len(frame):,} rows, {len(frame.columns)} columns.</p>"
        faults = "".join(f"<li>{escape(sentence)}</li>" for sentence in wrong)
        alert = f'<div role="alert"><p><b>Not yet usable:</b></p><ul>{faults}</ul></div>' if wrong else ""
        self._layout[:] = [
            html(f"<h2>Your own table</h2>{said}"),
            row(choose, gap=12),
            html(_understood(frame, roles) + alert),
            row(go, again, gap=12),
        ]

    def _shows(self, frame: pd.DataFrame) -> bool:
        return frame is self._frame

    def _take(self, frame: pd.DataFrame, roles: Roles) -> None:
        if not self._shows(frame):
            return  # pressed twice
        try:
            rows = Rows.of(table_of_roles(frame, roles))
        except ExpressionLensError as error:
            self._draw(trouble=str(error))
            return
        self._frame, self._open = None, False
        self._shelf.take(rows, self._name)
        self._state.widen()
        self._state.param.update(
            data=OWN, split="", model="", first="", second="", version=self._state.version + 1
        )


def _understood(frame: pd.DataFrame, roles: Roles) -> str:
    """What each column was taken for, as a table."""
    family_of = {c: (m, label) for m, f in roles.probabilities.items() for label, c in f.items()}
    predictions = {c: model for model, c in roles.predictions.items()}
    plain = {
        roles.label: "true label",
        roles.split: "split",
        roles.person: "person: rows of one belong together",
    }
    lines = []
    for name in map(str, frame.columns):
        if name in plain:
            role = plain[name]
        elif name in family_of:
            role = "probability of {1}, model {0}".format(*family_of[name])
        elif name in predictions:
            role = f"answers of model {predictions[name]} (no probabilities: its confidence says nothing)"
        else:
            role = "to slice and group by"
        example = next((str(value) for value in frame[name].head(20) if not pd.isna(value)), "–")
        lines.append([name, role, example[:40]])
    return html_table("What each column was taken for", ["column", "role", "for example"], lines)


def _drop_zone(on_table: Callable[[str, bytes], None]) -> pn.Column:
    """A place for a table; its bytes are handed over and forgotten."""
    place = column(gap=0)
    dropper = TableDropper()

    def taken(event: Any) -> None:
        if not event.new:
            return
        name, data = next(iter(event.new.items()))
        event.obj.value.clear()
        place[:] = []
        on_table(name, data.encode() if isinstance(data, str) else data)

    dropper.param.watch(taken, "value")
    place[:] = [dropper]
    return place
