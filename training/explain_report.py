"""Blocks about explanations for the texts, from the result file of `training.explain_checks`."""

from typing import Any

import pandas as pd

from training.explain_checks import RESULT
from training.explain_methods import CHOSEN_MAP, CHOSEN_REGIONS
from training.score_blocks import RESULTS, called

FILE = RESULTS / RESULT.name


def deletion(_: dict[str, Any]) -> str:
    """What is left of answers when what maps mark is blurred; the method shown first."""
    return _orders("deletion", CHOSEN_MAP, ("nothing", "marked", "against"), ("noise", "another's"))


def regions(_: dict[str, Any]) -> str:
    """The same for regions of the mesh."""
    return _orders("regions", CHOSEN_REGIONS, ("nothing", "marked", "against"), ("chance", "another's"))


def methods(_: dict[str, Any]) -> str:
    """All methods tried, by how much more is left in the order of another picture's map or regions."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    rows = ["| method | of | model | pictures | left, marked first | more left, another's first |"]
    rows.append("| --- | --- | --- | ---: | ---: | ---: |")
    for check, what in (("deletion", "pixels"), ("regions", "mesh")):
        for (method, model), found in frame[frame["check"] == check].groupby(["method", "model"], sort=False):
            if method:
                left = _row(found, "marked")
                cells = [method, what, called(model), f"{left['n']:.0f}"]
                cells += [_percent(left), _percent(_row(found, "another's - marked"), sign=True)]
                rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def weights(_: dict[str, Any]) -> str:
    """How like the trained network's are explanations of networks with layers drawn anew."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    frame = frame[frame["check"] == "weights"]
    columns = frame.groupby(["method", "model"], sort=False).groups
    titles = [f"{'map' if method == CHOSEN_MAP else 'regions'}, {called(model)}" for method, model in columns]
    rows = [f"| drawn anew | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}"]
    # From the top down, as of the network that has the most layers.
    steps = max((list(found["order"]) for _, found in frame.groupby(["method", "model"])), key=len)
    for order in steps:
        cells = []
        for method, model in columns:
            found = frame[(frame["method"] == method) & (frame["model"] == model) & (frame["order"] == order)]
            cells.append(_number(found.iloc[0]) if len(found) else "–")
        name = "nothing; another picture's" if order == "another's" else order
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def time(_: dict[str, Any]) -> str:
    """CPU time of explaining a face, in a sentence."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    (row,) = frame[frame["check"] == "time"].to_dict("records")
    return (
        f"Explaining a face for {row['model']} together takes {row['value']:.0f} ms of CPU time on one "
        f"thread (5th to 95th percentile of {row['n']}: {row['low']:.0f} to {row['high']:.0f}).\n"
    )


BLOCKS = {
    "explain-deletion": deletion,
    "explain-regions": regions,
    "explain-methods": methods,
    "explain-weights": weights,
    "explain-time": time,
}


def _orders(check: str, method: str, levels: tuple[str, ...], controls: tuple[str, ...]) -> str:
    """One row a model: what is left in each order, and how much more by the controls."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    frame = frame[(frame["check"] == check) & frame["method"].isin([method, ""])]
    heads = ["taken away: nothing", "marked first", "against first"]
    heads += [f"{control} first: more left by" for control in controls]
    rows = [f"| model | pictures | {' | '.join(heads)} |", f"| --- | ---: |{' ---: |' * len(heads)}"]
    for model, found in frame.groupby("model", sort=False):
        cells = [_percent(_row(found, order)) for order in levels]
        cells += [_percent(_row(found, f"{control} - marked"), sign=True) for control in controls]
        rows.append(f"| {called(model)} | {_row(found, 'marked')['n']:.0f} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _row(frame: pd.DataFrame, order: str) -> pd.Series:
    return frame[frame["order"] == order].iloc[0]


def _percent(row: pd.Series, *, sign: bool = False) -> str:
    form = "+.1f" if sign else ".1f"
    value, low, high = (format(100 * row[key], form) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _number(row: pd.Series) -> str:
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
