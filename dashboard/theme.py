"""Colours and type of the page: one place, for Material UI, for the charts and for the HTML panes."""

from dataclasses import dataclass
from typing import Any

# Okabe and Ito (2008), safe for colour-blind eyes. An expression keeps its colour in every chart.
EXPRESSION_COLOURS = {
    "angry": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happy": "#E69F00",
    "sad": "#0072B2",
    "surprise": "#56B4E9",
    "neutral": "#7F7F7F",
}
# For classes that are not FER-2013's: told apart by name, so one quiet colour is enough.
OTHER_COLOUR = "#7A6FA6"

FONT = "Roboto, 'Helvetica Neue', Arial, sans-serif"
CHART_FONT = {"value": FONT}  # Bokeh takes a bare string here for the name of a column


@dataclass(frozen=True)
class Palette:
    """The colours a canvas needs to be told, because style sheets do not reach into it.

    Attributes
    ----------
    text, muted, faint : str
        Ink for words, for second words, and for hairlines.
    surface : str
        What lies under a chart.
    accent : str
        The one colour that is not an expression's.
    """

    text: str
    muted: str
    faint: str
    surface: str
    accent: str


LIGHT = Palette(text="#1D1B24", muted="#5C5968", faint="#E4E2EA", surface="#FFFFFF", accent="#5A4292")
DARK = Palette(text="#EEECF4", muted="#ABA7B8", faint="#35323F", surface="#17161C", accent="#BCA9F2")


def palette(dark: bool) -> Palette:
    """The palette of the dark page or of the light one."""
    return DARK if dark else LIGHT


def expression_colour(label: str) -> str:
    """The colour of an expression, as ``#RRGGBB``; one quiet colour for a class that is not FER-2013's."""
    return EXPRESSION_COLOURS.get(label, OTHER_COLOUR)


def blend(first: str, second: str, share: float) -> str:
    """Mix two ``#RRGGBB`` colours: 0 gives the first, 1 the second."""
    mixed = (
        round(int(first[i : i + 2], 16) * (1 - share) + int(second[i : i + 2], 16) * share) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02X}" for part in mixed)


def ink_on(fill: str, colours: Palette) -> str:
    """Text or surface colour, whichever stands out more on a fill (WCAG 2.2 contrast ratio)."""
    return max((colours.text, colours.surface), key=lambda ink: contrast(ink, fill))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two ``#RRGGBB`` colours, 1 to 21 (WCAG 2.2, section 1.4.3)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _material(colours: Palette, background: str) -> dict[str, Any]:
    """One Material UI theme from a palette."""
    return {
        "palette": {
            "primary": {"main": colours.accent},
            "background": {"default": background, "paper": colours.surface},
            "text": {"primary": colours.text, "secondary": colours.muted},
            "divider": colours.faint,
        },
        "shape": {"borderRadius": 10},
        "typography": {"fontFamily": FONT, "button": {"textTransform": "none", "fontWeight": 500}},
        "components": {
            "MuiAppBar": {
                "styleOverrides": {
                    "root": {
                        "backgroundColor": colours.surface,
                        "backgroundImage": "none",
                        "color": colours.text,
                        "boxShadow": "none",
                        "borderBottom": f"1px solid {colours.faint}",
                    }
                }
            },
            "MuiTab": {
                "styleOverrides": {
                    "root": {
                        "textTransform": "none",
                        "fontSize": "0.95rem",
                        # Five tabs side by side on a phone.
                        "minWidth": "0",
                        "padding": "12px 8px",
                        "@media (min-width: 600px)": {"padding": "12px 16px"},
                    }
                }
            },
            # The page keeps the height of its header free by an empty heading: let it be no heading.
            "MuiTypography": {"defaultProps": {"variantMapping": {"h5": "div"}}},
            # The page's own bar has no name, and stands at 100 %, unseen, when there is nothing to wait for.
            "MuiLinearProgress": {"defaultProps": {"aria-label": "Progress"}},
            "MuiToggleButton": {"styleOverrides": {"root": {"textTransform": "none", "padding": "6px 12px"}}},
        },
    }


MATERIAL_THEME = {"light": _material(LIGHT, "#FAF9FC"), "dark": _material(DARK, "#121116")}

