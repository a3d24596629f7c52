"""Words from sets, people, models that differ, and warnings: what is said follows from the record."""

import dataclasses
import re

import numpy as np
import pytest

from dashboard import sure
from dashboard.record import Record
from dashboard.state import LookState, PageState
from dashboard.views.face import FacePanel
from dashboard.views.sure import SureFacts
from fusion_model.answers import ModelAnswer
from fusion_model.face_measures import FaceMeasures
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import of_split, read_table, table_from_frame, write_table
from fusion_model.trust import Doubt, Effect, Trust

from .conftest import texts

SMALL = Effect("small", 17, 17.0, 30.0, "fusion", "PublicTest", 100, 55, 100, 71)


@pytest.fixture
def record(table_files) -> Record:
    return Record(*table_files)


@pytest.fixture(scope="module")
def voted(table_files, tmp_path_factory) -> Record:
    """The same table with votes: eight of ten agree; most say sad on the even rows, nothing on the odd."""
    table = read_table(table_files[0])
    said = np.where(np.arange(len(table)) % 2 == 0, "sad", "")
    frame = table.frame.assign(ferplus_label=said, ferplus_agreement=0.8)
    path = tmp_path_factory.mktemp("voted") / "t.csv.gz"
    write_table(table_from_frame(frame), path)
    return Record(path, path)


def shares(**given: float) -> ModelAnswer:
    rest = (1 - sum(given.values())) / (len(EXPRESSIONS) - len(given))
    by_label = {name: given.get(name, rest) for name in EXPRESSIONS}
    return ModelAnswer(max(by_label, key=by_label.__getitem__), by_label)


def with_fusion(face, **given: float):
    return dataclasses.replace(face, models=face.models | {"fusion": shares(**given)})


def plain(html: str) -> str:
    return re.sub("<[^>]*>", "", html)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("happy",), "Looks happy"),
        (("happy", "surprise"), "Looks happy or surprised"),
        (("fear", "surprise", "sad"), "Looks afraid, surprised or sad"),
        (("fear", "surprise", "sad", "happy"), "Not sure"),
    ],
)
def test_words_are_as_many_as_the_set_and_then_none(labels, said):
    words = sure.Words("fusion", labels, None)
    assert plain(sure.headline(words)) == said
    assert bool(sure.unsure_reading(words)) == (said == "Not sure")


def test_the_words_are_those_that_reach_the_threshold_fitted_on_public_test(record, table_files, make_face):
    public = of_split(read_table(table_files[0]), "PublicTest")
    for level in (0.8, 0.9, 0.95):
        # LAC by its definition: the quantile of 1 - p(label), with the correction for finite samples.
        p_N = np.sort(1 - public.probabilities("fusion")[np.arange(len(public)), public.truth()])
        known = 1 - p_N[int(np.ceil((len(public) + 1) * level)) - 1]
        promise = record.promise("fusion", level)
        assert promise is not None and promise.threshold == pytest.approx(known, abs=1e-4)
        near = {"happy": 0.5, "sad": promise.threshold + 0.01, "fear": max(0.0, promise.threshold - 0.02)}
        words = sure.words_of(with_fusion(make_face(), **near), record, level)
        assert {"happy", "sad"} <= set(words.labels) and "fear" not in words.labels
        assert words.labels[0] == "happy" and words.model == "fusion"


def test_the_level_says_what_was_measured_on_private_test(record, make_face):
    words = sure.words_of(make_face(), record, 0.9)
    line, more = sure.level_reading(words, 0.9)
    assert words.promise is not None
    figures = words.promise.figures
    assert figures.n == 200 and "9 times in 10" in line
    assert f"{figures.coverage.value * 100:.1f} %" in line and f"{figures.mean_size:.1f} expressions" in line
    assert "200 pictures of PrivateTest" in more and "PublicTest" in more
    sets_NK = record.sets("fer2013", True, "PrivateTest", "fusion", 0.9)
    private = of_split(record.rows("fer2013", True).table, "PrivateTest")
    assert figures.coverage.value == sets_NK[np.arange(200), private.truth()].mean()


def test_without_a_record_the_words_are_the_leading_answer(make_face, tmp_path):
    nothing = Record(*(tmp_path / name for name in "abc"))
    for record in (None, nothing):
        words = sure.words_of(make_face(fusion="sad"), record, 0.9)
        assert (words.labels, words.promise) == (("sad",), None)
        assert sure.people_reading(make_face(), record) == ("", "") and not sure.disputes_of(
            make_face(cnn="sad"), record
        )
    assert nothing.reported() is None


