"""Explanations of a picture's faces: kept while the picture is there, never shown for another."""

from dashboard.seen_state import SeenState
from dashboard.state import LookState, PageState


def test_what_was_asked_for_is_shown_and_recalled() -> None:
    seen = SeenState()
    assert seen.stage == "closed" and not seen.recall(0)
    ticket = seen.begin()
    assert seen.stage == "busy"
    assert seen.finish(ticket, 0, {"cnn": "one"})
    assert (seen.stage, seen.shown) == ("ready", {"cnn": "one"})
    assert seen.finish(seen.begin(), 1, {"cnn": "two"})
    assert seen.recall(0) and seen.shown == {"cnn": "one"}


def test_what_comes_too_late_is_dropped() -> None:
    seen = SeenState()
    old = seen.begin()
    new = seen.begin()
    assert not seen.finish(old, 0, {"cnn": "old"}) and not seen.fail(old, "late") and seen.stage == "busy"
    assert seen.fail(new, "no luck") and (seen.stage, seen.message) == ("failed", "no luck")
    closing = seen.begin()
    seen.close()
    assert not seen.finish(closing, 0, {}) and seen.stage == "closed"


def test_closing_keeps_and_forgetting_empties() -> None:
    seen = SeenState()
    seen.finish(seen.begin(), 0, {"cnn": "one"})
    seen.close()
    assert seen.shown == {} and seen.recall(0)
    seen.forget()
    assert seen.shown == {} and not seen.recall(0) and seen.stage == "closed"


def test_explanations_go_with_their_picture(make_face, make_answer) -> None:
    def explained(look: LookState) -> None:
        look.finish(look.begin(), make_answer(make_face()))
        look.seen.finish(look.seen.begin(), 0, {"cnn": "one"})

    for going in (
        lambda look: look.forget(),
        lambda look: look.begin(),
        lambda look: look.fail(look.begin(), "damaged"),
    ):
        look = LookState()
        explained(look)
        going(look)
        assert look.seen.shown == {} and not look.seen.recall(0)
    page = PageState()
    explained(page.look)
    page.end()
    assert page.look.seen.shown == {} and not page.look.seen.recall(0)
