"""The charts of the project report: what `training.findings` knows -> figures that stand still, for print.

Every chart comes with a sentence that tells the same to those who do not see it.

Shape suffixes: K labels, B bins, P points.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from fusion_model.curves import reliability, risk_coverage, wilson
from training.findings import REPORTED, Findings, base_of
from training.report_style import (
    COLOURS,
    QUIET,
    STYLE,
    WIDTH,
    colour_of,
    line_of,
    matrix,
    models_down,
    one_panel,
    panels,
)

BINS = 10  # of reliability diagrams: fewer than ECE's, so that each holds pictures enough
GROUP_COLUMNS = ("gender", "age_band", "ethnicity")
LEAST_IN_GROUP = 10


@dataclass(frozen=True)
class Drawn:
    """A chart as SVG, and what it shows in words."""

    svg: bytes
    alt: str


def draw_all(found: Findings) -> dict[str, Drawn]:
    """Every chart by name, as SVG of the same bytes for the same findings."""
    drawn = {}
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever this machine's own settings are
        mpl.rcParams.update(STYLE)
        for name, chart in CHARTS.items():
            figure, alt = chart(found)
            out = io.BytesIO()
            FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Title": alt})
            drawn[name] = Drawn(out.getvalue(), alt)
    return drawn


def counts(found: Findings) -> tuple[Figure, str]:
    """How many pictures of each expression there are to learn from."""
    split = next(iter(found.census["pictures"]))
    by_label = found.census["pictures"][split]
    figure, axes = one_panel(2.6)
    bars = axes.barh(list(by_label), list(by_label.values()), color=COLOURS[3])
    axes.bar_label(bars, [f"{n:,}" for n in by_label.values()], padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"pictures in {split}")
    most, fewest = max(by_label, key=by_label.__getitem__), min(by_label, key=by_label.__getitem__)
    return figure, (
        f"Bars: pictures of each expression in {split}; most of {most}, {by_label[most]:,}, fewest of "
        f"{fewest}, {by_label[fewest]:,}."
    )


def accuracy(found: Findings) -> tuple[Figure, str]:
    """Accuracy of all models with intervals, with and without copies of training pictures."""
    figure, axes = one_panel(0.9 + 0.42 * len(found.models))
    for row, model in enumerate(found.models):
        figures = found.figures(model)
        kept = figures["without_copies"]["accuracy"]
        for place, part, full in ((row - 0.13, figures["accuracy"], True), (row + 0.17, kept, False)):
            value, low, high = (100 * part[key] for key in ("value", "low", "high"))
            colour = colour_of(found, model) if full else "#777777"
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6 if full else 1)
            axes.plot(
                value, place, "o", color=colour, markerfacecolor=colour if full else "white", markersize=5
            )
            axes.annotate(
                f"{value:.1f}", (high, place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
    models_down(axes, found)
    axes.set_xlabel(
        f"accuracy on {REPORTED}, %, with 95 % interval; open: without copies of training pictures"
    )
    axes.grid(axis="x", color="#E5E5E5")
    told = ", ".join(f"{found.title(model)} {_percent(found, model)}" for model in found.models)
    return figure, f"Points with intervals, one row a model: accuracy on {REPORTED} is {told}."


def expressions(found: Findings) -> tuple[Figure, str]:
    """F1 of every expression by model."""
    values = np.array(
        [
            [100 * found.figures(m)["per_class"][label]["f1"]["value"] for label in found.labels]
            for m in found.models
        ]
    )
    figure, axes = one_panel(1.0 + 0.33 * len(found.models))
    matrix(axes, values)
    axes.set_xticks(range(len(found.labels)), found.labels)
    axes.set_yticks(range(len(found.models)), [found.title(model) for model in found.models])
    axes.set_xlabel(f"F1 of every expression on {REPORTED}, %")
    mean_K = values.mean(axis=0)
    best, worst = found.labels[int(mean_K.argmax())], found.labels[int(mean_K.argmin())]
    return figure, (
        f"Table in shades, a row a model, a column an expression: F1 is highest for {best} "
        f"({mean_K.max():.0f} % on average) and lowest for {worst} ({mean_K.min():.0f} %)."
    )


def confusion(found: Findings) -> tuple[Figure, str]:
    """Which expressions each model takes for which others."""
    figure, places = panels(len(found.models), 3.3)
    told = []
    for axes, model in zip(places, found.models, strict=False):
        counts_KK = np.array(found.figures(model)["confusion"])
        shares_KK = 100 * counts_KK / np.maximum(counts_KK.sum(axis=1, keepdims=True), 1)
        matrix(axes, shares_KK)
        short = [label[:4] for label in found.labels]
        axes.set_xticks(range(len(short)), short)
        axes.set_yticks(range(len(short)), found.labels)
        axes.set_title(found.title(model), loc="left")
        wrong_KK = shares_KK - np.diag(np.diag(shares_KK))
        row, column = np.unravel_index(wrong_KK.argmax(), wrong_KK.shape)
        told.append(
            f"{found.title(model)} most often answers {found.labels[column]} where the label is "
            f"{found.labels[row]} ({wrong_KK.max():.0f} % of them)"
        )
    figure.supxlabel("answered (first letters); percent of each row, the label", fontsize=9)
    return figure, f"Confusion matrices on {REPORTED}: {'; '.join(told)}."


def calibration(found: Findings) -> tuple[Figure, str]:
    """How often answers of a certain confidence are right."""
    figure, places = panels(len(found.models), 2.9)
    truth_N = found.reported.truth()
    for axes, model in zip(places, found.models, strict=False):
        p_NK = found.reported.probabilities(model)
        told = reliability(p_NK.max(axis=1), p_NK.argmax(axis=1) == truth_N, BINS)
        some_B = told.count_B > 0
        x_B, y_B, low_B, high_B = (
            100 * part[some_B] for part in (told.confidence_B, told.right_B, told.low_B, told.high_B)
        )
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
        axes.vlines(x_B, low_B, high_B, color=colour_of(found, model), linewidth=1.4)
        axes.plot(x_B, y_B, "o", color=colour_of(found, model), markersize=4)
        error = 100 * found.figures(model)["ece"]
        axes.set_title(f"{found.title(model)}: ECE {error:.1f} %", loc="left")
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
    figure.supxlabel("confidence of the answer, %", fontsize=9)
    figure.supylabel("right, %", fontsize=9)
    errors = ", ".join(f"{found.title(m)} {100 * found.figures(m)['ece']:.1f} %" for m in found.models)
    return figure, (
        f"Reliability diagrams on {REPORTED}: share of right answers against confidence, the dashed line "
        f"where both are equal. Expected calibration error: {errors}."
    )


def risk(found: Findings) -> tuple[Figure, str]:
    """What is gained by leaving the least sure answers out."""
    figure, axes = one_panel(3.2)
    truth_N, told = found.reported.truth(), []
    for model in found.models:
        p_NK = found.reported.probabilities(model)
        curve = risk_coverage(p_NK.max(axis=1), p_NK.argmax(axis=1) == truth_N)
        axes.plot(
            100 * curve.coverage_P,
            100 * curve.risk_P,
            color=colour_of(found, model),
            linestyle=line_of(model),
            label=found.title(model),
            linewidth=1.5,
        )
        half = next(part for coverage, part in curve.at if coverage == min(c for c, _ in curve.at))
        told.append(f"{found.title(model)} {100 * (1 - half.value):.1f} %")
    axes.set(xlim=(0, 100), ylim=(0, None))
    axes.set_xlabel("answered, the surest first, %")
    axes.set_ylabel("wrong among them, %")
    axes.legend(frameon=False, fontsize=8)
    return figure, (
        f"Lines, one a model: wrong answers on {REPORTED} against the share that is answered, the surest "
        f"first. Of the surer half are wrong: {', '.join(told)}."
    )


def cost(found: Findings) -> tuple[Figure, str]:
    """Accuracy against the time for a face and against the number of parameters."""
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    told = []
    parts = (
        ("CPU time for a face, ms", lambda item: item.latency_ms.value),
        ("parameters, millions", lambda item: item.parameters / 1e6),
    )
    panels = np.atleast_1d(figure.subplots(len(parts), 1))
    for axes, (words, value_of) in zip(panels, parts, strict=True):
        values = {model: value_of(found.costs[model]) for model in found.models if model in found.costs}
        values = {model: value for model, value in values.items() if not np.isnan(value)}
        for model, x in values.items():
            _cost_mark(axes, found, model, x, leftwards=x > 0.6 * max(values.values()))
            told.append(f"{found.title(model)} {x:.1f} {words.rpartition(', ')[2]}")
        axes.set_xlim(0, 1.1 * max(values.values(), default=1))
        axes.set_xlabel(words)
    figure.supylabel(f"accuracy on {REPORTED}, %", fontsize=9)
    return figure, f"Accuracy against cost, time and size: {', '.join(told)}. Open marks are CNNs."


def groups(found: Findings) -> tuple[Figure, str]:
    """Smiles of the London set that are taken for smiles, by what the persons said of themselves."""
    shown = [model for model in found.usual if model in found.london.models]
    rows = list(_smiles(found, shown))
    figure, axes = one_panel(1.0 + 0.36 * len(rows))
    for row, (_, cells) in enumerate(rows):
        for place, (model, hits, n) in enumerate(cells):
            low, high = (100 * float(bound[0]) for bound in wilson(np.array([hits]), np.array([n])))
            y = row + 0.24 * (place - (len(cells) - 1) / 2)
            colour = colour_of(found, model)
            axes.plot([low, high], [y, y], color=COLOURS[0], linewidth=1, linestyle=line_of(model))
            axes.plot(
                100 * hits / n, y, "o", color=colour, markerfacecolor=colour if base_of(model) else "white"
            )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, 100))
    axes.set_xlabel("smiling photographs answered “happy”, %; " + _key(found, shown))
    axes.grid(axis="x", color="#E5E5E5")
    told = "; ".join(
        f"{name}: " + ", ".join(f"{found.title(model)} {hits} of {n}" for model, hits, n in cells)
        for name, cells in rows
    )
    return figure, f"Points with Wilson intervals by group, smiling photographs answered happy. {told}."


CHARTS: dict[str, Callable[[Findings], tuple[Figure, str]]] = {
    "counts": counts,
    "accuracy": accuracy,
    "expressions": expressions,
    "confusion": confusion,
    "calibration": calibration,
    "risk": risk,
    "cost": cost,
    "groups": groups,
}


def _smiles(found: Findings, models: list[str]) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """Every group of enough people: its name, and model, hits, number."""
    frame = found.london.frame
    smiling_N = (frame["label"] == "happy").to_numpy()
    right = {model: found.london.predicted(model) == found.london.truth() for model in models}
    for column in GROUP_COLUMNS:
        for name in sorted(frame[column].dropna().unique()):
            inside_N = smiling_N & (frame[column] == name).to_numpy()
            n = int(inside_N.sum())
            if n >= LEAST_IN_GROUP:
                cells = [(model, int(right[model][inside_N].sum()), n) for model in models]
                yield f"{str(name).replace('_', ' ')} ({n})", cells


def _cost_mark(axes: Axes, found: Findings, model: str, x: float, *, leftwards: bool) -> None:
    """One model's accuracy with its interval and its name, a fusion model's above, a CNN's below."""
    part = found.figures(model)["accuracy"]
    value, low, high = (100 * part[key] for key in ("value", "low", "high"))
    colour, above = colour_of(found, model), bool(base_of(model))
    axes.plot([x, x], [low, high], color=colour, linewidth=1)
    axes.plot(x, value, "o", color=colour, markerfacecolor=colour if above else "white", markersize=6)
    axes.annotate(
        found.title(model),
        (x, value),
        (-6 if leftwards else 6, 4 if above else -11),
        textcoords="offset points",
        ha="right" if leftwards else "left",
        fontsize=8,
    )


def _key(found: Findings, models: list[str]) -> str:
    return ", ".join(f"{'full' if base_of(model) else 'open'}: {found.title(model)}" for model in models)


def _percent(found: Findings, model: str) -> str:
    part = found.figures(model)["accuracy"]
    return f"{100 * part['value']:.1f} % ({100 * part['low']:.1f}–{100 * part['high']:.1f})"
