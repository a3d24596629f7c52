"""A page of figures as one HTML file that needs nothing else: no other file, no other host."""

import io
from html import escape

from bokeh.embed import components
from bokeh.resources import INLINE

from dashboard.blocks import Block
from dashboard.figure_state import FilterState
from dashboard.readings import rule_text
from dashboard.shelf import View
from dashboard.theme import HTML_CSS, LIGHT

VARIABLES = {
    "text-primary": LIGHT.text,
    "text-secondary": LIGHT.muted,
    "primary-main": LIGHT.accent,
    "divider": LIGHT.faint,
}
PAGE_CSS = """
body { max-width: 1000px; margin: 2.5rem auto; padding: 0 1.25rem; background: #FFFFFF; }
section { margin: 2.5rem 0; } .charts { display: grid; gap: 1.5rem; }
@media (min-width: 800px) { .charts { grid-template-columns: repeat(var(--charts, 1), 1fr); } }
.charts > div { min-width: 0; } details { margin-top: 0.5rem; }
@media print { details > summary { display: none; } section { break-inside: avoid; } }
"""


def report_html(title: str, view: View, state: FilterState, blocks: list[Block]) -> io.BytesIO:
    """The report, UTF-8.

    Parameters
    ----------
    title : str
        Of the page.
    view : View
        What the figures are of.
    state : FilterState
        Whose filters the report names.
    blocks : list of Block
        In light colours, fresh: a chart belongs to one document.
    """
    charts = [item.plot for block in blocks for item in block.charts]
    script, divs = components(charts) if charts else ("", ())
    left = iter(divs)
    sections = []
    for block in blocks:
        drawn = "".join(
            f"<div>{f'<h3>{escape(item.heading)}</h3>' if item.heading else ''}{next(left)}</div>"
            for item in block.charts
        )
        across = 1 if all(item.wide for item in block.charts) else len(block.charts)
        limit = f"max-width: {block.width}px;" if block.width else ""
        grid = f'<div class="charts" style="--charts: {across}; {limit}">{drawn}</div>' if drawn else ""
        sections.append(f"<section>{block.heading()}{grid}{block.ending()}</section>")
    css = HTML_CSS.replace(":host", ":root, body")
    variables = "".join(f"--mui-palette-{name}: {value};" for name, value in VARIABLES.items())
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Expression Lens: {escape(title)}</title>"
        f"<style>:root {{ {variables} }} {css} {PAGE_CSS}</style>"
        f"{INLINE.render() if charts else ''}</head><body><main><h1>Expression Lens: {escape(title)}</h1>"
        f"<p>{escape(about(view, state))}</p>{''.join(sections)}</main>{script}</body></html>"
    )
    return io.BytesIO(page.encode())


def about(view: View, state: FilterState) -> str:
    """What the figures of a report are of, in a sentence or two."""
    parts = [f"{view.title}, {f'split {view.split}' if view.split else 'all splits'}: {view.what}."]
    limits = []
    if state.without_copies:
        limits.append("without copies of training pictures")
    if state.mesh != "any":
        limits.append("with a face mesh" if state.mesh == "found" else "without a face mesh")
    if state.agreement:
        limits.append(f"{round(10 * state.agreement)} of 10 taggers or more agree")
    limits += [rule_text(rule) for rule in state.slices]
    if limits:
        parts.append(f"Filters: {'; '.join(limits)}.")
    if view.data == "fer2013":
        parts.append(
            "Probabilities averaged with those of the mirror image."
            if view.mirrored
            else "Without the mirror image."
        )
    parts.append("Intervals are 95 %. A face looks happy; no figure here says what anyone feels.")
    return " ".join(parts)
