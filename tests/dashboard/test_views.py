"""Look, About and the application without a browser: set what a visitor would, look at what the page has."""

import dataclasses
import threading
from pathlib import Path
from types import SimpleNamespace

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from bokeh.models import HBar
from panel.io.state import set_curdoc

from dashboard import wording
from dashboard.app import EXAMPLE, create_app
from dashboard.camera import CameraDesk
from dashboard.inference import InferencePool
from dashboard.state import PageState
from dashboard.views.about import AboutView
from dashboard.views.bars import FaceBars
from dashboard.views.camera import camera_document
from dashboard.views.face import FacePanel
from dashboard.views.live import LivePanel
from dashboard.views.look import LookView
from dashboard.views.upload import LIMITS, Arrivals, DropZone, PasteCatcher, PhotoInput

from .conftest import charts, texts


def buttons(view):
    return list(view.__panel__().select(pmui.Button))


@pytest.fixture
def look(fake_predictor):
    """A Look page whose predictor is told how many faces there are, and may be held at a gate."""
    pools, drawn = [], []

    asked = []

    class Predictor(fake_predictor):
        def predict(self, rgb, models=None):
            if models is not None:
                asked.append(models)
            return super().predict(rgb)

    def make(faces=1, gate=None, example=EXAMPLE, offered=(), **options):
        pools.append(InferencePool(lambda: Predictor(faces, gate), workers=1, **options))
        state = PageState()
        state.look.offer(offered)
        view = LookView(state, pools[-1], CameraDesk(), Path(example))
        # The last to hear of a stage, after the page has drawn it.
        state.look.param.watch(lambda event: drawn.append(event.new), "stage")
        return state, view

    make.drawn, make.asked = drawn, asked
    yield make
    for pool in pools:
        pool.close()


def test_purpose_and_limits_come_before_the_first_picture(look):
    _, view = look()
    words = texts(view)
    for phrase in ("looks like", "not know what anyone", "Art.&nbsp;5(1)(f)", "memory of your session"):
        assert phrase in words
    assert "No picture yet" in words and charts(view) == 0


def test_a_picture_is_shown_with_its_answer(look, make_picture, wait_until):
    _state, view = look()
    view.answer(make_picture())
    wait_until(lambda: "ready" in look.drawn)
    words = texts(view)
    assert "Looks <b>happy</b>" in words and "Face 1 of 1" in words and "Answered in" in words
    assert "What the models saw" in words and charts(view) == 2


def test_choosing_another_face_redraws_its_answer(look, make_picture, wait_until):
    state, view = look(faces=3)
    view.answer(make_picture())
    wait_until(lambda: "ready" in look.drawn)
    state.look.step(1)
    assert "Face 2 of 3" in texts(view)
    drawn = [pane.object for pane in view.__panel__().select(pn.pane.Bokeh)]
    state.dark = True
    assert "Face 2 of 3" in texts(view)
    # The same charts: a change of one that is replaced may reach the browser when it is gone.
    assert [pane.object for pane in view.__panel__().select(pn.pane.Bokeh)] == drawn and len(drawn) == 2


def test_choosing_other_models_asks_them_about_the_picture_at_hand(look, make_picture, wait_until):
    state, view = look(faces=2, offered=("cnn", "fusion", "resnet50"))
    (choice,) = view.__panel__().select(pmui.MultiChoice)
    assert list(choice.options.values()) == ["cnn", "fusion", "resnet50"]
    choice.value = ["cnn", "fusion", "resnet50"]
    assert look.asked == []  # there is no picture yet
    view.answer(make_picture())
    wait_until(lambda: look.drawn.count("ready") == 1)
    state.look.step(1)
    choice.value = ["resnet50", "cnn"]
    wait_until(lambda: look.drawn.count("ready") == 2)
    assert look.asked == [("cnn", "fusion", "resnet50"), ("cnn", "resnet50")]
    assert choice.value == ["cnn", "resnet50"] and "Face 2 of 2" in texts(view)
    # The last model stays, and a forgotten picture is not asked about again.
    choice.value = []
    assert state.look.models == ("cnn", "resnet50") == tuple(choice.value)
    state.look.forget()
    choice.value = ["fusion"]
    assert len(look.asked) == 2 and state.look.stage == "empty" and "one model" in texts(view)


