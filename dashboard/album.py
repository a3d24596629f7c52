"""The album: every picture that this session has had answered, and what was made of it. No Panel here.

Of a picture the album keeps two JPEGs, one for the page and one as thumbnail, and the answer. At most that
is 1.5 MB (`dashboard.worker.MOST_JPEG`) and 10 kB a face, so 2 MB with the 50 faces that are looked for:
400 MB with `MOST_PICTURES` of the worst kind, some 60 MB with as many common photos. Files that wait take
`MOST_WAITING` more.
"""

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import param

from dashboard.answered import Answered
from fusion_model.catalogue import Entry, catalogue, leading

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from dashboard.state import Answer
    from fusion_model.answers import FacePrediction

MOST_PICTURES = 200
MOST_WAITING = 300_000_000  # bytes of files that were dropped and are not answered yet
MOST_TROUBLES = 100
AT_ONCE = 24  # thumbnails on a page of the album
LONGEST_NAME = 80
SORTS = {
    "Order added": "added",
    "Expression": "expression",
    "Surest first": "surest",
    "Least sure first": "unsure",
}
FULL = f"The album holds {MOST_PICTURES} pictures and is full; forget some, then drop this one again."


@dataclass(frozen=True)
class Picture:
    """One picture of the album.

    Attributes
    ----------
    number : from 1, in the order added; no other picture of the session has it.
    name : of its file, fit to be shown as text.
    answer : with its JPEGs.
    """

    number: int
    name: str
    answer: "Answer"

    @property
    def faces(self) -> "tuple[FacePrediction, ...]":
        """Its faces, largest first."""
        return self.answer.prediction.faces

    @functools.cached_property
    def told(self) -> tuple[tuple[str, float], ...]:
        """What each face looks like to the leading model, and how sure that is, 0 to 1."""
        answers = [face.models[leading_model(face)] for face in self.faces]
        return tuple((answer.label, answer.probabilities[answer.label]) for answer in answers)


@dataclass(frozen=True)
class Trouble:
    """A file that could not be answered, and the sentence that says why."""

    name: str
    sentence: str


@dataclass(frozen=True)
class AlbumFace:
    """One face of the album.

    Attributes
    ----------
    picture : that it is in.
    index : among that picture's faces, from 0.
    label, confidence : what it looks like to the leading model, and how sure that is, 0 to 1.
    """

    picture: Picture
    index: int
    label: str
    confidence: float

    @property
    def face(self) -> "FacePrediction":
        """The face with all its answers."""
        return self.picture.faces[self.index]