# Style sheet of every HTML pane: Panel puts each into a shadow root, which page-wide CSS does not reach.
HTML_CSS = """
:host { font-family: Roboto, 'Helvetica Neue', Arial, sans-serif; color: var(--mui-palette-text-primary);
        font-size: 0.95rem; line-height: 1.5; text-wrap: pretty; }
h2 { font-size: 1.35rem; font-weight: 500; line-height: 1.25; margin: 0 0 0.25rem; letter-spacing: -0.01em; }
h3 { font-size: 1.02rem; font-weight: 500; margin: 0 0 0.15rem; }
p { margin: 0 0 0.5rem; } p:last-child { margin-bottom: 0; }
a { color: var(--mui-palette-primary-main); }
ul { margin: 0.2rem 0 0.6rem; padding-left: 1.2rem; } li { margin-bottom: 0.25rem; }
.quiet { color: var(--mui-palette-text-secondary); }
.small { font-size: 0.85rem; }
.num { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--mui-palette-text-secondary); padding: 0 0 0.4rem; }
th, td { padding: 0.32rem 0.6rem; text-align: right; border-bottom: 1px solid var(--mui-palette-divider);
         white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 500; color: var(--mui-palette-text-secondary); }
tbody th { font-weight: 400; }
tr.muted th, tr.muted td { color: var(--mui-palette-text-secondary); font-style: italic; }
.scroll:focus-visible { outline: 2px solid var(--mui-palette-primary-main); outline-offset: 2px; }
.reading { max-width: 100ch; margin-bottom: 0.2rem; }
.save { font-size: 0.85rem; }
.count { font-size: 1rem; white-space: nowrap; }
tr.chosen th, tr.chosen td { font-weight: 700; }
.dot { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.5em; }
summary { cursor: pointer; color: var(--mui-palette-primary-main); font-size: 0.9rem; padding: 0.25rem 0; }
h1 { font-size: 1.25rem; font-weight: 500; letter-spacing: -0.015em; margin: 0; display: flex;
     align-items: center; gap: 0.6rem; white-space: nowrap; }
h1 svg { color: var(--mui-palette-primary-main); }
.purpose { border-left: 3px solid var(--mui-palette-primary-main); padding: 0.1rem 0 0.1rem 0.9rem;
           max-width: 78ch; }
.headline { font-size: 1.9rem; font-weight: 400; letter-spacing: -0.02em; line-height: 1.15; margin: 0; }
.key i.part { width: 0.9em; height: 0.9em; border: 0; vertical-align: -0.08em; }
.headline b { font-weight: 600; }
.key { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.85rem;
       color: var(--mui-palette-text-secondary); }
.key i { display: inline-block; width: 1.5em; height: 0.7em; border-radius: 2px; margin-right: 0.45em;
         box-sizing: border-box; border: 1.5px solid var(--mui-palette-text-secondary); }
.key i.solid { background: var(--mui-palette-text-secondary); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0.75rem; }
.card { border: 1px solid var(--mui-palette-divider); border-radius: 10px; padding: 0.7rem 0.9rem; }
.card .name { color: var(--mui-palette-text-secondary); font-size: 0.85rem; }
.card .value { font-size: 1.55rem; line-height: 1.3; font-variant-numeric: tabular-nums;
               letter-spacing: -0.01em; }
.card .note { color: var(--mui-palette-text-secondary); font-size: 0.8rem;
              font-variant-numeric: tabular-nums; }
figure { margin: 0.5rem 0 0; display: flex; gap: 0.9rem; align-items: center; }
figure img { width: 96px; height: 96px; image-rendering: pixelated; border-radius: 8px; display: block; }
img.face, svg.face { width: 88px; height: 88px; border-radius: 8px; display: block; margin-left: auto; }
img.face { image-rendering: auto; }
svg.face { background: color-mix(in srgb, var(--mui-palette-text-secondary) 8%, transparent); }
svg.face path { fill: none; stroke: var(--mui-palette-text-primary); stroke-width: 0.55; }
.maps { display: flex; flex-wrap: wrap; gap: 1rem 1.4rem; }
.maps figure { flex-direction: column; align-items: flex-start; gap: 0.4rem; font-size: 0.9rem; }
.maps figure img { width: min(216px, 40vw); height: auto; aspect-ratio: 1; image-rendering: auto; }
.legend { display: flex; align-items: center; gap: 0.6rem; font-size: 0.85rem; margin: 0.6rem 0;
          color: var(--mui-palette-text-secondary); }
.legend i { display: inline-block; width: 9rem; height: 0.7rem; border-radius: 3px;
            background-color: #B9B7C2; }
.caution { max-width: 78ch; }
.fact { margin: 0; padding: 0.18rem 0 0.18rem 1.35rem; position: relative; font-size: 0.9rem; }
.fact summary { color: inherit; padding: 0; list-style-position: outside; max-width: 60ch; }
.fact summary::-webkit-details-marker { display: none; }
.fact summary { list-style: none; }
.fact summary::after { content: '\\00a0›'; color: var(--mui-palette-primary-main); }
.fact[open] summary::after { content: ''; }
.fact p { margin: 0.3rem 0 0.4rem; max-width: 66ch; }
.fact::before { content: ''; position: absolute; left: 0.2rem; top: 0.68rem; width: 0.5rem; height: 0.5rem;
                border-radius: 50%; background: var(--mui-palette-divider); }
.fact.dispute::before { background: var(--mui-palette-primary-main); }
.fact.doubt::before { border-radius: 0; background: #C77700; left: 0.05rem; top: 0.6rem; width: 0.75rem;
                      height: 0.65rem; clip-path: polygon(50% 0, 100% 100%, 0 100%); }
.empty { border: 1px dashed var(--mui-palette-divider); border-radius: 12px; padding: 3rem 1.5rem;
         text-align: center; color: var(--mui-palette-text-secondary); }
.empty svg { display: block; margin: 0 auto 1rem; opacity: 0.55; }
.empty b { color: var(--mui-palette-text-primary); font-weight: 500; }
progress { display: block; width: 100%; height: 4px; accent-color: var(--mui-palette-primary-main); }
.live { display: inline-flex; align-items: center; gap: 0.5em; font-size: 0.9rem; }
.live::before { content: ''; flex: none; width: 0.65em; height: 0.65em; border-radius: 50%;
                background: #D32F2F; }
.live.waiting::before { background: var(--mui-palette-text-secondary); }
.thumb { font-size: 0.85rem; line-height: 1.35; }
.thumb img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover; object-position: 50% 25%;
             border-radius: 8px; display: block;
             margin-bottom: 0.35rem; background: var(--mui-palette-divider); }
.thumb.face img { aspect-ratio: 1; margin-bottom: 0.2rem; }
.thumb.chosen img { outline: 3px solid var(--mui-palette-primary-main); outline-offset: 1px; }
.thumb div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.thumb .dot { margin-right: 0.35em; }
iframe { display: block; width: 100%; aspect-ratio: 4 / 3; border: 0; border-radius: 12px;
         background: #000; }
"""