def test_with_the_usual_pair_alone_there_is_nothing_to_choose(look):
    _, view = look(offered=("cnn", "fusion"))
    assert not view.__panel__().select(pmui.MultiChoice) and "two models" in texts(view)


def test_models_of_other_classes_have_a_chart_of_their_own(make_face, make_answer):
    face = make_face()
    smile = dataclasses.replace(face.models["cnn"], label="yes", probabilities={"yes": 0.8, "no": 0.2})
    face = dataclasses.replace(face, models=face.models | {"smile": smile})
    state = PageState()
    view = FacePanel(state)
    state.look.finish(state.look.begin(), make_answer(face))
    assert charts(view) == 2 and "Of other classes (yes, no): smile gives yes 80 %" in texts(view)


def test_bars_are_laid_out_anew_when_charts_come_beside_them():
    state = PageState()
    state.look.offer(wording.models())
    bars = FaceBars(state)
    (pane,) = bars.__panel__().select(pn.pane.Bokeh)
    before = pane.object.yaxis[0].major_label_standoff
    bars._lay_out_again()
    assert pane.object.yaxis[0].major_label_standoff != before
    bars._lay_out_again()
    assert pane.object.yaxis[0].major_label_standoff == before


def test_the_bars_of_the_usual_models_are_there_before_a_face_and_stay(make_face):
    state = PageState()
    state.look.offer(wording.models())
    bars = FaceBars(state)
    (pane,) = bars.__panel__().select(pn.pane.Bokeh)
    sources = {item.name: item.data_source for item in pane.object.renderers if isinstance(item.glyph, HBar)}
    for label in ("sad", "happy"):
        face = make_face(cnn=label, fusion=label)
        bars.show(face)
        for name, answer in face.models.items():
            assert list(sources[name].data["share"]) == list(answer.probabilities.values())
    assert bars.__panel__().select(pn.pane.Bokeh) == [pane] and charts(bars) == 1
    bars.show(None)
    assert not any(len(source.data["share"]) for source in sources.values())


def test_the_last_minute_turns_to_another_face_without_a_new_chart(make_answer, make_face):
    state = PageState()
    panel = LivePanel(state, None)
    state.live.begin()
    prediction = make_answer(make_face()).prediction
    state.live.receive(prediction, (1,), 0.0, 0.1)
    (pane,) = panel.below.select(pn.pane.Bokeh)
    state.live.receive(prediction, (2,), 1.0, 1.1)
    assert panel.below.select(pn.pane.Bokeh) == [pane] and list(panel._line.data["time"]) == [1.0]
    assert "The last minute of face 2" in " ".join(part.object for part in panel.below.select(pn.pane.HTML))


def test_no_face_is_a_sentence_that_helps(look, make_picture, wait_until):
    _state, view = look(faces=0)
    view.answer(make_picture())
    wait_until(lambda: "ready" in look.drawn)
    assert "No face was found" in texts(view) and "cropped closer" in texts(view)


def test_a_bad_file_is_a_sentence_and_the_next_picture_works(look, make_picture, wait_until):
    _state, view = look()
    view.answer(b"words")
    wait_until(lambda: "failed" in look.drawn)
    assert "not a picture" in texts(view)
    view.answer(make_picture())
    wait_until(lambda: "ready" in look.drawn)


def test_busy_is_a_sentence(look, make_picture):
    gate = threading.Event()
    state, view = look(gate=gate, waiting=0)
    view.answer(make_picture())
    assert state.look.stage == "busy" and "Looking for faces" in texts(view)
    view.answer(make_picture())
    assert state.look.stage == "failed" and "try again" in texts(view)
    gate.set()


def test_a_newer_picture_takes_the_place_of_one_that_waits(look, make_picture, wait_until):
    gate = threading.Event()
    _, view = look(gate=gate, waiting=1)
    view.answer(make_picture())
    wait_until(view._pool._executor._work_queue.empty)
    for _ in range(4):
        view.answer(make_picture())
    gate.set()
    wait_until(lambda: "ready" in look.drawn)
    assert "failed" not in look.drawn