class AlbumState(param.Parameterized):
    """Pictures, troubles, the queue's progress, and what of the album is shown."""

    pictures = param.ClassSelector(class_=tuple, default=(), doc="Of Picture, in the order added.")
    troubles = param.ClassSelector(class_=tuple, default=(), doc="Of Trouble.")
    asked = param.Integer(default=0, bounds=(0, None), doc="Files of this run; 0 while nothing runs.")
    done = param.Integer(default=0, bounds=(0, None), doc="Files of this run that were dealt with.")
    open = param.Integer(default=0, bounds=(0, None), doc="Number of the picture that Look shows, or 0.")
    sort = param.Selector(default="added", objects=list(SORTS.values()))
    expression = param.String(default="", doc="Only faces that look so; empty for all.")
    least = param.Number(default=0.0, bounds=(0, 1), doc="Only faces whose leading model is as sure as that.")
    words = param.String(default="", doc="Only files whose name holds this.")
    place = param.Integer(default=0, bounds=(0, None), doc="First thumbnail that is shown.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._last = 0

    @property
    def room(self) -> int:
        """How many more pictures fit."""
        return MOST_PICTURES - len(self.pictures)

    def picture(self, number: int) -> Picture | None:
        """The picture of that number, or None."""
        return next((picture for picture in self.pictures if picture.number == number), None)

    def add(self, name: str, answer: "Answer") -> int:
        """Take a picture that was answered; its number, or 0 where the album is full."""
        if self.room <= 0:
            self.fail(name, FULL)
            return 0
        self._last += 1
        self.pictures = (*self.pictures, Picture(self._last, shown_name(name), answer))
        return self._last

    def renew(self, number: int, answer: "Answer") -> None:
        """Take another answer for a picture, of other models."""
        self.pictures = tuple(
            replace(picture, answer=answer) if picture.number == number else picture
            for picture in self.pictures
        )

    def fail(self, name: str, sentence: str) -> None:
        """Take a file that could not be answered."""
        self.troubles = (*self.troubles, Trouble(shown_name(name), sentence))[-MOST_TROUBLES:]

    def remove(self, number: int) -> None:
        """Forget one picture."""
        kept = tuple(picture for picture in self.pictures if picture.number != number)
        self.param.update(pictures=kept, open=0 if self.open == number else self.open)

    def forget(self) -> None:
        """Empty the album, what is said of it, and what was chosen to be shown of it."""
        self.param.update(
            pictures=(), troubles=(), asked=0, done=0, open=0,
            sort="added", expression="", least=0.0, words="", place=0,
        )  # fmt: skip

    def labels(self) -> list[str]:
        """What the album's faces look like, each once, in the models' order."""
        here = {face.label for face in album_faces(self.pictures)}
        classes = dict.fromkeys(
            label
            for picture in self.pictures
            for face in picture.faces
            for answer in face.models.values()
            for label in answer.probabilities
        )
        return [label for label in classes if label in here]

    def shown_faces(self) -> list[AlbumFace]:
        """The faces that pass the filters, picture by picture in the order chosen."""
        return [face for picture in self.shown() for face in self._passing(picture)]

    def shown(self) -> list[Picture]:
        """The pictures that pass the filters, in the order chosen.

        A picture passes with any of its faces, and is sorted by the surest of those; without a filter of
        faces, pictures in which no face was found pass too, and come last.
        """
        filtered = bool(self.expression) or self.least > 0
        passing = [
            (picture, faces)
            for picture in self.pictures
            if self.words.lower() in picture.name.lower()
            and ((faces := self._passing(picture)) or not filtered)
        ]
        if self.sort == "added":
            return [picture for picture, _ in passing]
        order = {label: place for place, label in enumerate(self.labels())}

        def key(item: tuple[Picture, list[AlbumFace]]) -> tuple[float, ...]:
            if not item[1]:
                return (1, 0, 0)
            surest = max(item[1], key=lambda face: face.confidence)
            if self.sort == "unsure":
                return (0, 0, min(face.confidence for face in item[1]))
            return (0, order[surest.label] if self.sort == "expression" else 0, -surest.confidence)

        return [picture for picture, _ in sorted(passing, key=key)]

    def _passing(self, picture: Picture) -> list[AlbumFace]:
        return [
            face
            for face in album_faces([picture])
            if self.expression in ("", face.label) and face.confidence >= self.least
        ]


def leading_model(face: Answered) -> str:
    """The model whose answer heads a face, as on the rest of the page."""
    return leading(list(face.models), _known())


def album_faces(pictures: Iterable[Picture]) -> list[AlbumFace]:
    """All faces of these pictures with what they look like to the leading model."""
    return [
        AlbumFace(picture, index, label, confidence)
        for picture in pictures
        for index, (label, confidence) in enumerate(picture.told)
    ]


def answered_by(faces: Iterable[AlbumFace], models: Iterable[str]) -> list[AlbumFace]:
    """Those of the faces that all of these models have answered: only there can bars be compared."""
    asked = set(models)
    return [item for item in faces if asked <= item.face.models.keys()]


def counts(faces: Iterable[AlbumFace], models: Iterable[str] = ()) -> dict[str, Counter[str]]:
    """By model, in the catalogue's order: how many faces look like what to it.

    Parameters
    ----------
    faces : of the album
    models : whose answers are counted; by default of all that answered
    """
    found: dict[str, Counter[str]] = {}
    asked = set(models)
    for item in faces:
        for model, answer in item.face.models.items():
            if not asked or model in asked:
                found.setdefault(model, Counter())[answer.label] += 1
    known = list(_known())
    return dict(
        sorted(found.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known))
    )


def shown_name(name: str) -> str:
    """A file's name fit to be shown: signs that are unseen or turn the text round replaced, its end kept."""
    seen = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name) or "unnamed"
    return seen if len(seen) <= LONGEST_NAME else "…" + seen[1 - LONGEST_NAME :]


@functools.cache
def _known() -> dict[str, Entry]:
    return catalogue()
