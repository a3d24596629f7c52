"""The pages without a browser: set what a visitor would set, look at what the page holds."""

import dataclasses
import gzip
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.app import EXAMPLE, create_app
from dashboard.camera import CameraDesk
from dashboard.figure_state import SECTIONS, LensState
from dashboard.inference import InferencePool
from dashboard.record import Record
from dashboard.shelf import Shelf
from dashboard.state import PageState
from dashboard.views.about import AboutView
from dashboard.views.camera import camera_document
from dashboard.views.compare import CompareView
from dashboard.views.evaluate import EvaluateView
from dashboard.views.face import FacePanel
from dashboard.views.fairness import FairnessView
from dashboard.views.look import LookView
from dashboard.views.own import OwnView
from dashboard.views.upload import LIMITS, DropZone, PhotoDropper
from fusion_model.bootstrap import Interval
from fusion_model.costs import model_costs
from fusion_model.seeds import read_seeds

NO_TIME = Interval(np.nan, np.nan, np.nan)


def texts(view) -> str:
    """All words of a page."""
    found = []
    for part in view.__panel__().select():
        if isinstance(part, (pn.pane.HTML, pmui.Alert)):
            found.append(str(part.object))
    return " ".join(found)


def charts(view) -> int:
    return len(view.__panel__().select(pn.pane.Bokeh))


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
    state.dark = True
    assert "Face 2 of 3" in texts(view) and charts(view) == 2


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


def test_forgetting_empties_the_page_even_while_busy(look, make_picture, wait_until):
    gate = threading.Event()
    state, view = look(gate=gate)
    view.answer(make_picture())
    state.look.forget()
    gate.set()
    wait_until(lambda: view._pool._open == 0)
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


def test_a_silent_camera_gets_a_sentence(look):
    state, view = look()
    view._camera.switch_on()
    view._camera._still_waiting(view._camera._link)
    assert state.look.camera == "silent" and "allow it" in texts(view)


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


def chunk(name: str, number: int, of: int, data: bytes):
    told = {"name": name, "chunk": number, "total_chunks": of, "type": "image/jpeg", "data": data}
    return SimpleNamespace(event_name="upload_event", data=told)


@pytest.mark.parametrize(
    ("start", "most"), [(b"\xff\xd8\xff", LIMITS.max_bytes), (b"PK\x03\x04", 200_000_000)]
)
def test_bytes_past_the_limit_are_thrown_away_where_they_arrive(start, most):
    taken = []
    dropper = PhotoDropper(lambda *file: taken.append(file), None)
    part = start + bytes(20_000_000)
    for number in range(1, 14):
        dropper._process_event(chunk("a.jpg", number, 13, part))
    ((name, data),) = taken
    assert name == "a.jpg" and most < len(data) <= most + len(part) and dropper.value == {}


def test_files_whose_chunks_come_in_turn_are_put_together():
    taken = []
    dropper = PhotoDropper(lambda *file: taken.append(file), None)
    for event in (
        chunk("a", 1, 2, b"1"),
        chunk("b", 1, 2, b"3"),
        chunk("a", 2, 2, b"2"),
        chunk("b", 2, 2, b"4"),
    ):
        dropper._process_event(event)
    assert taken == [("a", b"12"), ("b", b"34")]


def test_two_files_of_one_name_at_once_are_a_sentence_and_no_mixture():
    taken, lost = [], []
    dropper = PhotoDropper(lambda *file: taken.append(file), lambda *file: lost.append(file))
    for event in (
        chunk("a", 1, 2, b"1"),
        chunk("a", 1, 2, b"x"),
        chunk("a", 2, 2, b"2"),
        chunk("a", 2, 2, b"y"),
    ):
        dropper._process_event(event)
    assert taken == [] and {name for name, _ in lost} == {"a"} and "same name" in lost[0][1]


