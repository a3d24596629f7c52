"""The project report: ``training/report_text.md`` filled from the tables, and its charts, into ``docs/``.

``python -m training.figures`` writes it; ``--check`` fails where text or charts are not what the files say.
In the text, ``${name}`` stands for what the function of that name in `FIELDS` tells, ``${chart_name}`` for a
chart.
"""

from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from string import Template

from fusion_model.faces import LANDMARKS
from fusion_model.group_figures import LEAST_ROWS
from fusion_model.preprocess import SIDE
from training import report_tables as tables
from training.findings import CHOSEN_ON, REPORTED, Findings
from training.report_charts import draw_all
from training.report_sentences import SENTENCES, percent_of

TEXT = Path(__file__).with_name("report_text.md")
NAME = "report.md"
#: Where the report finds its charts, from where it stands.
CHARTS = "images/report-{}.svg"

FIELDS: dict[str, Callable[[Findings], str]] = {
    "chosen_on": lambda _: CHOSEN_ON,
    "reported": lambda _: REPORTED,
    "landmarks": lambda _: str(LANDMARKS),
    "side": lambda _: str(SIDE),
    "least_rows": lambda _: str(LEAST_ROWS),
    "lots": lambda _: str(tables.LOTS),
    "least_p": lambda _: tables.p_value(1 / (1 + tables.LOTS)),
    "set_level": lambda _: f"{100 * float(tables.SETS):g} %",
    "census_pictures": lambda found: f"{sum(chain(*_counts(found))):,}",
    "census_distinct": lambda found: f"{found.census['distinct']:,}",
    "census_conflicting": lambda found: f"{found.census['conflicting']:,}",
    "census_copies": lambda found: " and ".join(
        f"{count:,} pictures of {split}" for split, count in found.census["copies"].items()
    ),
    "census_agree": lambda found: _voted(found, "agree"),
    "census_majority": lambda found: _voted(found, "majority"),
    "mesh_share": lambda found: percent_of(float(found.table.frame["mesh_found"].mean())),
    "london_n": lambda found: str(len(found.london)),
    "london_people": lambda found: str(found.london.frame["person"].nunique()),
    "census_table": tables.census_table,
    "comparison_table": tables.comparison_table,
    "cost_table": tables.cost_table,
    "pairs_table": tables.pairs_table,
    "sets_table": tables.sets_table,
    "groups_table": tables.groups_table,
    "slices_table": tables.slices_table,
    "narrowing_table": tables.narrowing_table,
    **SENTENCES,
}


def made(found: Findings, blocks: Mapping[str, str], text: Path = TEXT) -> dict[str, bytes]:
    """The report and its charts, by path from ``docs/``.

    Parameters
    ----------
    found : Findings
    blocks : further fields by name, as `training.figures` fills them
    text : the template

    Raises
    ------
    KeyError
        For a field of the template that nothing tells.
    """
    charts = draw_all(found)
    files = {CHARTS.format(name): chart.svg for name, chart in charts.items()}
    pictures = {f"chart_{name}": f"![{chart.alt}]({CHARTS.format(name)})" for name, chart in charts.items()}
    template = Template(text.read_text(encoding="utf-8"))
    wanted = set(template.get_identifiers())
    told = {name: tell(found) for name, tell in FIELDS.items() if name in wanted}
    filled = template.substitute(pictures | {name: part.strip() for name, part in blocks.items()} | told)
    return files | {NAME: filled.encode()}


def _counts(found: Findings) -> list[list[int]]:
    return [list(by_label.values()) for by_label in found.census["pictures"].values()]


def _voted(found: Findings, what: str) -> str:
    """How many pictures of the reported split, of how many."""
    n = sum(found.census["pictures"][REPORTED].values())
    votes = found.census["votes"]
    return (
        f"{votes[REPORTED][what]:,} of the {n:,} pictures" if votes else "an unknown number of the pictures"
    )
