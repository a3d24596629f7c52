"""How the marks of several models are told from each other in one chart: solid, outlined, tinted, hatched.

Colour is the expression's everywhere, so a model is told by how its marks are filled. The fusion model is
solid and the CNN outlined in every chart; other models take what is left, in their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.wording import model_name


@dataclass(frozen=True)
class Mark:
    """How the bars of a model are filled.

    Attributes
    ----------
    alpha : of the fill, 0 to 1.
    hatch : pattern over it, by Bokeh's name; " " for none.
    swatch : CSS background of the same look in ``currentColor``.
    """

    alpha: float
    hatch: str = " "
    swatch: str = "none"


SOLID = Mark(1.0, swatch="currentColor")
OUTLINED = Mark(0.0)
OWN = {"fusion": SOLID, "cnn": OUTLINED}
OTHERS = (
    SOLID,
    OUTLINED,
    Mark(0.4, swatch="color-mix(in srgb, currentColor 40%, transparent)"),
    Mark(0.0, "/", "repeating-linear-gradient(135deg, currentColor 0 1px, transparent 1px 4px)"),
    Mark(0.0, "|", "repeating-linear-gradient(90deg, currentColor 0 1px, transparent 1px 3px)"),
)


def marks(models: Sequence[str]) -> dict[str, Mark]:
    """The mark of each of these models; all differ, for as many as there are marks."""
    taken = {name: OWN[name] for name in models if name in OWN}
    free = [mark for mark in OTHERS if mark not in taken.values()]
    others = [name for name in models if name not in OWN]
    # From the end: the model that is drawn first, on top, is the last in order.
    placed = {name: free[index % len(free)] for index, name in enumerate(reversed(others))}
    return {name: (taken | placed)[name] for name in models}


def mark_key(models: Sequence[str]) -> str:
    """Which marks are whose, as HTML, in the order in which they are drawn."""
    return '<div class="key">' + "".join(
        f'<span><i style="background:{mark.swatch}"></i>{escape(model_name(name))}</span>'
        for name, mark in reversed(marks(models).items())
    ) + "</div>"  # fmt: skip
