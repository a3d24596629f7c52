"""What the models saw, as pictures, sentences and tables: HTML made from explanations."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from dashboard.blocks import Table
from dashboard.charts import percent
from dashboard.charts_seen import AGAINST, FOR, odds_factor, rgb
from dashboard.wording import looks, model_name
from fusion_model.regions import crop_places

if TYPE_CHECKING:
    from fusion_model.answers import Explanation, FacePrediction

ZOOM = 6  # screen px a px of the crop
#: A map's strongest places are drawn at this share of colour.
STRONGEST = 0.78
CAUTION = (
    "A map shows what an answer <b>depends on</b>: blur the marked places, and the answer changes. It does "
    "not show why an answer is right, nor that it is."
)
NO_MESH = (
    "No face mesh was found here, so there are no landmarks to show; the models had only the pixels to go by."
)
SHARE_NOTE = (
    "Landmarks not shown: the network is told that no mesh was found. Pixels not shown: it sees blurred mean "
    "faces of all expressions instead. What pixels and landmarks do together is halved between them (Shapley "
    "values)."
)
REGION_NOTE = (
    "Each bar: the factor by which this face’s landmarks there, in place of a mean face’s, change the odds "
    "of the answer, averaged over all orders of putting regions in (Shapley values). Pixels stay as they are."
)
MESH_PAINTED = "The 478 landmarks as a surface, painted with what each region does to the answer."
MESH_PLAIN = "The 478 landmarks as a surface; none of the models asked goes by them."
LEGEND = (
    '<div class="legend"><span>against</span><i style="background:linear-gradient(90deg, '
    f'{AGAINST}, transparent 45% 55%, {FOR})"></i><span>for the answer</span></div>'
)


def reading(sentence: str) -> str:
    """A sentence of plain text as HTML, with no line break between a number and its per cent sign."""
    return f'<p class="quiet reading">{escape(sentence).replace(" %", "&nbsp;%")}</p>'


def crop_figure(crop_HW: np.ndarray) -> str:
    """The crop alone, enlarged, as an HTML figure."""
    side = f"{crop_HW.shape[1]} × {crop_HW.shape[0]}"
    return _figure(
        _enlarged(crop_HW), "The face as the models saw it", f"<b>The crop</b><br>{side} pixels, grey"
    )


def map_figure(crop_HW: np.ndarray, model: str, explanation: "Explanation") -> str:
    """A model's map over the crop, as an HTML figure."""
    assert explanation.map_HW is not None
    name = escape(model_name(model))
    alt = f"What the answer {explanation.label} of {model_name(model)} depends on, over the crop; read below"
    caption = f"<b>{name}</b><br>looks {escape(looks(explanation.label))}"
    return _figure(overlay(crop_HW, explanation.map_HW), alt, caption)


def overlay(crop_HW: np.ndarray, map_HW: np.ndarray) -> np.ndarray:
    """The map over the crop, uint8 (6 H, 6 W, 3): purple where it is above 0, green below."""
    grey_HWC = np.repeat(_enlarged(crop_HW)[:, :, None], 3, axis=2).astype(np.float32)
    height, width = map_HW.shape
    large_HW = cv2.resize(
        map_HW.astype(np.float32), (width * ZOOM, height * ZOOM), interpolation=cv2.INTER_CUBIC
    )
    most = float(np.quantile(np.abs(large_HW), 0.995)) or 1.0
    cover_HW1 = STRONGEST * np.clip(np.abs(large_HW) / most, 0, 1)[:, :, None] ** 1.4
    colour_HWC = np.where(large_HW[:, :, None] > 0, np.array(rgb(FOR)), np.array(rgb(AGAINST)))
    return np.round(grey_HWC * (1 - cover_HW1) + colour_HWC * cover_HW1).astype(np.uint8)


def place_shares(explanation: "Explanation", face: "FacePrediction") -> dict[str, tuple[float, float]]:
    """By part of the face: its share of what speaks for the answer, and of what speaks against it."""
    assert explanation.map_HW is not None
    names, place_HW = crop_places(face.landmarks_LD)
    shares = []
    for part_HW in (np.maximum(explanation.map_HW, 0), np.maximum(-explanation.map_HW, 0)):
        sums = np.bincount(place_HW.ravel(), part_HW.ravel(), len(names))
        shares.append(sums / (sums.sum() or 1.0))
    return {name: (float(shares[0][i]), float(shares[1][i])) for i, name in enumerate(names)}


