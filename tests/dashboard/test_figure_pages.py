"""The pages of figures without a browser: set what a visitor would set, look at what the page holds."""

import dataclasses
import gzip
import re

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.figure_state import SECTIONS, LensState
from dashboard.record import Record
from dashboard.shelf import Shelf
from dashboard.views.compare import CompareView
from dashboard.views.evaluate import EvaluateView
from dashboard.views.fairness import FairnessView
from dashboard.views.own import OwnView
from fusion_model.bootstrap import Interval
from fusion_model.costs import model_costs
from fusion_model.detector_figures import read_detectors
from fusion_model.seeds import read_seeds

from .conftest import charts, texts

NO_TIME = Interval(np.nan, np.nan, np.nan)
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


def test_compare_tells_how_faces_are_found(table_files, monkeypatch):
    measured = {item.detector: item for item in read_detectors()}
    state = LensState(page="compare")
    view = CompareView(state, shelf_of(table_files))
    told = texts(view)
    assert f"Of {measured['product, now'].faces:,} faces in scenes the program finds" in told
    for item in measured.values():
        assert item.detector in told
    assert f"{100 * measured['product, before'].recall().value:.1f}" in told
    drawn = charts(view)
    monkeypatch.setattr("dashboard.blocks_detectors.read_detectors", lambda **_: ())
    state.filters.without_copies = True
    assert "How faces are found" not in texts(view) and charts(view) == drawn - 2


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
        (gzip.compress(b"0" * 250_000_000, 1), "more than 60 MB"),
    ],
)
def test_a_bad_table_of_ones_own_gets_a_sentence(table_files, text, words):
    own = OwnView(LensState().filters, shelf_of(table_files))
    own._toggle()
    own.receive("bad.csv", text)
    assert words in texts(own)


def test_a_table_of_ones_own_is_taken_once_however_often_its_button_is_pressed(table_files):
    state, shelf = LensState(), shelf_of(table_files)
    own = OwnView(state.filters, shelf)
    own.receive("mine.csv", b"label,prediction\ncat,cat\ndog,cat\n")
    button, choose = own.__panel__().select(pmui.Button)[0], own.__panel__().select(pmui.Select)[0]
    button.clicks += 1
    version = state.filters.version
    button.clicks += 1  # a double click's second; the browser may send it before the page is changed
    choose.value = "prediction"
    assert state.filters.version == version and state.filters.data == "own"
    assert "Use your own table" in {item.label for item in own.__panel__().select(pmui.Button)}


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


def test_all_that_is_wrong_with_a_table_of_ones_own_is_told_at_once(table_files):
    own = OwnView(LensState().filters, shelf_of(table_files))
    own._toggle()
    own.receive("bad.csv", b"label,m_cat,m_dog,note\ncat,0.5,0.5,a,b\ndog,0.9,0.9,c\n,,0.1,d\n")
    told = texts(own)
    assert "row 1 (line 2 of the file): 5 fields where the header has 4 columns" in told
    assert "Column &#x27;label&#x27;, row 3 (line 4 of the file): is empty" in told
    assert "Column &#x27;m_cat&#x27;, row 3 (line 4 of the file): is empty" in told
    assert own.__panel__().select(pmui.Button)[0].disabled
    # The next table is not blamed for this one.
    own.receive("good.csv", b"label,prediction\ncat,cat\ndog,cat\n")
    assert "fields where" not in texts(own) and not own.__panel__().select(pmui.Button)[0].disabled


def test_listed_rows_are_drawn_by_their_landmarks():
    state = LensState(page="evaluate")
    view = EvaluateView(state, Shelf(Record()))
    state.filters.pick("missed:disgust")
    told = texts(view)
    assert told.count('<svg class="face"') >= 10 and "<img class" not in told and "--fer2013" in told
    first = re.search(r'<svg class="face"[^>]*aria-label="Row (\d+), labelled disgust', told)
    assert f'<th scope="row">{first[1]}</th><td><svg' in told
    # The London set has no drawings, and its rows are not those of FER-2013.
    state.filters.data = "london"
    state.filters.pick("missed:happy")
    assert "labelled happy, answered otherwise" in texts(view) and 'svg class="face"' not in texts(view)