def test_a_model_that_the_table_does_not_know_or_of_other_classes_has_no_words_but_its_answer(
    record, make_face
):
    face = make_face()
    smile = ModelAnswer("yes", {"yes": 0.8, "no": 0.2})
    alone = dataclasses.replace(face, models={"smile": smile})
    assert sure.words_of(alone, record, 0.9).labels == ("yes",)
    assert sure.people_reading(alone, record) == ("", "") and not sure.disputes_of(alone, record)
    assert sure.level_reading(sure.words_of(alone, record, 0.9), 0.9) == (sure.UNMEASURED, "")


def test_people_are_told_from_the_votes(voted, make_face):
    rows = voted.reported()
    line, more = sure.people_reading(make_face(fusion="happy"), voted)
    called_N = rows.answers["fusion"] == EXPRESSIONS.index("happy")
    assert "80 %" in line and "PrivateTest happy" in more and "sad on" in more
    counted = int(re.search(r"calls (\d+) pictures", more)[1])
    sure_N = rows.confidence("fusion") >= 0.9
    assert counted in (called_N.sum(), (called_N & sure_N).sum())


def test_models_that_disagree_are_told_with_their_record(record, make_face):
    face = make_face(cnn="sad", fusion="happy")
    (found,) = sure.disputes_of(face, record)
    rows = record.reported()
    differ_N = rows.answers["cnn"] != rows.answers["fusion"]
    exact_N = (rows.answers["cnn"] == EXPRESSIONS.index("sad")) & (
        rows.answers["fusion"] == EXPRESSIONS.index("happy")
    )
    assert exact_N.sum() < 30 and found.n == differ_N.sum() and not found.first_label
    assert found.first_right.value == pytest.approx(rows.right("cnn")[differ_N].mean())
    line, more = sure.dispute_reading(face, found)
    assert line.startswith("The models disagree: CNN sad, Fusion happy.")
    assert "too few" in more and f"{found.n:,} of PrivateTest" in more
    assert not sure.disputes_of(make_face(), record)


def test_a_warning_tells_what_was_measured():
    line, more = sure.doubt_reading(Doubt("small", 18.2, 30.0), SMALL)
    assert line == "Small: the face's frame is 18 pixels wide · −16 points on such faces"
    assert more == (
        "On FER-2013 faces shrunk to 17 pixels, Fusion was right on 55 % (95 %: 45 to 64, 100 pictures) "
        "instead of 71 %."
    )
    assert sure.doubt_reading(Doubt("small", 18.2, 30.0), None)[1] == ""


@pytest.mark.parametrize("kind", sure.SHORT)
def test_every_trouble_has_its_sentences(kind):
    found = dataclasses.replace(SMALL, kind=kind, strength=0.3)
    for words in (*sure.doubt_reading(Doubt(kind, 0.3, 0.2), found), sure.marks_of([Doubt(kind, 0.3, 0.2)])):
        assert words and "nan" not in words


def test_the_panel_shows_words_lines_and_warnings_and_follows_the_level(record, make_face, make_answer):
    state = PageState()
    view = FacePanel(state, record)
    view._facts._trust = Trust((SMALL,))
    small = FaceMeasures(None, 120.0, 40.0, 0.8, 12.0, 0.0, 0.5)
    face = dataclasses.replace(with_fusion(make_face(cnn="sad"), happy=0.55, sad=0.2), measures=small)
    state.look.finish(state.look.begin(), make_answer(face))
    words = texts(view)
    assert "The models disagree" in words and "9 times in 10" in words
    assert "the face's frame is 12 pixels wide" in plain(words).replace("&#x27;", "'")
    said = {}
    for level in (0.8, 0.95):
        state.look.level = level
        said[level] = plain(texts(view))
    assert "8 times in 10" in said[0.8] and "19 times in 20" in said[0.95]
    count = {level: len(sure.words_of(face, record, level).labels) for level in said}
    assert count[0.8] <= count[0.95]


def test_a_good_face_has_no_warning_and_no_empty_place(record, make_face):
    facts = SureFacts(LookState(), record, Trust((SMALL,)))
    face = make_face()
    facts.show(face, sure.words_of(face, record, 0.9))
    assert not facts.doubts.visible and facts.doubts.object == ""


def test_a_live_face_has_words_and_marks_of_its_own_frame(record, make_face, make_answer):
    from dashboard.live import LiveState

    live = LiveState()
    live.begin()
    small = FaceMeasures(None, 120.0, 40.0, 0.8, 12.0, 0.0, 0.5)
    face = dataclasses.replace(make_face(), measures=small)
    live.receive(make_answer(face).prediction, (1,), 0.0, 0.1)
    seen = live.frame.face(1)
    assert sure.words_of(seen, record, 0.9).labels[0] == "happy"
    assert sure.marks_of(sure.doubts_of(seen, Trust((SMALL,)))) == "small"
