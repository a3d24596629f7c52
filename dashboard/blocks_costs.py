"""What Compare tells of costs: accuracy against the time for a face, size, and what training took."""

import math

from dashboard.blocks import Block, Chart, Table
from dashboard.charts_compare import cost_chart
from dashboard.readings import span
from dashboard.shelf import OWN, View
from dashboard.theme import Palette
from dashboard.wording import model_name
from fusion_model.bootstrap import Interval
from fusion_model.costs import CostError, ModelCost, measured_on, model_costs
from fusion_model.model_pairs import RankedModel

HEAD = [
    "model",
    "accuracy",
    "parameters",
    "file",
    "stands on",
    "a face takes",
    "training, with what it began from",
    "trained on",
]


def costs(view: View, ranked: tuple[RankedModel, ...], colours: Palette) -> list[Block]:
    """One block for the models that come with the program; none where the table has no such model.

    Parameters
    ----------
    view : what is asked for; costs are told of the program's own data alone
    ranked : its models with their figures, the best first
    colours : Palette
    """
    if view.data == OWN:
        return []
    try:
        known = model_costs()
        machine = measured_on()
    except CostError as error:
        return [Block("What they cost", str(error))]
    found = {
        item.figures.model: (item.figures.accuracy, known[item.figures.model])
        for item in ranked
        if item.figures.model in known
    }
    if not found:
        return []
    timed = {model: pair for model, pair in found.items() if not math.isnan(pair[1].latency_ms.value)}
    charts = (Chart(cost_chart(timed, colours), wide=True),) if timed else ()
    rows = [_row(model, accuracy, cost) for model, (accuracy, cost) in found.items()]
    return [
        Block(
            "What they cost",
            _reading(timed),
            charts=charts,
            tables=(Table("What every model costs", HEAD, rows),),
            note="A face takes: CPU time from its crop to probabilities, with the mirrored face, one model "
            f"alone{f' ({machine})' if machine else ''}; median, and the 5th to 95th percentile. All models "
            "were measured in turns, in one run.",
            width=760,
        )
    ]


def _reading(timed: dict[str, tuple[Interval, ModelCost]]) -> str:
    if not timed:
        return "How long the models take for a face was not measured here."
    by_time = sorted(timed, key=lambda model: timed[model][1].latency_ms.value)
    told = [f"{model_name(model)} takes {timed[model][1].latency_ms.value:.1f} ms" for model in by_time]
    best = max(timed, key=lambda model: timed[model][0].value)
    return f"For one face, {', '.join(told)}; {model_name(best)} is right most often."


def _row(model: str, accuracy: Interval, cost: ModelCost) -> list[str]:
    time = cost.latency_ms
    return [
        model_name(model),
        span(accuracy),
        f"{cost.parameters / 1e6:.2f} M",
        f"{cost.file_bytes / 1e6:.1f} MB",
        model_name(cost.base) if cost.base else "–",
        "–" if math.isnan(time.value) else f"{time.value:.1f} ms ({time.low:.1f} to {time.high:.1f})",
        "–" if math.isnan(cost.minutes_in_all) else f"{cost.minutes_in_all:.0f} minutes",
        "; ".join(cost.machines) or "–",
    ]
