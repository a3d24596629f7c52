"""Blocks: what a page of figures is made of. A page lays them out, and a report prints the same ones."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from bokeh.plotting import figure

from dashboard.cells import cell
from dashboard.tables import html_table


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column heads its rows.

    `drawn` holds columns of HTML by head, which stand after the first one where the table is shown.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    muted: frozenset[str] = frozenset()
    drawn: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def html(self, saved: "Table | None" = None) -> str:
        """As HTML, with a link that saves it (or a longer one) as CSV: no script, no request."""
        name = "".join(letter if letter.isalnum() else "-" for letter in self.caption.lower())[:48]
        link = f'<a class="save" download="{name}.csv" href="{(saved or self).data_url()}">Save as CSV</a>'
        table = html_table(self.caption, self.head, self.rows, muted=self.muted, drawn=self.drawn)
        return table + f"<p>{link}</p>"

    def csv(self) -> str:
        """As CSV text."""
        out = io.StringIO()
        rows = ([cell(text) for text in row] for row in (self.head, *self.rows))
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue()

    def data_url(self) -> str:
        """The CSV text as an address of its own."""
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(self.csv().encode()).decode()


def _unbroken(sentence: str) -> str:
    """Escaped, with no line break between a number and its per cent sign."""
    return escape(sentence).replace(" %", "&nbsp;%")


@dataclass(frozen=True, eq=False)
class Pick:
    """Rows that a mark of a chart stands for: a title, and a mask (N,) bool over the view's rows."""

    title: str
    mask_N: np.ndarray


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure with its heading and, for its first source of clicks, the key of each mark."""

    plot: figure
    heading: str = ""
    keys: Sequence[str] = ()
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Block:
    """One answer: a title, its reading in a sentence, charts, notes, tables.

    Attributes
    ----------
    title, reading : str
        The reading is text, a paragraph a line; it is escaped where it is shown.
    before, after : str
        HTML between reading and charts, and after the charts.
    charts : tuple of Chart
    tables : tuple of Table
        Behind a line that opens them.
    note : str
        Small print, as text: method and limits.
    picks : dict of str to Pick
        Rows that can be listed.
    control : bool
        Whether the page puts its control above the charts.
    width : int
        Widest that its charts may be, px; 0 for no limit.
    """

    title: str
    reading: str = ""
    before: str = ""
    charts: tuple[Chart, ...] = ()
    after: str = ""
    tables: tuple[Table, ...] = ()
    note: str = ""
    picks: dict[str, Pick] = field(default_factory=dict)
    control: bool = False
    width: int = 0

    def heading(self) -> str:
        """Title and reading as HTML."""
        said = filter(None, self.reading.split("\n"))
        reading = "".join(f'<p class="quiet reading">{_unbroken(sentence)}</p>' for sentence in said)
        return (f"<h2>{escape(self.title)}</h2>" if self.title else "") + reading + self.before

    def ending(self) -> str:
        """What stands below the charts, as HTML."""
        note = f'<p class="quiet small">{escape(self.note)}</p>' if self.note else ""
        tables = "".join(table.html() for table in self.tables)
        folded = f"<details><summary>The numbers as a table</summary>{tables}</details>" if tables else ""
        return self.after + note + folded
