import dataclasses
import re
from pathlib import Path

import pytest

import dashboard
from dashboard import wording
from fusion_model.catalogue import Entry


def test_both_models_agree(make_face):
    assert wording.face_reading(make_face()) == "Fusion gives happy 90 %; the CNN says the same, 60 %."


def test_both_models_disagree(make_face):
    said = wording.face_reading(make_face(cnn="sad"))
    assert said == "Fusion gives happy 90 %; the CNN disagrees: sad, 60 %."


def test_a_face_without_mesh_is_told(make_face):
    assert "No face mesh" in wording.face_reading(make_face(mesh=False))


def test_without_a_fusion_another_model_leads(make_face):
    face = make_face()
    alone = dataclasses.replace(face, models={"cnn": face.models["cnn"]})
    assert wording.leading_model(alone) == "cnn"
    assert wording.face_reading(alone) == "CNN gives happy 60 %."


def test_many_models_are_told_by_what_they_say(make_face, monkeypatch):
    said = wording.face_reading(many(make_face, cnn=0.6, a=0.5, b=0.4))
    assert said == "Fusion gives happy 90 %; CNN (60 %), a (50 %) and b (40 %) say the same."
    face = many(make_face, a=0.5)
    sad = dataclasses.replace(face.models["a"], label="sad", probabilities={"sad": 0.5, "happy": 0.5})
    said = wording.face_reading(
        dataclasses.replace(face, models=face.models | {"b": sad}, landmarks_found=False)
    )
    assert "Of other classes (sad, happy): b gives sad 50 %." in said
    assert said.endswith("so the models had only the pixels.")


def many(make_face, **shares):
    """A face that looks happy to CNN and fusion, and to further models with these shares."""
    face = make_face()
    answers = {
        name: dataclasses.replace(
            face.models["cnn"], probabilities=face.models["cnn"].probabilities | {"happy": share}
        )
        for name, share in shares.items()
    }
    return dataclasses.replace(face, models=face.models | answers)


def test_models_of_other_classes_are_a_group_of_their_own(make_face):
    face = make_face()
    smile = dataclasses.replace(face.models["cnn"], label="yes", probabilities={"yes": 0.8, "no": 0.2})
    both = dataclasses.replace(face, models={"smile": smile} | face.models)
    assert wording.groups(both) == [["cnn", "fusion"], ["smile"]]
    assert wording.leading_model(both) == "fusion"


def test_names_come_from_the_cards(monkeypatch):
    entry = Entry("resnet50", "ResNet50", ("a", "b"), accuracy=0.9)
    monkeypatch.setattr(wording, "models", lambda: {"resnet50": entry})
    assert wording.model_name("resnet50") == "ResNet50" and wording.model_name("mine") == "mine"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "two models"), (1, "one model"), (5, "five models"), (9, "9 models")]
)
def test_models_are_counted(count, words):
    assert wording.asked_models(count) == words


@pytest.mark.parametrize(("count", "start"), [(0, "No face"), (1, "One face"), (3, "3 faces")])
def test_faces_are_counted(make_answer, make_face, count, start):
    assert wording.found_reading(make_answer(*[make_face()] * count).prediction).startswith(start)


def test_latency_adds_up(make_answer):
    answer = make_answer()
    said = wording.latency_reading(answer.milliseconds_decode, answer.prediction.milliseconds)
    assert said.startswith("Answered in 20 ms: reading the file 1, finding faces 8, preparing them 2, CNN 4")


def test_readings_name_best_worst_and_most_common_confusion(asked):
    figures = asked.figures("fusion")
    best = max(figures.classes, key=lambda item: item.f1.value)
    assert f"best on {best.label} (F1 {best.f1.value:.2f})" in wording.class_reading(figures)
    assert "most common confusion" in wording.confusion_reading(figures)


def test_the_comparison_says_what_the_numbers_say(asked):
    pair = asked.comparison("cnn", "fusion")
    said = wording.comparison_reading(pair)
    assert said.startswith(f"Fusion is right on {pair.difference.value * 100:.1f} points more of these 200")
    chance = dataclasses.replace(pair, mcnemar_p=0.3)
    assert "can well be chance" in wording.comparison_reading(chance)
    even = dataclasses.replace(pair, only_first=5, only_second=5)
    assert "equally often" in wording.comparison_reading(even)
    backwards = asked.comparison("fusion", "cnn")
    assert wording.comparison_reading(backwards).startswith("Fusion is right on")


def test_points_and_p_are_written_for_people():
    assert wording.points(0.0123) == "+1.2" and wording.points(-0.0123) == "−1.2"
    assert wording.p_text(0.0004) == "p < .001" and wording.p_text(0.03) == "p = .030"


def test_no_text_of_the_page_says_that_someone_feels():
    texts = "".join(path.read_text() for path in Path(dashboard.__file__).parent.rglob("*.py"))
    allowed = {"anyone <b>feels</b>", "what anyone feels", "are not said to feel"}
    for match in re.finditer(r"\bfeel\w*", texts):
        around = texts[max(0, match.start() - 25) : match.end() + 10]
        assert "feelings" in match.group() or any(phrase in around for phrase in allowed), around