def test_the_drop_zone_hands_over_and_starts_afresh_when_told():
    taken = []
    zone = DropZone(lambda *file: taken.append(file), None)
    first = zone.dropper
    first._process_event(chunk("a.jpg", 1, 1, b"bytes"))
    assert taken == [("a.jpg", b"bytes")] and zone.dropper is first and first.value == {}
    zone.renew()
    assert zone.dropper is not first


PAGES = pytest.mark.parametrize("view_class", [EvaluateView, CompareView, FairnessView])


def shelf_of(table_files):
    return Shelf(Record(*table_files))


@PAGES
def test_figures_are_drawn_when_the_page_is_opened_and_not_before(view_class, table_files):
    state = LensState()
    view = view_class(state, shelf_of(table_files))
    assert charts(view) == 0
    state.page = view.page
    assert charts(view) >= 2 and "<b>200 pictures</b>" in texts(view)


@PAGES
def test_figures_follow_the_filters(view_class, table_files):
    state = LensState(page=view_class.page)
    view = view_class(state, shelf_of(table_files))
    before = texts(view)
    state.filters.without_copies = True
    without = texts(view)
    assert "180 of 200 pictures" in without and without != before
    state.filters.split = "PublicTest"
    assert "90 of 100 pictures" in texts(view)
    state.filters.param.update(mirrored=False, data="london")
    assert "204 pictures" in texts(view)
    state.dark = True
    assert charts(view) >= 2


@PAGES
def test_no_rows_left_is_a_sentence(view_class, table_files):
    state = LensState(page=view_class.page)
    view = view_class(state, shelf_of(table_files))
    state.filters.mesh = "missing"
    assert "0 of 200 pictures" in texts(view) and "No picture is left" in texts(view) and charts(view) == 0
    state.filters.widen()
    assert charts(view) >= 2


@PAGES
def test_without_a_table_the_page_says_so(view_class, tmp_path):
    state = LensState(page=view_class.page)
    view = view_class(state, Shelf(Record(tmp_path / "a", tmp_path / "b", tmp_path / "c")))
    assert "no prediction table yet" in texts(view) and charts(view) == 0


@PAGES
def test_a_page_becomes_a_report_of_one_file(view_class, table_files):
    state = LensState(page=view_class.page)
    view = view_class(state, shelf_of(table_files))
    report = view._report().read().decode()
    assert "200 pictures" in report and "<script" in report and "data:text/csv" in report
    page = re.sub(r"<script[^>]*>.*?</script>", "", report, flags=re.DOTALL)
    assert not re.search(r"""<script[^>]*src=|(?:src|href)=["']https?:""", page)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn_from_real_figures(section):
    state = LensState(page="evaluate")
    state.filters.section = section
    view = EvaluateView(state, Shelf(Record()))
    assert charts(view) >= 1 and "nan" not in re.sub(r"base64,[^\"]*", "", texts(view))


def test_compare_tells_what_the_models_cost(table_files, monkeypatch):
    known = model_costs()
    state = LensState(page="compare")
    view = CompareView(state, shelf_of(table_files))
    told = texts(view)
    assert "What they cost" in told and f"{known['cnn'].parameters / 1e6:.2f} M" in told
    for name in ("cnn", "fusion"):
        assert f"{known[name].latency_ms.value:.1f} ms" in told
    drawn = charts(view)
    # Without a measurement there is no chart, and a sentence says why.
    nothing = {name: dataclasses.replace(cost, latency_ms=NO_TIME) for name, cost in known.items()}
    monkeypatch.setattr("dashboard.blocks_costs.model_costs", lambda: nothing)
    state.filters.without_copies = True
    assert "was not measured here" in texts(view) and charts(view) == drawn - 1
    # Models of another table are not those of the program.
    monkeypatch.setattr("dashboard.blocks_costs.model_costs", dict)
    state.filters.without_copies = False
    assert "What they cost" not in texts(view)


