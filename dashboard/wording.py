"""Sentences of the page, made from results. Faces *look*; nothing here says what anyone feels."""

import functools
import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from dashboard.answered import Answered
from dashboard.charts import percent
from fusion_model.catalogue import Entry, catalogue, leading
from fusion_model.evaluation import Interval, ModelFigures, PairedComparison

if TYPE_CHECKING:
    from collections import Counter

    from dashboard.album import AlbumFace, AlbumState, Picture
    from dashboard.live import LiveFrame
    from fusion_model.answers import PicturePrediction

LOOKS = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}
COUNTS = ("no model", "one model", "two models", "three models", "four models", "five models")

PURPOSE = (
    "Expression Lens says which expression a face <b>looks like</b> to models that were trained on pictures. "
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
    "<p>No picture has come from the camera yet. A page is not told why; what helps in each case:</p><ul>"
    "<li>The browser is asking: allow it.</li>"
    "<li>It was refused before: allow the camera beside the page’s address, then switch it on again.</li>"
    "<li>No camera is connected: connect one, then switch it on again.</li>"
    "<li>Another program, such as a video call, has it: close that, then switch it on again.</li>"
    "</ul><p>A photo works too.</p>"
)
NO_DEVICES = (
    "This browser gives pages no camera at all: some do not in private windows or inside other programs, or "
    "where an organisation has switched it off. Open the page in another browser, or upload a photo instead."
)
UNREACHED = (
    "The camera’s part of the page has not loaded yet: the connection may be slow, or something in the "
    "browser may block frames. It starts by itself when it has; otherwise switch it off and on, or upload "
    "a photo."
)
NO_LIVE_FACE = "No face in view just now. Look towards the camera, with light on the face."
CAMERA_GONE = "The camera gave no picture. Switch it off and on again, or upload a photo."


@functools.cache
def models() -> dict[str, Entry]:
    """The models that come with the program, by name, in their order: what their cards say."""
    return catalogue()


def model_name(model: str) -> str:
    """What the page calls a model: the title on its card."""
    return models()[model].title if model in models() else model


def looks(label: str) -> str:
    """The word after 'looks' for an expression."""
    return LOOKS.get(label, label)


def leading_model(face: Answered) -> str:
    """The model whose answer heads the page: the one with the best score on the split of choices."""
    return leading(list(face.models), models())


def groups(face: Answered) -> list[list[str]]:
    """The models of a face by the classes that they answer with, the leading model's group first."""
    found: dict[tuple[str, ...], list[str]] = {tuple(face.models[leading_model(face)].probabilities): []}
    for name, answer in face.models.items():
        found.setdefault(tuple(answer.probabilities), []).append(name)
    return list(found.values())


def face_reading(face: Answered) -> str:
    """What the leading model says of a face, and whether the others agree."""
    first, *others = groups(face)
    sentences = [_group_reading(face, first)]
    for group in others:
        classes = ", ".join(face.models[group[0]].probabilities)
        sentences.append(f"Of other classes ({classes}): {_group_reading(face, group)}")
    if not face.landmarks_found:
        had = {1: "the model", 2: "both models"}.get(len(face.models), "the models")
        sentences.append(f"No face mesh was found, so {had} had only the pixels.")
    return " ".join(sentences)


def _group_reading(face: Answered, names: Sequence[str]) -> str:
    lead = leading(names, models())
    label = face.models[lead].label
    parts = [f"{model_name(lead)} gives {label} {percent(face.models[lead].probabilities[label])}"]
    agreeing = [name for name in names if name != lead and face.models[name].label == label]
    others = [name for name in names if face.models[name].label != label]
    shares = [(name, percent(face.models[name].probabilities[label])) for name in agreeing]
    if len(shares) == 1:
        parts.append(f"the {model_name(shares[0][0])} says the same, {shares[0][1]}")
    elif shares:
        parts.append(f"{_listed([f'{model_name(name)} ({share})' for name, share in shares])} say the same")
    for name in others:
        answer = face.models[name]
        share = percent(answer.probabilities[answer.label])
        parts.append(f"the {model_name(name)} disagrees: {answer.label}, {share}")
    return "; ".join(parts) + "."


def _listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def asked_models(count: int) -> str:
    """How many models answer, in words; ``two models`` where nothing was chosen."""
    return COUNTS[count or 2] if count < len(COUNTS) else f"{count} models"


def pace_reading(frame: "LiveFrame") -> str:
    """How often and how fast the live camera is answered."""
    return f"{frame.rate:.0f} frames a second, each answered in {frame.delay * 1000:.0f} ms."


def found_reading(prediction: "PicturePrediction") -> str:
    """How many faces there are and which is which."""
    count = len(prediction.faces)
    if count == 0:
        return "No face found."
    if count == 1:
        return "One face found."
    return f"{count} faces found, numbered from the largest. Choose one by clicking its box."


def arriving(name: str, here: int, of: int) -> str:
    """How many bytes of a large file are here, for the eye: read out, it would not let others speak."""
    megabytes = f"{here / 1e6:.0f} of {of / 1e6:.0f} MB"
    return f'<p class="quiet small num">Receiving {escape(name)}: {megabytes}</p>'


def album_reading(album: "AlbumState", shown: "Sequence[Picture]", faces: "Sequence[AlbumFace]") -> str:
    """How many pictures and faces the album shows, of how many."""
    pictures = f"{len(shown):,} of {len(album.pictures):,} pictures"
    if len(shown) == len(album.pictures):
        pictures = f"{len(shown):,} pictures"
    found = "one face" if len(faces) == 1 else f"{len(faces):,} faces"
    return (
        f'<p class="quiet num" role="status">{pictures}, {found}. Choose a picture to see it above; '
        "the album is in the memory of your session only.</p>"
    )


def count_reading(counted: "dict[str, Counter[str]]") -> str:
    """Which expression most faces of the album look like, to each model."""
    parts = []
    for model, counter in counted.items():
        label, count = counter.most_common(1)[0]
        parts.append(f"{model_name(model)}: most look {looks(label)} ({count:,} of {counter.total():,})")
    return f'<p class="quiet reading num">{"; ".join(reversed(parts))}.</p>'


def others_reading(count: int, asked: "Sequence[str]") -> str:
    """How many faces are not in the bars, since other models than those chosen now answered for them."""
    if not count:
        return ""
    faces, have = ("One face", "is") if count == 1 else (f"{count:,} faces", "are")
    names = _listed([model_name(model) for model in asked])
    return (
        f'<p class="quiet small num">{faces} {have} not counted: answered before {names} '
        f"{'was' if len(asked) == 1 else 'were'} chosen. Drop such a picture again to have it answered so."
        "</p>"
    )


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
