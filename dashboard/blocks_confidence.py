"""What Evaluate tells of one model's probabilities: calibration, risk, prediction sets, curves, taggers."""

import numpy as np

from dashboard.blocks import Block, Chart, Pick, Table
from dashboard.blocks_evaluate import model_of
from dashboard.charts import OUTLINED_MODELS, percent
from dashboard.charts_curves import (
    coverage_chart,
    precision_recall_chart,
    reliability_chart,
    risk_chart,
    roc_chart,
)
from dashboard.charts_groups import dots_chart
from dashboard.readings import (
    curves_reading,
    rater_reading,
    reliability_reading,
    risk_reading,
    sets_reading,
    span,
)
from dashboard.record import Record
from dashboard.shelf import View
from dashboard.tables import class_key, model_key, probability_cards
from dashboard.theme import Palette
from dashboard.wording import model_name
from fusion_model.bootstrap import Interval
from fusion_model.conformal import ConformalError, conformal_figures
from fusion_model.curves import class_curves, confidence_bins, reliability, risk_coverage, wilson
from fusion_model.ferplus import ferplus_figures
from fusion_model.group_figures import LEAST_ROWS

LEVEL = 0.9
AGREEMENT, MAJORITY = "ferplus_agreement", "ferplus_label"


def confidence(view: View, record: Record, colours: Palette) -> list[Block]:
    """Cards, reliability, risk against coverage, prediction sets."""
    cards = Block("", before=probability_cards(model_of(view, view.model)))
    return [cards, _reliability(view, colours), _risk(view, colours), *_sets(view, record, colours)]


def curves(view: View, colours: Palette) -> list[Block]:
    """ROC and precision-recall of each expression against the rest."""
    rows = view.rows
    found = class_curves(rows.truth_N, rows.probabilities[view.model], rows.labels)
    table = Table(
        f"{model_name(view.model)}: areas, each expression against the rest",
        ["expression", "ROC area", "average precision", "by chance", "pictures"],
        [
            [
                item.label,
                _decimal(item.roc_area),
                _decimal(item.average_precision),
                _decimal(item.positives / len(rows)),
                f"{item.positives:,}",
            ]
            for item in found
        ],
    )
    return [
        Block(
            "Each expression against the rest",
            curves_reading(view.model, found),
            before=class_key(rows.labels),
            charts=(
                Chart(roc_chart(found, colours), "ROC"),
                Chart(precision_recall_chart(found, colours), "Precision and recall"),
            ),
            tables=(table,),
            note="By chance, a ROC area is 0.5 and an average precision the share of the expression.",
        )
    ]


def raters(view: View, colours: Palette) -> list[Block]:
    """The model against the majority of FER+'s taggers, and by how far they agree."""
    rows = view.rows
    if AGREEMENT not in rows.table.frame or MAJORITY not in rows.table.frame:
        return [Block("Human raters", f"{view.title} has no votes of several raters.")]
    figures = ferplus_figures(rows.table.select(_mask(view)), view.model)
    by_agreement = _by_agreement(view, colours)
    if figures is None:
        return [
            Block("Human raters", "On none of these pictures do most of FER+'s taggers agree."),
            by_agreement,
        ]
    agreement_N, majority_N = rows.column(AGREEMENT).to_numpy(float), rows.column(MAJORITY).notna().to_numpy()
    tagger = float(agreement_N[majority_N].mean())
    lines = [
        [f"{model_name(view.model)}, against the majority", span(figures.majority)],
        ["one tagger, against the majority of the others", percent(tagger, 1)],
        [f"{model_name(view.model)}, against the official label", span(figures.official)],
        ["the majority, against the official label", span(figures.labels_agree)],
    ]
    beside = Block(
        "Beside human taggers",
        rater_reading(view.model, figures.majority, tagger, figures.n),
        before=Table(f"Right on {figures.n:,} pictures", ["who", "share right"], lines).html(),
        note="Ten people tagged each picture for FER+ (Barsoum et al. 2016). Where six or more agree, "
        "taking one "
        "of them away leaves the majority as it is: the share of the tags that it got is what a single "
        "tagger "
        "reaches against the others. These pictures were chosen by the same tags, which favours the "
        "taggers a "
        "little; on the others there is no majority to be held against.",
    )
    return [beside, by_agreement]


def _reliability(view: View, colours: Palette) -> Block:
    confidence_N, right_N = view.rows.confidence(view.model), view.rows.right(view.model)
    found = reliability(confidence_N, right_N)
    bin_N = confidence_bins(confidence_N)
    picks, keys, lines = {}, [], []
    for number in np.flatnonzero(found.count_B).tolist():
        low, high = (100 * edge for edge in found.edges_B1[number : number + 2])
        keys.append(f"bin:{number}")
        picks[keys[-1]] = Pick(f"answered with a confidence of {low:.0f} to {high:.0f} %", bin_N == number)
        share = Interval(*(float(column[number]) for column in (found.right_B, found.low_B, found.high_B)))
        lines.append(
            [
                f"{low:.0f} to {high:.0f} %",
                percent(float(found.confidence_B[number]), 1),
                span(share),
                f"{int(found.count_B[number]):,}",
            ]
        )
    return Block(
        "Does it promise what it holds?",
        reliability_reading(view.model, found),
        charts=(Chart(reliability_chart(found, colours), keys=keys, wide=True),),
        tables=(
            Table(
                f"{model_name(view.model)}: confidence and share right",
                ["confidence", "mean", "right", "pictures"],
                lines,
            ),
        ),
        note="The larger a mark, the more pictures; lines are 95 % Wilson intervals.",
        picks=picks,
        width=640,
    )


