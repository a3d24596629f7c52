import pytest

from dashboard.state import LookState, PageState


def test_a_new_session_is_empty():
    look = LookState()
    assert look.stage == "empty" and look.faces == () and look.face is None and look.camera == "off"


def test_a_picture_goes_from_busy_to_ready(make_answer, make_face):
    look = LookState()
    ticket = look.begin()
    assert look.stage == "busy"
    assert look.finish(ticket, make_answer(make_face()))
    assert look.stage == "ready" and look.face is not None and look.seen_one


def test_a_failure_has_its_sentence_and_no_picture(make_answer, make_face):
    look = LookState()
    look.finish(look.begin(), make_answer(make_face()))
    assert look.fail(look.begin(), "It is cut.")
    assert (look.stage, look.message, look.answer) == ("failed", "It is cut.", None)


def test_a_late_answer_neither_replaces_a_newer_picture_nor_returns_after_forget(make_answer, make_face):
    look = LookState()
    old, new = look.begin(), look.begin()
    assert not look.finish(old, make_answer(make_face()))
    assert look.stage == "busy"
    look.forget()
    assert not look.finish(new, make_answer(make_face())) and not look.fail(new, "Late.")
    assert look.stage == "empty" and look.answer is None


def test_models_are_chosen_among_those_offered_in_their_order():
    look = LookState()
    look.offer(["cnn", "fusion", *"abcd"])
    assert look.models == ("cnn", "fusion")
    look.choose(["a", "unheard", "cnn"])
    assert look.models == ("cnn", "a")
    look.choose([])
    look.choose(["cnn", "fusion", *"abcd"])
    assert look.models == ("cnn", "a")


def test_the_chosen_face_stays_when_it_is_asked_about_again(make_answer, make_face):
    look = LookState()
    look.finish(look.begin(), make_answer(make_face(), make_face()), selected=1)
    assert look.selected == 1
    look.finish(look.begin(), make_answer(make_face()), selected=1)
    assert look.selected == 0


def test_stepping_goes_round(make_answer, make_face):
    look = LookState()
    look.finish(look.begin(), make_answer(make_face(), make_face(), make_face()))
    look.step(-1)
    assert look.selected == 2
    look.step(1)
    assert look.selected == 0


def test_only_a_face_that_is_there_is_selected(make_answer, make_face):
    look = LookState()
    look.select(0)
    look.step(1)
    assert look.selected == 0
    look.finish(look.begin(), make_answer(make_face(), make_face()))
    look.select(1)
    look.select(2)
    look.select(-1)
    assert look.selected == 1


@pytest.mark.parametrize(("point", "index"), [((5, 5), 0), ((50, 50), 1), ((300, 10), None)])
def test_a_click_finds_the_smallest_box_around_it(make_answer, make_face, point, index):
    look = LookState()
    look.finish(look.begin(), make_answer(make_face((0, 0, 100, 100)), make_face((40, 40, 20, 20))))
    assert look.face_at(*point) == index


def test_a_new_picture_selects_its_largest_face(make_answer, make_face):
    look = LookState()
    look.finish(look.begin(), make_answer(make_face(), make_face()))
    look.select(1)
    look.finish(look.begin(), make_answer(make_face()))
    assert look.selected == 0


def test_the_end_of_a_session_empties_it_without_a_word(make_answer, make_face):
    state, heard, ended = PageState(), [], []
    state.look.finish(state.look.begin(), make_answer(make_face()))
    state.look.param.watch(heard.append, ["stage", "answer"])
    held = state.look.answer
    state.at_end(lambda: ended.append(1))
    state.end()
    state.end()
    # Who still holds it, as a part of the page may, holds nothing.
    assert held.jpeg == held.thumbnail == b"" and held.prediction.faces == ()
    assert state.look.answer is None and heard == [] and ended == [1]
