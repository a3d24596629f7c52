"""What the pages know, and the moves they allow. No Panel here: the logic is tested by setting params."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import param

from dashboard.album import AlbumState
from dashboard.live import LiveState
from dashboard.seen_state import SeenState
from fusion_model.catalogue import default_models
from fusion_model.conformal import LEVELS

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import FacePrediction, PicturePrediction

STAGES = ["empty", "busy", "failed", "ready"]
PAGES = ["look", "evaluate", "compare", "fairness", "about"]
CAMERA_STAGES = ["off", "starting", "unreached", "barred", "silent", "refused", "on"]
MOST_MODELS = 5  # at once: more bars in a row of the chart could not be told apart


@dataclass(frozen=True)
class Answer:
    """One picture answered.

    Attributes
    ----------
    jpeg : bytes
        The oriented picture, made small enough for the page.
    prediction : PicturePrediction
        Faces and probabilities; boxes in pixels of the full picture.
    milliseconds_decode : float
        Time to read and check the file, ms.
    thumbnail : bytes
        The picture as a small JPEG.
    """

    jpeg: bytes
    prediction: "PicturePrediction"
    milliseconds_decode: float
    thumbnail: bytes = b""

    def empty(self) -> None:
        """Let go of pixels and faces, for whoever still holds this: what drew it may outlive its session."""
        left = {"jpeg": b"", "thumbnail": b"", "prediction": replace(self.prediction, faces=())}
        for name, value in left.items():
            object.__setattr__(self, name, value)


class LookState(param.Parameterized):
    """The Look page: one picture, its faces, the chosen face, and the camera.

    A request takes a ticket from :meth:`begin`; an answer whose ticket is no longer the newest is
    dropped, so a slow answer can neither replace a newer picture nor bring a forgotten one back.
    """

    stage = param.Selector(default="empty", objects=STAGES)
    message = param.String(default="", doc="The sentence to show when the stage is 'failed'.")
    again = param.Boolean(default=False, doc="Failed, but the same picture may be answered in a moment.")
    answer = param.ClassSelector(class_=Answer, default=None, allow_None=True)
    selected = param.Integer(default=0, bounds=(0, None), doc="Index of the chosen face, largest first.")
    camera = param.Selector(default="off", objects=CAMERA_STAGES, doc="See `dashboard.camera`.")
    seen_one = param.Boolean(default=False, doc="Whether this session has had an answer already.")
    models = param.ClassSelector(class_=tuple, default=(), doc="Models to ask; empty: the usual ones.")
    level = param.Selector(
        default=0.9, objects=list(LEVELS), doc="How often the words are to hold the labelled expression."
    )

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.offered: tuple[str, ...] = ()
        self.seen = SeenState()
        self._ticket = 0

    def offer(self, models: Iterable[str]) -> None:
        """Let the visitor choose among these models, and ask the usual ones."""
        self.offered = tuple(models)
        self.models = default_models(self.offered)

    def choose(self, models: Iterable[str]) -> None:
        """Ask these models from now on, in their order; nothing changes for none, or for too many."""
        asked = set(models)
        chosen = tuple(name for name in self.offered if name in asked)
        if 0 < len(chosen) <= MOST_MODELS:
            self.models = chosen

    @property
    def faces(self) -> "tuple[FacePrediction, ...]":
        """The faces of the picture, largest first; empty without one."""
        return self.answer.prediction.faces if self.answer else ()

    @property
    def face(self) -> "FacePrediction | None":
        """The chosen face, or None."""
        return self.faces[self.selected] if self.faces else None

    def begin(self) -> int:
        """A picture comes in: forget the last one, return the ticket that its answer must show."""
        self._ticket += 1
        self.seen.forget()
        self.param.update(stage="busy", message="", again=False, answer=None, selected=0)
        return self._ticket

    def finish(self, ticket: int, answer: Answer, selected: int = 0) -> bool:
        """Take an answer and choose a face of it; False when its ticket is old and it was dropped."""
        if ticket != self._ticket:
            return False
        chosen = selected if selected < len(answer.prediction.faces) else 0
        # In this order: the parts are drawn before the page shows them.
        self.param.update(answer=answer, selected=chosen, seen_one=True, stage="ready")
        return True

    def fail(self, ticket: int, message: str, *, again: bool = False) -> bool:
        """Take a failure with its sentence; False when its ticket is old and it was dropped."""
        if ticket != self._ticket:
            return False
        self.seen.forget()
        self.param.update(stage="failed", message=message, again=again, answer=None, selected=0)
        return True

    def forget(self) -> None:
        """Empty the session; answers still under way are dropped when they come."""
        self._ticket += 1
        self.seen.forget()
        self.param.update(stage="empty", message="", again=False, answer=None, selected=0)

    def select(self, index: int) -> None:
        """Choose a face; an index that is not there changes nothing."""
        if 0 <= index < len(self.faces):
            self.selected = index

    def step(self, by: int) -> None:
        """Choose the next or the previous face, round and round."""
        if self.faces:
            self.selected = (self.selected + by) % len(self.faces)

    def face_at(self, x: float, y: float) -> int | None:
        """Index of the smallest face box around a point in pixels of the picture; None without one."""
        inside = [
            (face.box[2] * face.box[3], index)
            for index, face in enumerate(self.faces)
            if face.box[0] <= x <= face.box[0] + face.box[2] and face.box[1] <= y <= face.box[1] + face.box[3]
        ]
        return min(inside)[1] if inside else None


class PageState(param.Parameterized):
    """The page as a whole: which tab, light or dark, the pictures, and what ends with the session."""

    page = param.Selector(default=PAGES[0], objects=PAGES)
    dark = param.Boolean(default=False)

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.look = LookState()
        self.live = LiveState()
        self.album = AlbumState()
        self._endings: list[Callable[[], None]] = []

    def at_end(self, ending: Callable[[], None]) -> None:
        """Call this when the session ends."""
        self._endings.append(ending)

    def end(self) -> None:
        """The session is over: nothing of it stays. No watcher hears of it: there is no page to redraw."""
        held = [picture.answer for picture in self.album.pictures]
        for answer in [*held, *([self.look.answer] if self.look.answer else [])]:
            answer.empty()
        with (
            param.parameterized.discard_events(self.look),
            param.parameterized.discard_events(self.look.seen),
        ):
            self.look.forget()
        with param.parameterized.discard_events(self.live):
            self.live.forget()
        with param.parameterized.discard_events(self.album):
            self.album.forget()
        while self._endings:
            self._endings.pop()()