def test_a_picture_refused_for_want_of_room_is_kept_and_tried_again(look, make_picture, wait_until):
    gate = threading.Event()
    state, view = look(gate=gate, waiting=0)
    other = view._pool.submit(make_picture())
    view.answer(make_picture(50, 40), "mine.png")
    assert state.look.stage == "failed" and "try again" in texts(view)
    (button,) = [part for part in buttons(view) if part.label == "Try again"]
    button.clicks += 1  # still no room: the picture is still there
    assert state.look.stage == "failed" and state.look.again
    gate.set()
    assert other.result(20)
    wait_until(lambda: view._pool.open == 0)
    (button,) = [part for part in buttons(view) if part.label == "Try again"]
    button.clicks += 1
    wait_until(lambda: "ready" in look.drawn)
    assert state.look.answer.prediction.width == 50 and view._asking.name == "mine.png"


def test_a_picture_that_can_be_tried_again_can_be_forgotten(look, make_picture):
    gate = threading.Event()
    state, view = look(gate=gate, waiting=0)
    view._pool.submit(make_picture())
    view.answer(make_picture())
    view._forget_picture()
    gate.set()
    assert state.look.stage == "empty" and view._asking._data == b""


def test_forgetting_empties_the_page_even_while_busy(look, make_picture, wait_until):
    gate = threading.Event()
    state, view = look(gate=gate)
    view.answer(make_picture())
    state.look.forget()
    gate.set()
    wait_until(lambda: view._pool.open == 0)
    assert state.look.stage == "empty" and charts(view) == 0 and "No picture yet" in texts(view)


def test_a_missing_example_is_a_sentence(look, tmp_path):
    state, view = look(example=tmp_path / "none.jpg")
    view._try_example()
    assert state.look.stage == "failed" and "use a photo" in texts(view)


def test_the_camera_is_in_a_frame_and_leaves_with_it(look):
    state, view = look()
    view._camera.switch_on()
    assert state.look.camera == "starting"
    assert 'allow="camera"' in texts(view) and len(view._camera._desk) == 1
    view._camera._ready()
    assert state.look.camera == "on" and "Camera on" in texts(view)
    state.page = "about"
    assert state.look.camera == "off" and "<iframe" not in texts(view) and len(view._camera._desk) == 0


@pytest.mark.parametrize(
    ("connected", "values", "sentence"),
    [
        (False, [], "has not loaded yet"),
        (True, [], "gives pages no camera at all"),
        (True, ["data:,"], "The browser is asking: allow it."),
    ],
)
def test_a_silent_camera_gets_the_sentence_for_what_is_known(look, connected, values, sentence):
    state, view = look()
    view._camera.switch_on()
    link = view._camera._link
    if connected:
        link.connect(lambda: None)
    for value in values:
        assert not link.receive(value)
    view._camera._still_waiting(link)
    assert state.look.camera == link.silence and sentence in texts(view)


def test_an_insecure_address_gets_a_sentence(look, monkeypatch):
    state, view = look()
    monkeypatch.setattr(type(view._camera), "_possible", lambda _: False)
    view._camera.switch_on()
    assert state.look.camera == "refused" and "https" in texts(view)
    assert "<iframe" not in texts(view)


def test_the_end_of_the_session_ends_the_link(look):
    state, view = look()
    view._camera.switch_on()
    state.end()
    assert len(view._camera._desk) == 0


def test_the_camera_document_opens_with_a_token_only():
    desk = CameraDesk()
    assert isinstance(camera_document(desk), pn.pane.HTML)


def of_dialog(widget, name: str, number: int, of: int, data: bytes) -> None:
    """A chunk of a file that was chosen or dropped, as the browser's side of the widget sends it."""
    widget._handle_msg(
        {"status": "upload_event", "name": name, "chunk": number, "total_chunks": of, "data": data}
    )


def of_clipboard(widget, name: str, number: int, of: int, data: bytes) -> None:
    """The same of one that was pasted."""
    told = {"name": name, "chunk": number, "total_chunks": of, "type": "image/jpeg", "data": data}
    widget._process_event(SimpleNamespace(event_name="upload_event", data=told))


@pytest.mark.parametrize(
    ("start", "most"), [(b"\xff\xd8\xff", LIMITS.max_bytes), (b"PK\x03\x04", 200_000_000)]
)
def test_bytes_past_the_limit_are_thrown_away_where_they_arrive(start, most):
    taken = []
    arrivals = Arrivals(lambda *file: taken.append(file), None)
    part = start + bytes(20_000_000)
    for number in range(1, 14):
        arrivals.take("a.jpg", number, 13, part)
    ((name, data),) = taken
    assert name == "a.jpg" and most < len(data) <= most + len(part)


