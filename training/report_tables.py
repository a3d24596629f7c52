"""Tables of the project report, from `training.findings`."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from fusion_model.bootstrap import Interval
from fusion_model.group_figures import LEAST_ROWS, GroupReport, group_report, narrowing
from fusion_model.grouping import groups_of
from fusion_model.measures import Measure, measures
from fusion_model.resampled import GroupCounts, Groups, group_counts, random_groups
from fusion_model.rows import Rows
from training.findings import REPORTED, Findings
from training.score_blocks import percent

#: What people said of themselves, and what is measured in a picture.
TOLD = ("gender", "age_band", "ethnicity")
MEASURED = (
    "yaw",
    "pitch",
    "roll",
    "brightness",
    "contrast",
    "sharpness",
    "eye_distance",
    "mesh_found",
    "ferplus_agreement",
)
SMILES = "recall-happy"
SETS = "0.9"
#: Groups of the same sizes drawn by lot, to tell what gap chance alone makes.
LOTS = 300
_NAMES = {"ferplus_agreement": "agreement of FER+'s taggers", "mesh_found": "mesh"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of Markdown; the first `words` columns are of words, the others of numbers."""
    marks = ["---" if column < words else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def census_table(found: Findings) -> str:
    """Pictures by expression and split, and copies of training pictures."""
    pictures, copies = found.census["pictures"], found.census["copies"]
    rows = [[label, *(f"{by_label[label]:,}" for by_label in pictures.values())] for label in found.labels]
    rows.append(["all", *(f"{sum(by_label.values()):,}" for by_label in pictures.values())])
    rows.append(
        ["copies of training pictures", *(f"{copies[s]:,}" if s in copies else "–" for s in pictures)]
    )
    return table(["expression", *pictures], rows)


def comparison_table(found: Findings) -> str:
    """Every model: accuracy, macro-F1, without copies, on the split of choices, size and time."""
    rows = []
    for model in found.models:
        figures, cost = found.figures(model), found.costs.get(model)
        rows.append(
            [
                found.title(model),
                percent(figures["accuracy"]),
                percent(figures["without_copies"]["accuracy"]),
                percent(figures["macro_f1"]),
                f"{cost.parameters / 1e6:.1f} M" if cost else "–",
                _number(cost.latency_ms.value if cost else math.nan),
            ]
        )
    head = [
        "model",
        f"accuracy, {REPORTED}, %",
        "without copies, %",
        "macro-F1, %",
        "parameters",
        "ms a face",
    ]
    return table(head, rows)


def cost_table(found: Findings) -> str:
    """Size, time and training of every model that comes with the package."""
    rows = []
    for model in found.models:
        if model in found.costs:
            cost = found.costs[model]
            time = cost.latency_ms
            rows.append(
                [
                    found.title(model),
                    "; ".join(cost.machines) or "–",
                    f"{cost.parameters / 1e6:.2f} M",
                    f"{cost.file_bytes / 1e6:.1f} MB"
                    + (f" beside {found.title(cost.base)}'s" if cost.base else ""),
                    _number(time.value)
                    + ("" if math.isnan(time.value) else f" ({time.low:.1f}–{time.high:.1f})"),
                    _number(cost.minutes_in_all, 0),
                ]
            )
    head = [
        "model",
        "trained on",
        "parameters",
        "weights",
        "ms a face (5th–95th)",
        "minutes of training",
    ]
    return table(head, rows, 2)


def pairs_table(found: Findings) -> str:
    """Two models on the same pictures."""
    rows = [
        [
            pair.title,
            interval(pair.all.difference),
            f"{pair.all.only_second} : {pair.all.only_first}",
            p_value(pair.all.mcnemar_p),
            p_value(pair.corrected_p),
            interval(pair.kept.difference),
        ]
        for pair in found.pairs
    ]
    head = [
        "pair",
        "points",
        "only one right",
        "McNemar p",
        "p by Holm",
        "without copies, points",
    ]
    return table(head, rows)


def sets_table(found: Findings) -> str:
    """Prediction sets: how often the label is in them, and how large they are."""
    rows = []
    for model in found.models:
        figures = found.figures(model)
        entry = (figures["conformal"] or {}).get(SETS)
        if entry:
            kept = figures["without_copies"]["conformal"][SETS]
            one = f"{100 * entry['size_shares'][0]:.0f} %"
            rows.append(
                [
                    found.title(model),
                    percent(entry["coverage"]),
                    percent(kept["coverage"]),
                    f"{entry['mean_size']:.2f}",
                    one,
                ]
            )
    head = ["model", "label in the set, %", "without copies, %", "mean size", "sets of one"]
    return table(head, rows)


def groups_table(found: Findings) -> str:
    """Gaps between the groups of the London set, for every model."""
    rows = []
    for column in TOLD:
        for measure in chosen_measures(found, ("accuracy", SMILES)):
            reports = group_reports(Rows.of(found.london), found.london.models, column, measure)
            told = [_name(column), measure.name.lower()]
            if not any(report.lowest for report in reports):
                rows.append([*told, "all", f"fewer than two groups of {LEAST_ROWS}", *"––––"])
                continue
            rows += [[*told, *_gap_cells(found, report)] for report in reports]
    return table(["by", "measure", *_GAP_HEAD], rows, 5)


def slices_table(found: Findings) -> str:
    """Gaps between quarters of what is measured in the pictures, for the usual models."""
    rows = []
    (measure,) = chosen_measures(found, ("accuracy",))
    for column in _measured(found):
        for report in group_reports(_known(found, column), found.usual, column, measure):
            rows.append([_name(column), *_gap_cells(found, report)])
    return table(["by", *_GAP_HEAD], rows, 4)


def narrowings(found: Findings) -> list[tuple[str, str, Interval]]:
    """How much the gaps change from every CNN to its fusion model: the pair, the groups, the change."""
    accuracy, smiles = chosen_measures(found, ("accuracy", SMILES))
    london = Rows.of(found.london)
    asked = [(london, column, smiles) for column in ("gender", "age_band")]
    asked += [(_known(found, column), column, accuracy) for column in _measured(found)]
    changes = []
    for rows, column, measure in asked:
        for base, name in found.with_landmarks():
            if {base, name} <= set(rows.models):
                _, counts = _counted(rows, (base, name), column)
                what = f"{measure.name.lower()} by {_name(column)}"
                change = narrowing(counts, base, name, measure)
                changes.append((f"{found.title(base)} → {found.title(name)}", what, change))
    return changes


def narrowing_table(found: Findings) -> str:
    """The same as a table."""
    rows = [[pair, what, interval(change)] for pair, what, change in narrowings(found)]
    return table(["from → to", "gap of", "change of the gap, points"], rows, 2)


def chosen_measures(found: Findings, keys: Sequence[str]) -> list[Measure]:
    """Measures by key."""
    known = {measure.key: measure for measure in measures(found.labels)}
    return [known[key] for key in keys if key in known]


def group_reports(rows: Rows, models: Sequence[str], column: str, measure: Measure) -> list[GroupReport]:
    """One measure by the groups of one column, for each model."""
    groups, counts = _counted(rows, models, column)
    answers = {model: rows.answers[model] for model in models}
    lots = random_groups(groups, rows.truth_N, answers, len(rows.labels), draws=LOTS)
    return [group_report(groups, counts, model, measure, lots) for model in models]


def interval(part: Interval) -> str:
    """``+0.6 (−0.1 to +1.3)``, in points."""
    if math.isnan(part.value):
        return "–"
    value, low, high = (
        f"{100 * number:+.1f}".replace("-", "−") for number in (part.value, part.low, part.high)
    )
    return f"{value} ({low} to {high})"


def p_value(p: float) -> str:
    """``.14``, ``< .001``, or a dash."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


_GAP_HEAD = ("model", "lowest", "highest", "gap, points", "by lot", "p")


def _gap_cells(found: Findings, report: GroupReport) -> list[str]:
    figures = {group.name: 100 * group.figure.value for group in report.groups}
    if not report.lowest:
        return [found.title(report.model), f"fewer than two groups of {LEAST_ROWS}", *"––––"]
    return [
        found.title(report.model),
        *(f"{name}: {figures[name]:.1f} %" for name in (report.lowest, report.highest)),
        interval(report.gap),
        _number(100 * report.by_chance),
        p_value(report.p),
    ]


def _counted(rows: Rows, models: Sequence[str], column: str) -> tuple[Groups, GroupCounts]:
    groups = groups_of(rows, column)
    answers = {model: np.asarray(rows.answers[model]) for model in models}
    return groups, group_counts(groups, rows.truth_N, answers, len(rows.labels))


def _measured(found: Findings) -> list[str]:
    return [column for column in MEASURED if column in found.reported.frame]


def _known(found: Findings, column: str) -> Rows:
    """Rows of the reported split in which that column was measured: pictures without a mesh have no pose."""
    rows = Rows.of(found.reported)
    return rows.keep(rows.column(column).notna().to_numpy(bool))


def _name(column: str) -> str:
    return _NAMES.get(column, column.replace("_", " "))


def _spread(time: Interval) -> str:
    return f"{time.value:.1f} ({time.low:.1f}–{time.high:.1f})"


def _number(value: float, decimals: int = 1) -> str:
    return "–" if math.isnan(value) else f"{value:,.{decimals}f}"
