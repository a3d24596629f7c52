"""Sentences of how sure an answer is: words from sets, people, models that differ, what lowers trust.

Every figure comes from the prediction table or from the measured curves; nothing is typed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from dashboard.answered import Answered
from dashboard.charts import percent
from dashboard.readings import span
from dashboard.record import REPORTED, Promise, Record
from dashboard.theme import expression_colour
from dashboard.wording import leading_model, looks, model_name
from fusion_model.cases import Dispute, Raters, dispute_of, raters_of
from fusion_model.curves import wilson
from fusion_model.trust import Doubt, Effect, Trust

#: More expressions than these are no answer.
MOST_WORDS = 3
#: Shares below this are left out of sentences.
LEAST_TOLD = 0.01
#: The shortest name of each trouble, for marks, and the words that open its warning.
SHORT = {
    "no mesh": "no mesh",
    "small": "small",
    "dark": "dark",
    "blurred": "blurred",
    "turned": "turned",
    "covered": "covered?",
    "edge": "at the edge",
}
UNMEASURED = "There is no record of this model to tell how sure it is."


@dataclass(frozen=True)
class Words:
    """What a face may look like at a level.

    Attributes
    ----------
    model : whose answer it is.
    labels : the expressions of its set, the likeliest first.
    promise : what such sets hold; None where nothing is known of the model, and then `labels` is its answer.
    """

    model: str
    labels: tuple[str, ...]
    promise: Promise | None

    @property
    def sure(self) -> bool:
        """Whether these are few enough to be called an answer."""
        return len(self.labels) <= MOST_WORDS


def words_of(face: Answered, record: Record | None, level: float, model: str = "") -> Words:
    """The set of a model for a face, by default of the leading one."""
    model = model or leading_model(face)
    answer = face.models[model]
    promise = _promise(record, model, level, tuple(answer.probabilities))
    if promise is None:
        return Words(model, (answer.label,), None)
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    held = tuple(label for label, share in ranked if share >= promise.threshold)
    return Words(model, held or (answer.label,), promise)


def headline(words: Words) -> str:
    """``Looks happy or surprised`` with the likeliest expression's colour beside it, or ``Not sure``."""
    colour = expression_colour(words.labels[0]) if words.sure else "var(--mui-palette-text-secondary)"
    dot = f'<span class="dot" style="background:{colour}"></span>'
    told = f"Looks {_either(words.labels, bold=True)}" if words.sure else "<b>Not sure</b>"
    return f'<h2 class="headline">{dot}{told}</h2>'


def unsure_reading(words: Words) -> str:
    """Between what a model is not sure; empty where it is."""
    if words.sure:
        return ""
    return f'<p class="quiet">It could look {_either(words.labels)}.</p>'


def level_reading(words: Words, level: float) -> tuple[str, str]:
    """What the level means and how that was met: a line, and more."""
    if words.promise is None:
        return UNMEASURED, ""
    found = words.promise.figures
    line = (
        f"Words made to hold the labelled expression {_of_ten(level)}. "
        f"Measured: {percent(found.coverage.value, 1)}, with {found.mean_size:.1f} expressions on average."
    )
    worst = min(
        (item for item in found.classes if item.support), key=lambda item: item.coverage.value, default=None
    )
    shares = [*found.size_shares, 0.0, 0.0][:MOST_WORDS]
    more = (
        f"{model_name(words.model)} names every expression that gets at least "
        f"{percent(words.promise.threshold)}, the least that holds the label on {percent(level)} of "
        f"PublicTest. On the {found.n:,} pictures of PrivateTest these words held it on "
        f"{span(found.coverage)}. They were one expression on {percent(shares[0])}, two on "
        f"{percent(shares[1])}, three on {percent(shares[2])}; with more than three it says “not sure”. "
        "The promise is over all pictures of that kind"
    )
    if worst is not None:
        more += f": for {worst.label} it is {percent(worst.coverage.value)}"
    return line, f"{more}. Photographs of other kinds may keep it less well."


def people_reading(face: Answered, record: Record | None) -> tuple[str, str]:
    """How far people agree on faces that the leading model calls so: a line, and more; empty if unknown."""
    model = leading_model(face)
    rows = record.reported() if record is not None else None
    answer = face.models[model]
    if rows is None or model not in rows.models or answer.label not in rows.labels:
        return "", ""
    found = raters_of(rows, model, answer.label, answer.probabilities[answer.label])
    return ("", "") if found is None else (_people_line(found), _people_more(found, model))


def disputes_of(face: Answered, record: Record | None) -> list[Dispute]:
    """The leading model's record against each model that gives another answer."""
    lead = leading_model(face)
    rows = record.reported() if record is not None else None
    label, classes = face.models[lead].label, tuple(face.models[lead].probabilities)
    if rows is None or lead not in rows.models or set(classes) != set(rows.labels):
        return []
    found = [
        dispute_of(rows, other, lead, answer.label, label)
        for other, answer in face.models.items()
        if other in rows.models and set(answer.probabilities) == set(classes) and answer.label != label
    ]
    return [item for item in found if item is not None]