def test_compare_tells_of_seeds_where_the_pair_is_that_of_the_study(table_files):
    study = read_seeds()
    state = LensState(page="compare")
    view = CompareView(state, shelf_of(table_files))
    told = texts(view)
    assert f"Trained anew with {len(study.seeds)} seeds" in told
    mean = 100 * np.mean(study.gains)
    assert f"{mean:+.1f} points" in told and "landmarks of other faces" in told
    state.filters.data = "london"
    assert "Over seeds" not in texts(view)


def test_a_model_is_not_compared_with_itself(table_files):
    state = LensState(page="compare")
    view = CompareView(state, shelf_of(table_files))
    state.filters.second = "cnn"
    assert "two different models" in texts(view)


def test_a_picked_mark_lists_its_rows(table_files):
    state = LensState(page="evaluate")
    view = EvaluateView(state, shelf_of(table_files))
    state.filters.pick("missed:angry")
    assert "labelled angry, answered otherwise, the surest answers first" in texts(view)
    marks = view.__panel__().select(pn.pane.Bokeh)[1].object.select_one({"name": "marks"})
    marks.data_source.selected.indices = [3]
    assert state.filters.picked == "missed:happy"
    assert "labelled happy, answered otherwise, the surest" in texts(view)
    state.filters.without_copies = True
    assert "the surest answers first" not in texts(view)


def test_a_table_of_ones_own_goes_through_the_same_pages(table_files):
    state = LensState(page="fairness")
    shelf = shelf_of(table_files)
    view = FairnessView(state, shelf)
    own = OwnView(state.filters, shelf)
    draw = np.random.default_rng(0)
    lines = [
        f"{draw.choice(['cat', 'dog'])},{draw.choice(['cat', 'dog'])},{draw.choice(['old', 'new'])}"
        for _ in range(200)
    ]
    own.receive("mine.csv", "\n".join(["label,prediction,lens", *lines]).encode())
    button = own.__panel__().select(pmui.Button)[0]
    assert not button.disabled
    button.clicks += 1
    assert "Accuracy by lens" in texts(view) and "200 pictures" in texts(view) and charts(view) >= 2
    for page in (EvaluateView, CompareView):
        state.page = page.page
        assert "200 pictures" in texts(page(state, shelf))
    state.page = "fairness"
    own._forget()
    assert "Accuracy by lens" not in texts(view) and "own" not in shelf.titles


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b"label,prediction\ncat,\ndog,cat", "Column &#x27;prediction&#x27;, row 1 (line 2"),
        (b"a,b\n1,2\n", "No column of true labels"),
        (b"label,m_cat,m_dog\ncat,0.5,0.5\ndog,0.9,0.9", "row 2 (line 3 of the file): the probabilities"),
        (gzip.compress(b"0" * 250_000_000, 1), "more than 200 MB"),
    ],
)
def test_a_bad_table_of_ones_own_gets_a_sentence(table_files, text, words):
    own = OwnView(LensState().filters, shelf_of(table_files))
    own._toggle()
    own.receive("bad.csv", text)
    assert words in texts(own)


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


def test_a_slice_is_added_by_value_and_by_range(table_files):
    state = LensState(page="fairness")
    state.filters.data = "london"
    view = FairnessView(state, shelf_of(table_files))
    bar = view._bar
    bar._toggle(view._shelf.view(state.filters))
    by_label = {item.label: item for item in bar.__panel__().select(pmui.Select)}
    by_label["Slice by"].value = "gender"
    bar.__panel__().select(pmui.MultiChoice)[0].value = ["male"]
    use = next(item for item in bar.__panel__().select(pmui.Button) if item.label == "Use")
    use.clicks += 1
    assert state.filters.rules == "gender:male" and "106 of 204 pictures" in texts(view)
    by_label = {item.label: item for item in bar.__panel__().select(pmui.Select)}
    by_label["Slice by"].value = "age"
    bar.__panel__().select(pmui.EditableRangeSlider)[0].value = (20, 30)
    next(item for item in bar.__panel__().select(pmui.Button) if item.label == "Use").clicks += 1
    assert state.filters.rules == "gender:male;age:20..30"