def test_files_whose_chunks_come_in_turn_are_put_together():
    taken = []
    arrivals = Arrivals(lambda *file: taken.append(file), None)
    for name, number, data in (("a", 1, b"1"), ("b", 1, b"3"), ("a", 2, b"2"), ("b", 2, b"4")):
        arrivals.take(name, number, 2, data)
    assert taken == [("a", b"12"), ("b", b"34")]


def test_two_files_of_one_name_at_once_are_a_sentence_and_no_mixture():
    taken, lost = [], []
    arrivals = Arrivals(lambda *file: taken.append(file), lambda *file: lost.append(file))
    for number, data in ((1, b"1"), (1, b"x"), (2, b"2"), (2, b"y")):
        arrivals.take("a", number, 2, data)
    assert taken == [] and {name for name, _ in lost} == {"a"} and "same name" in lost[0][1]


@pytest.mark.parametrize(("kind", "send"), [(PhotoInput, of_dialog), (PasteCatcher, of_clipboard)])
def test_the_drop_zone_hands_over_what_is_chosen_and_what_is_pasted(kind, send):
    taken = []
    zone = DropZone(lambda *file: taken.append(file), None)
    (widget,) = zone.__panel__().select(kind)
    send(widget, "a.jpg", 1, 2, b"by")
    assert taken == []
    send(widget, "a.jpg", 2, 2, b"tes")
    assert taken == [("a.jpg", b"bytes")] and not widget.value
    zone.renew()
    assert zone.__panel__().select(kind) != [widget]


def test_a_large_file_tells_how_much_of_it_is_here():
    zone = DropZone(lambda *_: None, None)
    (widget,) = zone.__panel__().select(PhotoInput)
    of_dialog(widget, "photo.jpg", 1, 5, b"1")
    assert "Receiving" not in texts(zone)
    for number in range(1, 9):
        of_dialog(widget, "<b>.zip", number, 8, b"1")
        told = f"Receiving &lt;b&gt;.zip: {5 * number} of 40 MB"
        assert (told in texts(zone)) == (number < 8)


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([{"status": "initializing"}, {"status": "finished"}], "file is empty"),
        ([{"status": "initializing"}, {"status": "error", "error": "a.zip is 300MB"}], "larger than 200 MB"),
    ],
)
def test_a_choice_of_which_nothing_comes_is_a_sentence(messages, sentence):
    zone = DropZone(lambda *_: None, None)
    (widget,) = zone.__panel__().select(PhotoInput)
    for message in messages:
        widget._handle_msg(message)
    assert sentence in texts(zone) and 'role="alert"' in texts(zone)
    widget._handle_msg({"status": "initializing"})
    assert sentence not in texts(zone)


def test_the_word_that_all_files_came_waits_for_the_documents_lock(monkeypatch):
    sent = []
    monkeypatch.setattr(PhotoInput, "_send_msg", lambda _, message: sent.append(message))
    (widget,) = DropZone(lambda *_: None, None).__panel__().select(PhotoInput)
    document = Document()
    with set_curdoc(document):
        widget._handle_msg({"status": "finished"})
    assert not sent
    (waiting,) = document.session_callbacks
    waiting.callback()
    assert sent == [{"status": "finished"}]


def test_about_tells_purpose_limits_rights_and_models():
    words = texts(AboutView())
    for phrase in ("What it is for", "not for", "Art.&nbsp;5(1)(f)", "Barrett", "public domain", "Fusion"):
        assert phrase in words


def test_the_application_makes_its_two_documents(fake_predictor, table_files):
    app = create_app(predictor_factory=fake_predictor, table=table_files[0], unmirrored=table_files[1])
    assert set(app.routes) == {"/", "/camera"}
    page = app.page()
    assert isinstance(page, pmui.Page)
    tabs = page.main[0]
    tabs.active = 1
    assert len(tabs.select(pn.pane.Bokeh)) >= 4
    page.dark_theme = True
    assert isinstance(app.camera(), pn.pane.HTML)
    app.close()
