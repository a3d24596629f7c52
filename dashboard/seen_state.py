"""What the Look page knows of explanations: asked for or not, under way, there. No Panel here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import param

if TYPE_CHECKING:  # at run time it would import PyTorch, which the page need not wait for
    from fusion_model.answers import Explanation

SEEN_STAGES = ["closed", "busy", "failed", "ready"]


class SeenState(param.Parameterized):
    """Explanations of the faces of one picture, kept until the picture goes.

    As with pictures, a request takes a ticket, and what comes for an old ticket is dropped: it belongs to
    another face, or to a picture that was forgotten.
    """

    stage = param.Selector(default="closed", objects=SEEN_STAGES)
    message = param.String(default="", doc="The sentence to show when the stage is 'failed'.")
    shown = param.Dict(default={}, doc="Explanations of the chosen face by model, when 'ready'.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._ticket = 0
        self._known: dict[int, Mapping[str, Explanation]] = {}

    def recall(self, face: int) -> bool:
        """Show what is known of a face; False where nothing is."""
        if face not in self._known:
            return False
        self._ticket += 1
        self.param.update(shown=dict(self._known[face]), message="", stage="ready")
        return True

    def begin(self) -> int:
        """A face is asked about; returns the ticket that its explanation must show."""
        self._ticket += 1
        self.param.update(shown={}, message="", stage="busy")
        return self._ticket

    def finish(self, ticket: int, face: int, found: "Mapping[str, Explanation]") -> bool:
        """Take the explanations of a face; False when their ticket is old and they were dropped."""
        if ticket != self._ticket:
            return False
        self._known[face] = found
        self.param.update(shown=dict(found), stage="ready")
        return True

    def fail(self, ticket: int, message: str) -> bool:
        """Take a failure with its sentence; False when its ticket is old and it was dropped."""
        if ticket != self._ticket:
            return False
        self.param.update(shown={}, message=message, stage="failed")
        return True

    def close(self) -> None:
        """Show nothing more; what is known of the picture's faces stays for another look."""
        self._ticket += 1
        self.param.update(shown={}, message="", stage="closed")

    def forget(self) -> None:
        """Nothing of the picture stays."""
        self._known.clear()
        self.close()
