"""Bars over the album: how many faces look like what, to each model."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bokeh.plotting import figure

from dashboard.charts_look import bar_chart, bar_offsets
from dashboard.theme import Palette, expression_colour
from dashboard.wording import model_name


def album_chart(counted: Mapping[str, Counter[str]], labels: Sequence[str], colours: Palette) -> figure:
    """A row an expression, a bar a model, numbers printed.

    Parameters
    ----------
    counted : mapping of str to Counter
        By model: how many faces look like what to it.
    labels : sequence of str
        The rows, from the top.
    colours : Palette
        Of the page.
    """
    most = max((count for counter in counted.values() for count in counter.values()), default=1)
    data: dict[str, dict[str, list]] = {
        model: {
            "y": [(label, -offset) for label in labels],
            "label": list(labels),
            "model": [model_name(model)] * len(labels),
            "share": [counted[model][label] for label in labels],
            "printed": [f"{counted[model][label]:,}" for label in labels],
            "colour": [expression_colour(label) for label in labels],
        }
        for model, offset in bar_offsets(list(counted)).items()
    }
    return bar_chart(data, list(counted), colours, ("faces", "@share"), end=most * 1.12)
