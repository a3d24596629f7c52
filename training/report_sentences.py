"""Sentences of the project report whose words depend on the figures, and stay true when these change."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from fusion_model.bootstrap import Interval
from fusion_model.rows import Rows
from training.findings import CHOSEN_ON, REPORTED, Findings
from training.landmark_report import Study
from training.report_tables import SMILES, chosen_measures, group_reports, interval, narrowings, p_value
from training.score_blocks import percent

_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def summary(found: Findings) -> str:
    """The results in one paragraph."""
    shown = _list([f"{found.title(model)} meets {_accuracy(found, model)}" for model in found.usual])
    parts = [f"On the {len(found.reported):,} pictures of {REPORTED}, {shown} of the labels."]
    pair = next((p for p in found.pairs if (p.all.first, p.all.second) == found.usual), None)
    if pair is not None:
        parts.append(
            f"The difference of {interval(pair.all.difference)} points {_beyond_chance(pair.all.difference)} "
            f"(exact McNemar p = {p_value(pair.all.mcnemar_p)}); over the seeds of a shorter training it is "
            f"{_study_gain()}."
        )
    if found.lead not in found.usual or len(found.models) > len(found.usual):
        parts.append(
            f"Of all models, {found.title(found.lead)} makes the labels of {CHOSEN_ON} likeliest; "
            f"on {REPORTED} it meets {_accuracy(found, found.lead)}."
        )
    return " ".join([*parts, _photographs(found)])


def count_models_sentence(found: Findings) -> str:
    """How many models there are, and which."""
    names = _list([found.title(model) for model in found.models])
    return f"{_number(len(found.models)).capitalize()} models are compared: {names}."


def expressions_sentence(found: Findings) -> str:
    """Which expressions are hard, and what they are taken for."""
    f1 = {
        label: float(np.mean([found.figures(m)["per_class"][label]["f1"]["value"] for m in found.models]))
        for label in found.labels
    }
    hard = sorted(found.labels, key=f1.__getitem__)[:3]
    told = [f"{label} ({percent_of(f1[label], 0)})" for label in hard]
    best = max(f1, key=f1.__getitem__)
    lead = found.figures(found.lead)
    counts_KK = np.array(lead["confusion"])
    wrong_KK = counts_KK - np.diag(np.diag(counts_KK))
    places = np.argsort(-wrong_KK, axis=None, kind="stable")[:3]
    mistakes = [
        f"{found.labels[row]} → {found.labels[column]} ({wrong_KK[row, column]} of {counts_KK[row].sum()})"
        for row, column in zip(*np.unravel_index(places, wrong_KK.shape), strict=True)
    ]
    return (
        f"Averaged over the models, F1 is lowest for {_list(told)} and highest for {best} "
        f"({percent_of(f1[best], 0)}). The commonest mistakes of {found.title(found.lead)} (label → answer): "
        f"{_list(mistakes)}."
    )


def pairs_sentence(found: Findings) -> str:
    """What the pairs below say, by how many of them are beyond chance."""
    gains = [pair for pair in found.pairs if (pair.all.first, pair.all.second) in found.with_landmarks()]
    sure = [pair for pair in gains if pair.corrected_p < 0.05]
    if not gains:
        return "No fusion model stands beside its CNN yet."
    up = sum(pair.all.difference.value > 0 for pair in gains)
    others = f", and each CNN beside {found.title(found.models[0])}" if len(gains) < len(found.pairs) else ""
    return (
        f"Each fusion model beside the CNN that it stands on{others}, on the same pictures. Pairs in which "
        f"landmarks bring more right answers: {up} of {len(gains)}; beyond chance after correction: "
        f"{len(sure)}."
    )


def landmarks_reading(_: Findings) -> str:
    """What the study over seeds means."""
    study = Study.read()
    everything_N = np.ones(len(study.frame), bool)
    low = study.difference(everything_N)[1]
    controls = [study.difference(everything_N, arm) for arm in ("wider", "shuffled")]
    if low > 0 and all(part[1] <= 0 for part in controls):
        return (
            "Landmarks help that CNN: neither as many further parameters nor the landmarks of other faces "
            "give the same gain. It seems that less is left to gain where a CNN has learned longer."
        )
    return "The study does not tell a gain by landmarks from one by size or by training."


def cost_sentence(found: Findings) -> str:
    """How the costs were measured, and what has none."""
    missing = [found.title(m) for m in found.models if m not in found.costs or _untimed(found, m)]
    without = f" Not timed yet: {_list(missing)}." if missing else ""
    return (
        f"Time is CPU time from a face's crop to calibrated probabilities, mirror image included, all models "
        f"measured in turns in one run ({found.timed_on or 'not measured yet'}). Parameters are all that a "
        f"model needs, its base included; minutes count the runs that it was begun from.{without}"
    )


def groups_sentence(found: Findings) -> str:
    """The gap of smiles between those of the groups that are large enough, in words."""
    (measure,) = chosen_measures(found, (SMILES,))
    said = []
    for report in group_reports(Rows.of(found.london), found.london.models, "gender", measure):
        if report.lowest:
            shares = {group.name: group.figure.value for group in report.groups}
            low, high = (
                f"{percent_of(shares[name], 0)} ({name})" for name in (report.lowest, report.highest)
            )
            said.append(f"{found.title(report.model)} takes {low} against {high} of the smiles for smiles")
    return f"By gender, {'; '.join(said)}." if said else "No group is large enough to be ranked."


def narrowing_sentence(found: Findings) -> str:
    """How many of the gaps change beyond chance."""
    changes = [change for _, _, change in narrowings(found) if not math.isnan(change.value)]
    if not changes:
        return "No gap can be compared yet."
    narrower = sum(change.high < 0 for change in changes)
    wider = sum(change.low > 0 for change in changes)
    return (
        f"Of these {len(changes)} changes, those whose interval misses zero: {narrower} narrower with "
        f"landmarks, {wider} wider. By chance alone, about one in twenty would."
    )


SENTENCES: dict[str, Callable[[Findings], str]] = {
    "count_labels": lambda found: _number(len(found.labels)),
    "labels": lambda found: ", ".join(found.labels),
    "summary": summary,
    "count_models_sentence": count_models_sentence,
    "expressions_sentence": expressions_sentence,
    "pairs_sentence": pairs_sentence,
    "landmarks_reading": landmarks_reading,
    "cost_sentence": cost_sentence,
    "groups_sentence": groups_sentence,
    "narrowing_sentence": narrowing_sentence,
}


def percent_of(share: float, decimals: int = 1) -> str:
    """A share as ``71.5 %``."""
    return f"{100 * share:.{decimals}f} %"


def _accuracy(found: Findings, model: str) -> str:
    value, _, rest = percent(found.figures(model)["accuracy"]).partition(" ")
    return f"{value} % {rest}"


def _photographs(found: Findings) -> str:
    """The photographs of another source, for the usual model that comes last."""
    model = found.usual[-1]
    if model not in found.london.models:
        return ""
    right_N = found.london.predicted(model) == found.london.truth()
    frame = found.london.frame
    told = []
    for label, words in (("neutral", "neutral"), ("happy", "smiling")):
        shown_N = (frame["label"] == label).to_numpy()
        told.append(f"{int(right_N[shown_N].sum())} of the {int(shown_N.sum())} {words} ones")
    return (
        f"Of {len(found.london)} photographs of another source, {found.title(model)} answers {_list(told)} "
        "as labelled: slight smiles are what is missed."
    )


def _study_gain() -> str:
    study = Study.read()
    value, low, high = study.difference(np.ones(len(study.frame), bool))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def _beyond_chance(part: Interval) -> str:
    if part.low > 0 or part.high < 0:
        return "is beyond what chance would do"
    return "can well be chance"


def _untimed(found: Findings, model: str) -> bool:
    return math.isnan(found.costs[model].latency_ms.value)


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n:,}"


def _list(words: Iterable[str] | Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
