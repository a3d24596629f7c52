"""How sure the answer for a face is: the level of its words, people, models that differ, and warnings."""

from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from dashboard import sure
from dashboard.charts import percent
from dashboard.sure import Words
from dashboard.views.parts import column, html, row
from dashboard.wording import leading_model
from fusion_model.conformal import LEVELS
from fusion_model.trust import Trust, known_trust

if TYPE_CHECKING:
    from dashboard.record import Record
    from dashboard.state import LookState
    from fusion_model.answers import FacePrediction


class SureFacts(pn.viewable.Viewer):
    """Lines that open to what they rest on; ``doubts`` holds the warnings, for a place of their own.

    Parameters
    ----------
    look : LookState
        Its level is chosen here.
    record : Record, optional
        The program's tables; without them there is no level to choose.
    trust : Trust, optional
        Measured curves; the package's, unless told otherwise.
    """

    def __init__(self, look: "LookState", record: "Record | None", trust: Trust | None = None) -> None:
        super().__init__()
        self._record, self._trust = record, trust if trust is not None else known_trust()
        self.doubts, self._level, self._cases = html(visible=False), html(), html()
        self._choice = row(_level_choice(look))
        self._layout = column(self._choice, self._level, self._cases, gap=4)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def show(self, face: "FacePrediction", words: Words) -> None:
        """Tell of a face and the words for it."""
        level = words.promise.figures.level if words.promise is not None else 0.0
        self._choice.visible = words.promise is not None
        told = sure.line_html("level", *sure.level_reading(words, level))
        self._level.object = told if self._record is not None else ""
        cases = [sure.dispute_reading(face, found) for found in sure.disputes_of(face, self._record)]
        people = sure.people_reading(face, self._record)
        lines = [sure.line_html("dispute", *case) for case in cases]
        lines += [sure.line_html("people", *people)] if people[0] else []
        self._cases.object = "".join(lines)
        lead = leading_model(face)
        models = [lead, *(model for model in face.models if model != lead)]
        found = sure.doubts_of(face, self._trust)
        warnings = [sure.doubt_reading(doubt, self._trust.effect(doubt, models)) for doubt in found]
        self.doubts.object = "".join(sure.line_html("doubt", *warning) for warning in warnings)
        self.doubts.visible = bool(warnings)

    def clear(self) -> None:
        """Say nothing: there is no face."""
        self._level.object = self._cases.object = self.doubts.object = ""
        self._choice.visible = self.doubts.visible = False


def _level_choice(look: "LookState") -> Any:
    """A small control, tied to the state both ways."""
    choice = pmui.RadioButtonGroup(
        label="How sure are the words to be?",
        options={percent(level): level for level in LEVELS},
        value=look.level,
        size="small",
        margin=0,
        sizing_mode=None,
    )
    choice.param.watch(lambda event: setattr(look, "level", event.new), "value")
    look.param.watch(lambda event: setattr(choice, "value", event.new), "level")
    return choice
