"""What lowers trust, as a block of figures for the texts, from the result file of `training.trust`."""

from typing import Any

from statsmodels.stats.proportion import proportion_confint

from fusion_model.trust import Effect, read_trust
from training.score_blocks import called

DONE = {
    "no mesh": lambda _: "no face mesh",
    "small": lambda effect: f"shrunk to {effect.strength:g} px",
    "dark": lambda effect: f"darkened to {effect.strength:g} of 255, with noise",
    "blurred": lambda effect: f"blurred, standard deviation {effect.strength:g} px of 48",
    "turned": lambda effect: f"turned by {effect.strength:g}° or more",
    "covered": lambda effect: f"{100 * effect.strength:.0f} % covered with grey",
    "edge": lambda effect: f"{100 * effect.strength:.0f} % cut off by the edge",
}


def trust(_: dict[str, Any]) -> str:
    """One row a trouble and strength, a column a model; and the measures from which the page warns."""
    found = read_trust()
    models = list(dict.fromkeys(effect.model for effect in found.effects))
    rows = [
        f"| what | split | measure | {' | '.join(called(model) for model in models)} |",
        f"| --- | --- | ---: |{' ---: |' * len(models)}",
    ]
    steps: dict[tuple[str, str, str], dict[str, Effect]] = {}
    for effect in found.effects:
        key = (DONE[effect.kind](effect), effect.split, f"{effect.measured:.3g}".replace("nan", "–"))
        steps.setdefault(key, {})[effect.model] = effect
    for key, by_model in steps.items():
        rows.append(f"| {' | '.join([*key, *(_cell(by_model.get(model)) for model in models)])} |")
    limits = ", ".join(f"{kind} {value:.3g}" for kind, value in found.thresholds.items())
    return "\n".join([*rows, "", f"Warned of from these measures on: {limits}; and without a mesh."]) + "\n"


def _cell(effect: Effect | None) -> str:
    if effect is None:
        return "–"
    low, high = proportion_confint(effect.right, effect.n, method="wilson")
    return (
        f"{100 * effect.accuracy:.1f} ({100 * low:.1f}–{100 * high:.1f}) of {effect.n:,}, "
        f"else {100 * effect.plain:.1f}"
    )


BLOCKS = {"trust": trust}
