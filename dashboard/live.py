"""What the live camera knows: faces followed and smoothed, the last minute, rate and delay. No Panel here."""

import csv
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import param

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import PicturePrediction
    from fusion_model.face_measures import FaceMeasures

LIVE_STAGES = ["off", "running", "frozen"]
HALF_LIVES = {"none": 0.0, "0.25 s": 0.25, "0.5 s": 0.5, "1 s": 1.0, "2 s": 2.0}
HALF_LIFE = 0.5  # s
MINUTE = 60.0  # s, what the timeline keeps
#: A face that was away for longer starts its smoothing anew, s.
FORGET_AFTER = 3.0
#: Rate and delay are told over the frames of so many seconds.
PACE_OVER = 3.0

Shares = dict[str, dict[str, float]]


@dataclass(frozen=True)
class LiveAnswer:
    """One model's answer for one face, smoothed over time.

    Attributes
    ----------
    probabilities : by class; they sum to 1.
    raw : the same, of this frame alone.
    """

    probabilities: dict[str, float]
    raw: dict[str, float]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


@dataclass(frozen=True)
class LiveFace:
    """One face of a frame.

    Attributes
    ----------
    identity : number of the face, from 1, the same from frame to frame.
    box : x, y, width, height, px of the frame.
    landmarks_found : whether Face Mesh found landmarks.
    models : answers by model name.
    measures : of this frame alone; None where nothing was measured.
    """

    identity: int
    box: tuple[int, int, int, int]
    landmarks_found: bool
    models: dict[str, LiveAnswer]
    measures: "FaceMeasures | None" = None


@dataclass(frozen=True)
class LiveFrame:
    """What came of one frame.

    Attributes
    ----------
    time : when it was asked for, s since the stream began.
    width, height : px.
    faces : by identity.
    rate : frames answered a second, of late.
    delay : from asking the camera for the frame to its answer, median of late, s.
    """

    time: float
    width: int
    height: int
    faces: tuple[LiveFace, ...]
    rate: float
    delay: float

    def face(self, identity: int) -> LiveFace | None:
        """The face of that number, or None."""
        return next((face for face in self.faces if face.identity == identity), None)


class LiveState(param.Parameterized):
    """The live camera of one session.

    ``frame`` is replaced with each answer; ``identity`` is the face whose chart is drawn.
    """

    stage = param.Selector(default="off", objects=LIVE_STAGES)
    frame = param.ClassSelector(class_=LiveFrame, default=None, allow_None=True)
    identity = param.Integer(default=0, bounds=(0, None), doc="Number of the chosen face; 0 without one.")
    half_life = param.Number(default=HALF_LIFE, bounds=(0, 10), doc="Of the smoothing, s; 0 for none.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.timeline: deque[tuple[float, LiveFace]] = deque()
        self._smoothed: dict[int, tuple[float, Shares]] = {}
        self._pace: deque[tuple[float, float]] = deque()

    def begin(self) -> None:
        """A new stream: nothing is left of the last one."""
        self._clear()
        self.param.update(stage="running", frame=None, identity=0)

    def freeze(self) -> None:
        """Keep what is shown; answers that are under way are dropped."""
        if self.stage == "running":
            self.stage = "frozen"

    def go_on(self) -> None:
        """After a freeze."""
        if self.stage == "frozen":
            self._pace.clear()
            self.stage = "running"

    def forget(self) -> None:
        """Switch off and empty everything."""
        self._clear()
        self.param.update(stage="off", frame=None, identity=0)

    def choose(self, identity: int) -> None:
        """Draw that face's chart; nothing changes where it is not in the frame."""
        if self.frame is not None and self.frame.face(identity) is not None:
            self.identity = identity

    def receive(
        self, prediction: "PicturePrediction", identities: Sequence[int], asked: float, now: float
    ) -> bool:
        """Take the answer of a frame; False when it came too late and was dropped.

        Parameters
        ----------
        prediction : PicturePrediction
            Of the frame.
        identities : sequence of int
            Numbers of its faces, in their order.
        asked, now : float
            When the frame was asked for and when its answer is here, s since the stream began.
        """
        if self.stage != "running":
            return False
        faces = []
        for identity, face in zip(identities, prediction.faces, strict=True):
            raw = {model: dict(answer.probabilities) for model, answer in face.models.items()}
            smooth = self._smooth(identity, raw, asked)
            models = {model: LiveAnswer(smooth[model], raw[model]) for model in raw}
            faces.append(LiveFace(identity, face.box, face.landmarks_found, models, face.measures))
        self._pace.append((now, now - asked))
        while now - self._pace[0][0] > PACE_OVER:
            self._pace.popleft()
        self._remember(asked, faces)
        frame = LiveFrame(
            asked, prediction.width, prediction.height, tuple(faces), self._rate(), self._delay()
        )
        chosen = self.identity
        if frame.face(chosen) is None and faces:
            chosen = faces[0].identity
        self.param.update(identity=chosen, frame=frame)
        return True

    def seconds(self, identity: int) -> list[tuple[float, LiveFace]]:
        """The last minute of a face: times, s since the stream began, and what it looked like."""
        return [(time, face) for time, face in self.timeline if face.identity == identity]

    def as_csv(self) -> str:
        """The last minute of all faces as CSV: one row a frame, face and model."""
        labels = list(
            dict.fromkeys(
                label for _, face in self.timeline for answer in face.models.values() for label in answer.raw
            )
        )
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = ("seconds", "face", "model", "looks")
        writer.writerow([*names, *(f"smoothed_{label}" for label in labels), *labels])
        for time, face in self.timeline:
            for model, answer in face.models.items():
                values = [answer.probabilities.get(label) for label in labels]
                values += [answer.raw.get(label) for label in labels]
                row = ["" if value is None else f"{value:.4f}" for value in values]
                writer.writerow([f"{time:.3f}", face.identity, model, answer.label, *row])
        return out.getvalue()

    def _clear(self) -> None:
        self.timeline.clear()
        self._smoothed.clear()
        self._pace.clear()

    def _smooth(self, identity: int, raw: Shares, time: float) -> Shares:
        """Exponential smoothing: what was seen a half-life ago counts half."""
        before, last = self._smoothed.get(identity, (time, raw))
        keep = 0.5 ** ((time - before) / self.half_life) if self.half_life else 0.0
        same = last.keys() == raw.keys() and time - before <= FORGET_AFTER
        shares = raw if not same else {model: _mixed(last[model], raw[model], keep) for model in raw}
        self._smoothed[identity] = (time, shares)
        return shares

    def _remember(self, time: float, faces: list[LiveFace]) -> None:
        self.timeline.extend((time, face) for face in faces)
        while self.timeline and time - self.timeline[0][0] > MINUTE:
            self.timeline.popleft()
        for identity in [key for key, (seen, _) in self._smoothed.items() if time - seen > FORGET_AFTER]:
            del self._smoothed[identity]

    def _rate(self) -> float:
        first, last = self._pace[0][0], self._pace[-1][0]
        return (len(self._pace) - 1) / (last - first) if last > first else 0.0

    def _delay(self) -> float:
        delays = sorted(delay for _, delay in self._pace)
        return delays[len(delays) // 2]


def _mixed(before: dict[str, float], now: dict[str, float], keep: float) -> dict[str, float]:
    return {label: keep * before.get(label, 0.0) + (1 - keep) * value for label, value in now.items()}
