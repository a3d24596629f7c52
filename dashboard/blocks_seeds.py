"""What Compare tells of seeds: whether fusion's gain over the CNN comes again when all is trained anew."""

import math

from scipy import stats

from dashboard.blocks import Block, Chart, Table
from dashboard.charts import percent
from dashboard.charts_groups import dots_chart
from dashboard.readings import points_span
from dashboard.record import FER2013
from dashboard.shelf import View
from dashboard.tables import model_key
from dashboard.theme import Palette
from dashboard.wording import p_text, points
from fusion_model.bootstrap import Interval
from fusion_model.seeds import CONTROLS, SeedStudy, read_seeds

PAIR = {"cnn", "fusion"}
NOTE = (
    "PrivateTest; for each seed a CNN trained shorter than the one that ships, and on its pixels the fusion "
    "model and its controls. The filters above do not apply. Interval over seeds: Student's t."
)


def over_seeds(view: View, colours: Palette) -> list[Block]:
    """One block for the CNN and the fusion model on FER-2013; none for other pairs and data."""
    study = read_seeds() if view.data == FER2013 and {view.first, view.second} == PAIR else None
    if study is None:
        return []
    names = [f"seed {seed}" for seed in study.seeds]
    alone = {
        model: (
            [Interval(value, math.nan, math.nan) for value in study.accuracy[model]],
            [study.n] * len(names),
        )
        for model in ("cnn", "fusion")
    }
    return [
        Block(
            "Over seeds",
            _reading(study),
            before=model_key(["fusion", "cnn"]),
            charts=(Chart(dots_chart(names, alone, colours, axis="accuracy"), wide=True),),
            tables=(Table("Accuracy by seed, with the controls", _head(), _rows(study)),),
            note=NOTE,
            width=760,
        )
    ]


def gain_of(study: SeedStudy) -> Interval:
    """Mean of the gains over seeds, with its 95 % interval by Student's t."""
    mean, gains = float(study.gains.mean()), study.gains
    if len(gains) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(stats.t.ppf(0.975, len(gains) - 1) * stats.sem(gains))
    return Interval(mean, mean - half, mean + half)


def _reading(study: SeedStudy) -> str:
    controls = ", ".join(
        f"{CONTROLS[arm]} {points(float((study.accuracy[arm] - study.accuracy['cnn']).mean()))}"
        for arm in ("wider", "shuffled", "fusion_without_mesh")
    )
    low, high = (points(float(end)) for end in (study.gains.min(), study.gains.max()))
    return (
        f"Trained anew with {len(study.seeds)} seeds, fusion gains {points_span(gain_of(study))} over "
        f"the CNN, from {low} to {high} by seed. By McNemar's test the least sure seed alone has "
        f"{p_text(float(study.p.max()))}. Controls against the CNN, in points: {controls}."
    )


def _head() -> list[str]:
    return ["seed", "CNN", "fusion", "fusion minus CNN, points", "McNemar", *CONTROLS.values()]


def _rows(study: SeedStudy) -> list[list[str]]:
    return [
        [
            f"{seed}",
            percent(study.accuracy["cnn"][place], 1),
            percent(study.accuracy["fusion"][place], 1),
            points(float(study.gains[place])),
            p_text(float(study.p[place])),
            *(percent(study.accuracy[arm][place], 1) for arm in CONTROLS),
        ]
        for place, seed in enumerate(study.seeds)
    ]
