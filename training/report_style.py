"""How the charts of the project report look: panels, tables in shades, colours, lines.

Colours are of Paul Tol's schemes, which colour-blind eyes tell apart; they are never the only difference
between two marks.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.findings import Findings, base_of

#: Paul Tol, "Colour schemes", technical note SRON/EPS/TN/09-002, 2021: bright; a colour a pixel branch.
COLOURS = ("#222255", "#EE6677", "#228833", "#4477AA", "#AA3377", "#BBBBBB")
QUIET = "#BBBBBB"
WIDTH = 7.0  # inches
ACROSS = 2  # panels side by side
STYLE: Any = {  # the stubs name every key
    "font.size": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],  # every word of a file names them all
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    # Words stay words: they can be found, and a file is small. The hash makes the same figure the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "expression-lens",
}


def one_panel(height: float) -> tuple[Figure, Axes]:
    """A figure with one panel, of this height in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def panels(n: int, height: float) -> tuple[Figure, list[Axes]]:
    """Panels two by two, the last place empty where their number is odd."""
    down = -(-n // ACROSS)
    figure = Figure(figsize=(WIDTH, height * down + 0.3), layout="constrained")
    places = list(np.atleast_1d(figure.subplots(down, ACROSS)).ravel())
    for axes in places[n:]:
        axes.axis("off")
    return figure, places


def matrix(axes: Axes, values: np.ndarray) -> None:
    """A table of values from 0 to 100, in shades and printed."""
    axes.imshow(values, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if value > 55 else "black"
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=ink, fontsize=8)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def models_down(axes: Axes, found: Findings) -> None:
    """One row a model, the first on top."""
    axes.set_yticks(range(len(found.models)), [found.title(model) for model in found.models])
    axes.set_ylim(len(found.models) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)


def colour_of(found: Findings, model: str) -> str:
    """One colour a pixel branch: a fusion model has its CNN's."""
    families = [name for name in found.models if not base_of(name)]
    family = base_of(model) or model
    return COLOURS[families.index(family) % len(COLOURS)] if family in families else COLOURS[-1]


def line_of(model: str) -> str | tuple[int, tuple[int, int]]:
    """Fusion models have the whole line, as on the pages."""
    return "-" if base_of(model) else (0, (3, 2))