def map_reading(explained: Mapping[str, "Explanation"], face: "FacePrediction") -> str:
    """Where most of what speaks for each answer lies."""
    sentences = []
    for model, explanation in explained.items():
        if explanation.map_HW is None:
            continue
        shares = place_shares(explanation, face)
        first, second = sorted(shares, key=lambda name: -shares[name][0])[:2]
        sentences.append(
            f"For {model_name(model)}, what speaks for {explanation.label} lies mostly here: {first} "
            f"({percent(shares[first][0])}) and {second} ({percent(shares[second][0])})."
        )
    return " ".join(sentences)


def map_table(explained: Mapping[str, "Explanation"], face: "FacePrediction") -> Table:
    """The shares of each part of the face, by model."""
    known = {
        model: place_shares(found, face) for model, found in explained.items() if found.map_HW is not None
    }
    head = ["part of the crop", "its size"]
    for model in known:
        head += [f"{model_name(model)}, for", f"{model_name(model)}, against"]
    names, place_HW = crop_places(face.landmarks_LD)
    sizes = np.bincount(place_HW.ravel(), minlength=len(names)) / place_HW.size
    rows = [
        [part, percent(size), *(percent(share) for shares in known.values() for share in shares[part])]
        for part, size in zip(names, sizes, strict=True)
    ]
    return Table("Share of what speaks for and against the answer, by part of the crop", head, rows)


def region_reading(model: str, explanation: "Explanation") -> str:
    """Which region of the mesh speaks most for the answer, and which most against."""
    assert explanation.regions is not None
    regions, label = explanation.regions, explanation.label
    most, least = (pick(regions, key=lambda name: regions[name]) for pick in (max, min))
    if regions[most] <= 0:
        text = f"No region of the mesh speaks for {label} to {model_name(model)}."
    else:
        factor = f"{odds_factor(regions[most])} the odds by {model_name(model)}"
        text = f"Of the mesh, most for {label}: {most} ({factor})."
    if regions[least] < 0:
        text += f" Most against it: {least} ({odds_factor(regions[least])})."
    return text


def region_table(model: str, explanation: "Explanation") -> Table:
    """What each region adds to the log-odds, and as a factor of the odds."""
    assert explanation.regions is not None
    rows = [
        [name, odds_factor(value), f"{value:+.2f}".replace("-", "−")]
        for name, value in sorted(explanation.regions.items(), key=lambda item: -item[1])
    ]
    caption = f"Regions of the mesh, {model_name(model)}, answer {explanation.label}"
    return Table(caption, ["region", "odds", "log-odds"], rows)


def share_reading(model: str, explanation: "Explanation") -> str:
    """What pixels and landmarks each add to the answer."""
    shares = explanation.shares
    assert shares is not None
    moves = f"the pixels {_moves(shares.pixels)} and the landmarks {_moves(shares.landmarks)}"
    return (
        f"Shown neither, {model_name(model)} gives {explanation.label} {percent(shares.neither)}; {moves}: "
        f"{percent(shares.both)} with both."
    )


def share_table(model: str, explanation: "Explanation") -> Table:
    """The probability with each set of inputs, and what each input adds."""
    shares = explanation.shares
    assert shares is not None
    rows = [
        ["neither", percent(shares.neither, 1), "–"],
        ["pixels alone", percent(shares.pixels_only, 1), _points(shares.pixels)],
        ["landmarks alone", percent(shares.landmarks_only, 1), _points(shares.landmarks)],
        ["both", percent(shares.both, 1), "–"],
    ]
    caption = f"Probability of {explanation.label} by what {model_name(model)} is shown, and what each adds"
    return Table(caption, ["shown", "probability", "adds, points"], rows)


def figures_row(figures: Sequence[str]) -> str:
    """Figures side by side, wrapping on narrow screens, with their legend below."""
    return f'<div class="maps">{"".join(figures)}</div>{LEGEND}'


def _moves(share: float) -> str:
    points = round(abs(share) * 100)
    noun = "point" if points == 1 else "points"
    return f"{'add' if share >= 0 else 'take away'} {points} {noun}"


def _points(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "−")


def _figure(picture: np.ndarray, alt: str, caption: str) -> str:
    out = BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    source = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    return f'<figure><img src="{source}" alt="{escape(alt)}"><figcaption>{caption}</figcaption></figure>'


def _enlarged(crop_HW: np.ndarray) -> np.ndarray:
    height, width = crop_HW.shape
    return cv2.resize(
        np.ascontiguousarray(crop_HW), (width * ZOOM, height * ZOOM), interpolation=cv2.INTER_CUBIC
    )