def dispute_reading(face: Answered, found: Dispute) -> tuple[str, str]:
    """Who of two models was right where they gave such answers: a line, and more."""
    names = {model: model_name(model) for model in (found.first, found.second)}
    given = [f"{names[model]} {face.models[model].label}" for model in (found.first, found.second)]
    shares = (found.first_right, found.second_right)
    line = (
        f"The models disagree: {given[0]}, {given[1]}. On such pictures {names[found.first]} was right on "
        f"{percent(shares[0].value)}, {names[found.second]} on {percent(shares[1].value)}."
    )
    neither = max(0.0, 1 - shares[0].value - shares[1].value)
    where = (
        f"gave these two answers on {found.n:,} pictures of {REPORTED}"
        if found.first_label
        else f"gave just these two answers on too few pictures to count; they differed on {found.n:,} of "
        f"{REPORTED} in all"
    )
    more = (
        f"{names[found.first]} and {names[found.second]} {where}. There {names[found.first]} was right on "
        f"{span(shares[0])}, {names[found.second]} on {span(shares[1])}, and neither on {percent(neither)}."
    )
    return line, more


def doubt_reading(doubt: Doubt, effect: Effect | None) -> tuple[str, str]:
    """A warning: its line with what it costs, and the sentence with the measured effect."""
    opening = _OPENINGS[doubt.kind](doubt.measured)
    if effect is None:
        return opening, ""
    change = f"{-100 * effect.loss:+.0f}".replace("-", "−")
    line = f"{opening} · {change} points on such faces"
    done = _DONE[doubt.kind](effect)
    low, high = wilson_of(effect)
    return line, (
        f"On {done}, {model_name(effect.model)} was right on {percent(effect.accuracy)} "
        f"(95 %: {low * 100:.0f} to {high * 100:.0f}, {effect.n:,} pictures) instead of "
        f"{percent(effect.plain)}."
    )


def marks_of(doubts: Sequence[Doubt]) -> str:
    """``dark, small``: troubles in a word each; empty without any."""
    return ", ".join(SHORT[doubt.kind] for doubt in doubts)


def doubts_of(face: Answered, trust: Trust) -> tuple[Doubt, ...]:
    """What lowers trust in the answers for a face."""
    return trust.doubts(face.measures, mesh_found=face.landmarks_found)


def wilson_of(effect: Effect) -> tuple[float, float]:
    """The 95 % interval of an effect's accuracy."""
    low, high = wilson(np.array([effect.right]), np.array([effect.n]))
    return float(low[0]), float(high[0])


def line_html(kind: str, line: str, more: str) -> str:
    """A line that opens to what it rests on; one that has no more stays shut."""
    if not more:
        return f'<p class="fact {kind}">{escape(line)}</p>'
    return (
        f'<details class="fact {kind}"><summary>{escape(line)}</summary>'
        f'<p class="quiet small">{escape(more)}</p></details>'
    )


def _promise(record: Record | None, model: str, level: float, classes: tuple[str, ...]) -> Promise | None:
    """Only where the table knows the model, by these classes."""
    rows = record.reported() if record is not None else None
    if record is None or rows is None or model not in rows.models or set(classes) != set(rows.labels):
        return None
    return record.promise(model, level)


def _either(labels: Sequence[str], *, bold: bool = False) -> str:
    """``happy, surprised or sad``, as HTML."""
    told = [escape(looks(label)) for label in labels]
    if bold:
        told = [f"<b>{label}</b>" for label in told]
    return " or ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def _of_ten(level: float) -> str:
    return {0.8: "8 times in 10", 0.9: "9 times in 10", 0.95: "19 times in 20"}.get(level, f"{level:.0%}")


def _people_line(found: Raters) -> str:
    return f"On such faces ten people agreed to {percent(found.agreement)} on average."


def _people_more(found: Raters, model: str) -> str:
    sure = "" if (found.low, found.high) == (0.0, 1.0) else _between(found.low, found.high)
    said = [f"{label} on {percent(share)}" for label, share in found.majorities[:3] if share >= LEAST_TOLD]
    told = f" Most of them said {_listed(said)} of the pictures." if said else ""
    if found.divided >= LEAST_TOLD:
        told += f" On {percent(found.divided)} no expression had more than half of the votes."
    return (
        f"{model_name(model)} calls {found.n:,} pictures of {REPORTED} {found.label}{sure}. Of the ten votes "
        f"that each got for FER+, the commonest answer had {percent(found.agreement)} on average.{told}"
    )


def _between(low: float, high: float) -> str:
    if low == 0:
        return f", less than {percent(high)} sure"
    return f", {percent(low)} to {percent(high)} sure" if high < 1 else f", {percent(low)} sure or more"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


_OPENINGS = {
    "no mesh": lambda _: "No face mesh was found",
    "small": lambda value: f"Small: the face's frame is {value:.0f} pixels wide",
    "dark": lambda value: f"Dark: {value:.0f} of 255 levels of grey",
    "blurred": lambda value: f"Blurred: sharpness {value:.2f}",
    "turned": lambda value: f"Turned sideways by {value:.0f}°",
    "covered": lambda value: f"A part of the face may be covered: {percent(value)} of it is plain",
    "edge": lambda value: f"Near the edge: {percent(value)} of the face's frame is outside the photo",
}
_DONE = {
    "no mesh": lambda effect: f"the pictures of {effect.split} without a face mesh",
    "small": lambda effect: f"FER-2013 faces shrunk to {effect.strength:g} pixels",
    "dark": lambda effect: (
        f"FER-2013 faces darkened to {effect.strength:g} levels of grey, with a sensor's noise"
    ),
    "blurred": lambda effect: f"FER-2013 faces blurred over {effect.strength:g} of their 48 pixels",
    "turned": lambda effect: f"faces of {effect.split} that are turned by {effect.strength:g}° or more",
    "covered": lambda effect: f"FER-2013 pictures of which {percent(effect.strength)} was covered with grey",
    "edge": lambda effect: f"FER-2013 pictures of which {percent(effect.strength)} was cut off",
}
