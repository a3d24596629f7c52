"""What Compare tells: two models on the same pictures, what changes between them, and all of them ranked."""

import math

from dashboard import wording
from dashboard.blocks import Block, Chart, Pick, Table
from dashboard.blocks_costs import costs
from dashboard.blocks_detectors import face_finding
from dashboard.blocks_evaluate import model_of
from dashboard.blocks_seeds import over_seeds
from dashboard.charts import percent
from dashboard.charts_compare import agreement_chart, agreement_parts, difference_chart
from dashboard.charts_groups import dots_chart
from dashboard.readings import points_span, span
from dashboard.shelf import View
from dashboard.tables import agreement_key, agreement_rows, comparison_cards, difference_rows, model_key
from dashboard.theme import Palette
from dashboard.wording import model_name, p_text, points
from fusion_model.evaluation import ModelFigures, PairedComparison, comparison_of
from fusion_model.model_pairs import PairedFigures, RankedModel, flips, paired_figures, ranking


def comparison(view: View, colours: Palette) -> list[Block]:
    """The pair, their answers, their figures by expression; the ranking of all models and their costs."""
    ranked = ranking(view.rows)
    every = [_ranking(ranked, colours), *costs(view, ranked, colours), *face_finding(view, colours)]
    if view.first == view.second:
        return [Block("", "Choose two different models to compare."), *every]
    rows, pair = view.rows, (view.first, view.second)
    first, second = (model_of(view, model) for model in pair)
    found = comparison_of(pair, rows.truth_N, rows.answers[view.first], rows.answers[view.second])
    paired = paired_figures(rows, *pair)
    return [
        Block("", before=comparison_cards(first, second, found)),
        _who_is_right(view, found, colours),
        _by_expression(first, second, paired, colours),
        *over_seeds(view, colours),
        *every,
    ]


def _who_is_right(view: View, found: PairedComparison, colours: Palette) -> Block:
    names = {
        "gained": f"only {model_name(view.second)} right",
        "lost": f"only {model_name(view.first)} right",
        "both wrong, differently": "answered differently, both wrong",
    }
    picks = {
        f"flip:{kind}": Pick(names[kind], mask_N)
        for kind, mask_N in flips(view.rows, view.first, view.second).items()
    }
    head, lines = agreement_rows(found)
    keys = ["", "flip:gained", "flip:lost", ""]
    return Block(
        "Who is right",
        wording.comparison_reading(found),
        charts=(Chart(agreement_chart(found, colours), keys=keys, wide=True),),
        after=agreement_key(agreement_parts(found, colours), found.n),
        tables=(Table("Pictures by which model is right", head, lines),),
        picks=picks,
    )


def _by_expression(
    first: ModelFigures, second: ModelFigures, paired: PairedFigures, colours: Palette
) -> Block:
    labels = [item.label for item in first.classes]
    counts = [item.support for item in first.classes]
    beyond = [
        label
        for label, item in zip(labels, paired.f1, strict=True)
        if not math.isnan(item.value) and (item.low > 0 or item.high < 0)
    ]
    sure = (
        f"The paired interval leaves 0 out for {', '.join(beyond)} only."
        if beyond
        else "Every paired interval holds 0: for no expression alone is the change sure."
    )
    head, lines = difference_rows(first, second, paired)
    return Block(
        "By expression",
        f"{wording.difference_reading(first, second)} {sure}",
        before=model_key([second.model, first.model]),
        charts=(
            Chart(difference_chart(first, second, "f1", colours), "F1 of both"),
            Chart(
                dots_chart(
                    labels,
                    {second.model: (list(paired.f1), counts)},
                    colours,
                    line=0.0,
                    signed=True,
                    axis="change of F1, points, with paired 95 % interval",
                ),
                f"{model_name(second.model)} minus {model_name(first.model)}",
            ),
        ),
        tables=(Table("By class; changes in points with paired 95 % intervals", head, lines),),
        note=f"Over all expressions: macro F1 {points_span(paired.macro_f1)}, balanced accuracy "
        f"{points_span(paired.balanced_accuracy)}. Seven intervals are shown, and not corrected for being "
        "several.",
    )


def _ranking(found: tuple[RankedModel, ...], colours: Palette) -> Block:
    names = [model_name(item.figures.model) for item in found]
    intervals = [item.figures.accuracy for item in found]
    best = found[0].figures
    lines = [_ranked(item, place) for place, item in enumerate(found, start=1)]
    behind = [item for item in found[1:] if item.p < 0.05]
    level = [model_name(item.figures.model) for item in found[1:] if item.p >= 0.05]
    reading = f"{model_name(best.model)} is right most often, on {span(best.accuracy)}"
    if level:
        reading += (
            f"; that {', '.join(level)} {'is' if len(level) == 1 else 'are'} as good cannot be ruled out"
        )
    if behind:
        reading += (
            f"; {', '.join(model_name(item.figures.model) for item in behind)} is behind by more than chance"
        )
    return Block(
        "All models, ranked",
        f"{reading}.",
        charts=(
            Chart(
                dots_chart(names, {"accuracy": (intervals, [best.n] * len(found))}, colours, axis="accuracy"),
                wide=True,
            ),
        ),
        tables=(
            Table(
                "All models on the same pictures",
                ["model", "rank", "accuracy", "macro F1", "balanced accuracy", "ECE", "against the best"],
                lines,
            ),
        ),
        note="Against the best: accuracy in points, McNemar's exact test on the same pictures, "
        "Holm-corrected over "
        "the models.",
        width=760,
    )


def _ranked(item: RankedModel, place: int) -> list[str]:
    figures, pair = item.figures, item.against_best
    against = "the best" if pair is None else f"{points(-pair.difference.value)}, {p_text(item.p)}"
    return [
        model_name(figures.model),
        f"{place}",
        span(figures.accuracy),
        wording.interval_text(figures.macro_f1),
        span(figures.balanced_accuracy),
        percent(figures.ece, 1),
        against,
    ]
