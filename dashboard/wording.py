"""Sentences of the page, made from results. Faces *look*; nothing here says what anyone feels."""

import math
from typing import TYPE_CHECKING

from dashboard.charts import percent
from fusion_model.evaluation import Interval, ModelFigures, PairedComparison

if TYPE_CHECKING:
    from fusion_model.predictor import FacePrediction, PicturePrediction

LOOKS = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}
MODEL_NAMES = {"cnn": "CNN", "fusion": "Fusion"}

PURPOSE = (
    "Expression Lens says which of seven expressions a face <b>looks like</b> to two models. "
    "It does not know what anyone <b>feels</b>: expressions are not feelings."
)
LIMITS = (
    "It is for learning and research, never for judging people. Inferring emotions at work or in education "
    "is prohibited in the EU (AI&nbsp;Act, Art.&nbsp;5(1)(f))."
)
SHORT_LIMITS = "Never for judging people, and not for work or school; more under About."
PRIVACY = (
    "A picture lives in the memory of your session and nowhere else; "
    "<b>Forget</b> or closing the page ends it."
)

NO_FACE = (
    "No face was found in this picture. Faces are found best when they look towards the camera, "
    "are well lit and at least about 50 pixels wide. Try another picture, or one cropped closer."
)
INSECURE = (
    "Browsers give the camera only to pages opened over https or from this computer itself "
    "(http://localhost). Open the page that way, or upload a photo instead."
)
NO_FRAME = (
    "No picture has come from the camera yet. If the browser is asking, allow it; if it was refused before, "
    "allow the camera beside the address of the page and switch it on again. Otherwise no camera may be "
    "connected, or another program is using it. A photo works too."
)
CAMERA_GONE = "The camera gave no picture. Switch it off and on again, or upload a photo."


def model_name(model: str) -> str:
    """What the page calls a model."""
    return MODEL_NAMES.get(model, model)


def looks(label: str) -> str:
    """The word after 'looks' for an expression."""
    return LOOKS.get(label, label)


def leading_model(face: "FacePrediction") -> str:
    """The model whose answer heads the page: the fusion, or the last one there is."""
    return "fusion" if "fusion" in face.models else list(face.models)[-1]


def face_reading(face: "FacePrediction") -> str:
    """One sentence on a face: what the leading model says, and whether the others agree."""
    lead = leading_model(face)
    answer = face.models[lead]
    said = f"{model_name(lead)} gives {answer.label} {percent(answer.probabilities[answer.label])}"
    others = []
    for name, other in face.models.items():
        if name == lead:
            continue
        share = percent(other.probabilities[other.label])
        if other.label == answer.label:
            others.append(f"the {model_name(name)} says the same, {share}")
        else:
            others.append(f"the {model_name(name)} disagrees: {other.label}, {share}")
    unseen = "" if face.landmarks_found else " No face mesh was found, so both models had only the pixels."
    return "; ".join([said, *others]) + "." + unseen


def found_reading(prediction: "PicturePrediction") -> str:
    """How many faces there are and which is which."""
    count = len(prediction.faces)
    if count == 0:
        return "No face found."
    if count == 1:
        return "One face found."
    return f"{count} faces found, numbered from the largest. Choose one by clicking its box."


def latency_reading(milliseconds_decode: float, milliseconds: dict[str, float]) -> str:
    """Where the time went, in ms."""
    names = {"find": "finding faces", "prepare": "preparing them"}
    parts = [f"reading the file {milliseconds_decode:.0f}"]
    parts += [f"{names.get(key, model_name(key))} {value:.0f}" for key, value in milliseconds.items()]
    total = milliseconds_decode + sum(milliseconds.values())
    return f"Answered in {total:.0f} ms: " + ", ".join(parts) + "."


def interval_text(interval: Interval) -> str:
    """A figure with its 95 % interval: ``0.689 (0.674 to 0.704)``."""
    if math.isnan(interval.value):
        return "–"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def class_reading(figures: ModelFigures) -> str:
    """Which class is answered best and which worst, by F1."""
    known = [item for item in figures.classes if not math.isnan(item.f1.value)]
    if not known:
        return "No class has rows here."
    best = max(known, key=lambda item: item.f1.value)
    worst = min(known, key=lambda item: item.f1.value)
    return (
        f"{model_name(figures.model)} does best on {best.label} (F1 {best.f1.value:.2f}) "
        f"and worst on {worst.label} (F1 {worst.f1.value:.2f}); lines are 95 % intervals."
    )


def confusion_reading(figures: ModelFigures) -> str:
    """The most frequent mistake, counted in shares of its row."""
    counts_KK = figures.confusion_KK
    labels = [item.label for item in figures.classes]
    mistakes = [
        (counts_KK[row, column] / counts_KK[row].sum(), row, column)
        for row in range(len(labels))
        for column in range(len(labels))
        if row != column and counts_KK[row, column]
    ]
    if not mistakes:
        return "No picture was answered wrongly."
    share, row, column = max(mistakes)
    return (
        f"The most common confusion: {percent(share)} of the pictures labelled {labels[row]} "
        f"({counts_KK[row, column]} of {counts_KK[row].sum()}) were answered {labels[column]}."
    )


def comparison_reading(pair: PairedComparison) -> str:
    """Which of two models is right more often, and whether chance alone could do that."""
    first, second = model_name(pair.first), model_name(pair.second)
    span = f"95 % interval {points(pair.difference.low)} to {points(pair.difference.high)}"
    if pair.only_first == pair.only_second:
        return f"{second} and {first} are right equally often on these {pair.n:,} pictures ({span})."
    better, worse = (second, first) if pair.difference.value > 0 else (first, second)
    verdict = (
        "a difference this large is unlikely to be chance"
        if pair.mcnemar_p < 0.05
        else "a difference this small can well be chance"
    )
    return (
        f"{better} is right on {abs(pair.difference.value) * 100:.1f} points more of these {pair.n:,} "
        f"pictures than {worse} ({second} minus {first}: {points(pair.difference.value)}, {span}); "
        f"{verdict} (McNemar {p_text(pair.mcnemar_p)})."
    )


def points(change: float) -> str:
    """A difference of shares in signed percentage points; a dash for what is undefined."""
    return "–" if math.isnan(change) else f"{change * 100:+.1f}".replace("-", "−")


def p_text(p: float) -> str:
    """A p value for people."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def difference_reading(first: ModelFigures, second: ModelFigures) -> str:
    """Where the second model gains most over the first, and where least, in F1."""
    changes = [
        (right.f1.value - left.f1.value, left.label)
        for left, right in zip(first.classes, second.classes, strict=True)
    ]
    changes = [(change, label) for change, label in changes if not math.isnan(change)]
    if not changes:
        return "No class has rows here."
    most, least = max(changes), min(changes)
    return (
        f"F1 of {model_name(second.model)} against {model_name(first.model)}: most for {most[1]} "
        f"({points(most[0])} points), least for {least[1]} ({points(least[0])}). "
        "With few pictures of a class, a few points can be chance."
    )
