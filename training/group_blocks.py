"""Blocks on estimated groups for the texts: how often the classifier errs, and what is left of the gaps."""

import json
import math
from typing import Any

import numpy as np

from fusion_model.bootstrap import Interval
from fusion_model.estimated_groups import ERRORS, SHORT, EstimatedGroups, Grouping, read_estimates
from fusion_model.evaluation_report import TABLE
from fusion_model.group_errors import Assumption, ErrorRates, Mixture
from fusion_model.group_figures import GroupReport, group_report
from fusion_model.grouping import groups_of
from fusion_model.measures import measures
from fusion_model.prediction_table import of_split, read_table
from fusion_model.resampled import Groups, group_counts, random_groups
from fusion_model.rows import Rows
from training.score_blocks import MEASURED_SPLIT, called

CHANCE = 0.05
MISSING = "No groups were estimated yet.\n"
MODELS = ("cnn", "fusion")


def estimated_groups(_: dict[str, Any]) -> str:
    """Error rates of the classifier of groups, by grouping and by group."""
    estimates = read_estimates()
    if estimates is None:
        return MISSING
    rows = [
        "| estimated | labelled faces | right | balanced | ECE | mean probability on FairFace, on FER-2013 "
        "| London set | errors, less sure half over surer half |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for grouping in estimates.groupings.values():
        facts = grouping.facts
        sure, halves = facts["confidence"], list(facts["by_certainty"].values())
        surer, less = (1 - half["right"] / half["n"] for half in halves)
        cells = [
            str(facts["title"]),
            f"{grouping.n:,}",
            _percent(grouping.accuracy),
            f"{100 * grouping.balanced:.1f}",
            f"{100 * grouping.calibration_error:.1f}",
            f"{100 * sure['fairface']:.0f} %, {100 * sure['fer2013']:.0f} %",
            f"{facts['london']['right']} of {facts['london']['n']}" if "london" in facts else "–",
            f"{less / surer:.1f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    by_group = [line for grouping in estimates.groupings.values() for line in _by_group(grouping)]
    return "\n".join([*rows, "", *by_group, _training()]) + "\n"


def estimated_gaps(_: dict[str, Any]) -> str:
    """Gaps of accuracy on PrivateTest, by the estimates and corrected for their errors."""
    estimates = read_estimates()
    if estimates is None:
        return MISSING
    table = of_split(read_table(TABLE), MEASURED_SPLIT)
    rows = [
        "| estimated | model | groups furthest apart | by the estimates | p, by lot | corrected "
        "| with twice the errors | whatever errors depend on |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    everything, findings = Rows.of(estimates.joined(table)), []
    for grouping in estimates.groupings.values():
        chosen = everything.keep(everything.column(grouping.column).notna().to_numpy())
        rates = ErrorRates(grouping.counts_GG)
        for model in MODELS:
            if model in chosen.models:
                row, finding = _gap(chosen, grouping, rates, model)
                rows.append(row)
                findings.append(finding)
    return "\n".join([*rows, "", " ".join(findings), "", _prevalence(estimates, everything)]) + "\n"


def _training() -> str:
    """What the classifier was trained on, in a sentence."""
    told = json.loads(ERRORS.read_text(encoding="utf-8"))
    training, mesh = told["training"], told["with_mesh"]
    epochs = f"{training['epochs']} of {training['of_epochs']} epochs"
    return (
        f"Trained on {training['faces']:,} faces for {epochs}. A mesh is found on "
        f"{100 * mesh['fairface']:.1f} % of the validation faces and on {100 * mesh['fer2013']:.1f} % of "
        "FER-2013's test pictures; without one nothing is estimated."
    )


def _gap(rows: Rows, grouping: Grouping, rates: ErrorRates, model: str) -> tuple[str, str]:
    """A row of the table, and what follows from it in a sentence."""
    report = _report(rows, grouping, model)
    ends = grouping.names.index(report.highest), grouping.names.index(report.lowest)
    mixture = _mixture(rows, grouping, rates, model)
    once, twice = (mixture.corrected(ends, Assumption(times)).gap for times in (1, 2))
    low, high = mixture.bounds(ends)
    cells = [
        str(grouping.facts["title"]),
        called(model),
        f"{report.highest} above {report.lowest}",
        _points(report.gap),
        "< 0.01" if report.p < 0.01 else f"{report.p:.2f}",
        _points(once),
        _points(twice),
        "–" if math.isnan(low) else f"{100 * low:+.0f} to {100 * high:+.0f}",
    ]
    return f"| {' | '.join(cells)} |", _finding(report, once, str(grouping.facts["title"]))


def _finding(report: GroupReport, corrected: Interval, title: str) -> str:
    """Whether there is a gap, by the estimates and when corrected."""
    model = called(report.model)
    if report.p >= CHANCE:
        return f"{model}, {title}: a gap as between these groups can well be chance."
    if math.isnan(corrected.value) or corrected.low <= 0 <= corrected.high:
        return f"{model}, {title}: there is more than chance in the estimates, but not once corrected."
    return (
        f"{model}, {title}: right more often for {report.highest} than for {report.lowest}, more than by "
        "chance, and still when corrected for the errors measured."
    )


def _report(rows: Rows, grouping: Grouping, model: str) -> GroupReport:
    groups, answers = groups_of(rows, grouping.column), {model: rows.answers[model]}
    size = len(rows.labels)
    return group_report(
        groups,
        group_counts(groups, rows.truth_N, answers, size),
        model,
        measures(rows.labels)[0],
        random_groups(groups, rows.truth_N, answers, size),
    )


def _mixture(rows: Rows, grouping: Grouping, rates: ErrorRates, model: str) -> Mixture:
    codes_N = np.asarray(rows.column(grouping.column).cat.codes, dtype=np.int64)
    return Mixture(
        Groups(grouping.names, codes_N),
        rows.truth_N,
        rows.answers[model],
        len(rows.labels),
        rates,
        measures(rows.labels)[0],
    )


def _by_group(grouping: Grouping) -> list[str]:
    """The rates of one grouping: a row a labelled group, a column an estimate, in percent."""
    names = [name.removeprefix(SHORT) for name in grouping.names]
    lines = [
        f"| labelled {grouping.facts['title']} | faces | {' | '.join(grouping.names)} |",
        f"| --- | ---: |{' ---: |' * len(names)}",
    ]
    totals = grouping.counts_GG.sum(axis=1).tolist()
    for place, name in enumerate(names):
        cells = [f"{100 * rate:.1f}" for rate in grouping.rates_GG[place].tolist()]
        cells[place] = _percent(grouping.recalls[place])
        lines.append(f"| {name} | {totals[place]:,} | {' | '.join(cells)} |")
    return [*lines, ""]


def _prevalence(estimates: EstimatedGroups, rows: Rows) -> str:
    """How many of the pictures each group is thought to have, in sentences."""
    told = []
    for grouping in estimates.groupings.values():
        chosen = rows.keep(rows.column(grouping.column).notna().to_numpy())
        mixture = _mixture(chosen, grouping, ErrorRates(grouping.counts_GG, resamples=1), rows.models[0])
        found = mixture.corrected((0, 1), Assumption())
        seen_G = np.bincount(chosen.column(grouping.column).cat.codes, minlength=len(grouping.names))
        if not found.told:
            continue
        shares = zip(grouping.names, seen_G / len(chosen), np.array(found.rows) / len(chosen), strict=True)
        parts = [
            f"{name.removeprefix(SHORT)} {100 * seen:.0f} % (corrected {100 * share:.0f} %)"
            for name, seen, share in shares
        ]
        told.append(f"By {grouping.title} the {len(chosen):,} pictures are: {', '.join(parts)}.")
    return " ".join(told)


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def _points(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "cannot be told"
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