def _risk(view: View, colours: Palette) -> Block:
    rows = view.rows
    found = {model: risk_coverage(rows.confidence(model), rows.right(model)) for model in (view.model,)}
    for other in (view.first, view.second):
        if other not in found:
            found[other] = risk_coverage(rows.confidence(other), rows.right(other))
    table = Table(
        "Share right among the surest answers",
        ["pictures answered", *(model_name(model) for model in found)],
        [
            [percent(coverage), *(span(item.at[place][1]) for item in found.values())]
            for place, (coverage, _) in enumerate(found[view.model].at)
        ]
        + [["mean risk (AURC)", *(f"{item.area:.4f}" for item in found.values())]],
    )
    return Block(
        "What it gains by staying silent",
        risk_reading(view.model, found[view.model]),
        before=model_key(found),
        charts=(Chart(risk_chart(found, OUTLINED_MODELS, colours), wide=True),),
        tables=(table,),
        width=640,
    )


def _sets(view: View, record: Record, colours: Palette) -> list[Block]:
    try:
        sets_NK = view.sets(record, LEVEL)
    except ConformalError as error:
        return [Block("Sets instead of one answer", str(error))]
    if sets_NK is None:
        why = "Sets are calibrated on PublicTest; choose FER-2013 and one of its splits to see them."
        return [Block("Sets instead of one answer", why)]
    found = conformal_figures(sets_NK, view.rows.truth_N, view.rows.labels, LEVEL)
    held_N = sets_NK[np.arange(len(sets_NK)), view.rows.truth_N]
    labels = view.rows.labels
    picks = {
        f"unheld:{label}": Pick(
            f"labelled {label}, and not in the set", (view.rows.truth_N == code) & ~held_N
        )
        for code, label in enumerate(labels)
    }
    lines = [
        [item.label, span(item.coverage), _decimal(item.mean_size, 2), f"{item.support:,}"]
        for item in found.classes
    ]
    lines.append(["all", span(found.coverage), f"{found.mean_size:.2f}", f"{found.n:,}"])
    return [
        Block(
            "Sets instead of one answer",
            sets_reading(found),
            charts=(Chart(coverage_chart(found, colours), keys=list(picks), wide=True),),
            tables=(
                Table(
                    f"{model_name(view.model)}: sets at {percent(LEVEL)}",
                    ["expression", "sets that hold it", "expressions in a set", "pictures"],
                    lines,
                ),
            ),
            note="At the right: sets that hold the label, and how many expressions they have. Calibrated on "
            "PublicTest (for PublicTest itself, each half on the other), by the probability of the label "
            "(LAC).",
            picks=picks,
            width=700,
        )
    ]


def _by_agreement(view: View, colours: Palette) -> Block:
    agreement_N = view.rows.column(AGREEMENT).to_numpy(float, na_value=np.nan)
    levels = np.unique(agreement_N[np.isfinite(agreement_N)])
    models = list(dict.fromkeys([view.second, view.first]))
    names = [f"{round(level * 10)} of 10" for level in levels.tolist()]
    found: dict[str, tuple[list[Interval], list[int]]] = {model: ([], []) for model in models}
    picks = {}
    for level, name in zip(levels.tolist(), names, strict=True):
        at_N = agreement_N == level
        for model, (intervals, counts) in found.items():
            hits, total = np.array([view.rows.right(model)[at_N].sum()]), np.array([at_N.sum()])
            low, high = wilson(hits, total)
            intervals.append(Interval(float(hits[0] / total[0]), float(low[0]), float(high[0])))
            counts.append(int(total[0]))
        wrong_N = at_N & ~view.rows.right(view.model)
        picks[f"agreed:{name}"] = Pick(f"{name} taggers agree, answered otherwise than labelled", wrong_N)
    if not names:
        return Block("By how far people agree", "None of these pictures has votes.")
    head = ["taggers who agree", *(model_name(model) for model in models), "pictures"]
    counts = found[models[0]][1]
    lines = [
        [name, *(span(found[model][0][place]) for model in models), f"{counts[place]:,}"]
        for place, name in enumerate(names)
    ]
    few = frozenset(name for name, n in zip(names, counts, strict=True) if n < LEAST_ROWS)
    ends = [found[view.model if view.model in found else models[0]][0][place].value for place in (0, -1)]
    return Block(
        "By how far people agree",
        f"Where all ten taggers say the same, {model_name(models[0])} gives the official label on "
        f"{percent(found[models[0]][0][-1].value)}; where people differ, the label itself is in doubt."
        if names[-1] == "10 of 10"
        else f"From {names[0]} to {names[-1]}: {percent(ends[0])} to {percent(ends[1])}.",
        before=model_key(models),
        charts=(
            Chart(
                dots_chart(names, found, colours, quiet=few, axis="share right, by the official label"),
                keys=list(picks),
                wide=True,
            ),
        ),
        tables=(Table("Share right by the agreement of FER+'s taggers", head, lines, few),),
        picks=picks,
        width=760,
    )


def _mask(view: View) -> np.ndarray:
    mask_N = np.zeros(len(view.rows.table), dtype=bool)
    mask_N[view.rows.index_N] = True
    return mask_N


def _decimal(value: float, digits: int = 3) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"
