"""What the album holds and shows."""

import pytest

from dashboard import album as module
from dashboard.album import AlbumState, Picture, album_faces, answered_by, counts, shown_name


@pytest.fixture
def album(make_answer, make_face):
    state = AlbumState()
    state.add("b.jpg", make_answer(make_face(fusion="sad"), make_face(cnn="sad")))
    state.add("a.jpg", make_answer(make_face(fusion="angry")))
    state.add("none.jpg", make_answer())
    return state


def names(state: AlbumState) -> list[str]:
    return [picture.name for picture in state.shown()]


def test_faces_are_told_by_the_leading_model_and_counted_by_each(album):
    faces = album_faces(album.pictures)
    assert [(face.picture.number, face.index, face.label, face.confidence) for face in faces] == [
        (1, 0, "sad", 0.9),
        (1, 1, "happy", 0.9),
        (2, 0, "angry", 0.9),
    ]
    assert counts(faces) == {
        "cnn": {"happy": 2, "sad": 1},
        "fusion": {"sad": 1, "happy": 1, "angry": 1},
    }
    assert album.labels() == ["angry", "happy", "sad"]


def test_the_order_is_that_of_adding_or_as_chosen(album):
    assert names(album) == ["b.jpg", "a.jpg", "none.jpg"]
    album.sort = "expression"
    assert names(album) == ["a.jpg", "b.jpg", "none.jpg"]  # angry comes before sad; without a face last


def test_sorting_by_confidence(album, make_answer, make_face):
    unsure = make_face()
    unsure.models["fusion"].probabilities["happy"] = 0.4
    album.add("unsure.jpg", make_answer(unsure))
    album.sort = "surest"
    assert names(album)[2:] == ["unsure.jpg", "none.jpg"]
    album.sort = "unsure"
    assert names(album)[0] == "unsure.jpg" and names(album)[3] == "none.jpg"
    album.least = 0.5
    assert names(album) == ["b.jpg", "a.jpg"]


def test_filters_leave_faces_and_the_pictures_with_one(album):
    album.expression = "happy"
    assert names(album) == ["b.jpg"] and [face.index for face in album.shown_faces()] == [1]
    album.expression = ""
    album.words = "NONE"
    assert names(album) == ["none.jpg"] and album.shown_faces() == []


def test_a_removed_picture_gives_its_number_to_no_other(album, make_answer):
    album.open = 3
    album.remove(3)
    assert album.open == 0 and album.picture(3) is None
    assert album.add("new.jpg", make_answer()) == 4


def test_a_picture_answered_anew_stays_in_its_place(album, make_answer, make_face):
    album.renew(1, make_answer(make_face(fusion="fear")))
    assert names(album)[0] == "b.jpg" and [face.label for face in album_faces(album.pictures)] == [
        "fear",
        "angry",
    ]


def test_a_full_album_says_so(monkeypatch, album, make_answer):
    monkeypatch.setattr(module, "MOST_PICTURES", 3)
    assert album.add("more.jpg", make_answer()) == 0 and len(album.pictures) == 3
    assert album.troubles[0].name == "more.jpg" and "full" in album.troubles[0].sentence


def test_forgetting_leaves_nothing(album):
    album.fail("x.jpg", "It is cut.")
    album.param.update(
        sort="surest", expression="sad", least=0.5, words="a", place=3, open=1, asked=4, done=2
    )
    album.forget()
    fresh = AlbumState()
    assert all(getattr(album, name) == getattr(fresh, name) for name in fresh.param if name != "name")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202egpj.exe", "a\ufffdgpj.exe"),
        ("line\nbreak", "line\ufffdbreak"),
        ("", "unnamed"),
        ("x" * 200 + ".jpg", "…" + "x" * 75 + ".jpg"),
    ],
)
def test_names_are_fit_to_be_shown(name, shown):
    assert shown_name(name) == shown


def test_troubles_are_bounded(album):
    for number in range(150):
        album.fail(f"{number}.jpg", "It is cut.")
    assert len(album.troubles) == 100 and album.troubles[-1].name == "149.jpg"


def test_a_picture_knows_its_faces(make_answer, make_face):
    assert len(Picture(1, "a", make_answer(make_face(), make_face())).faces) == 2


def test_faces_that_other_models_answered_are_not_counted_with_these(make_answer, make_face):
    import dataclasses

    other = make_face()
    other = dataclasses.replace(other, models={"mobilenet_v2": other.models["cnn"]})
    album = AlbumState()
    album.add("a.jpg", make_answer(make_face()))
    album.add("b.jpg", make_answer(other))
    faces = album_faces(album.pictures)
    assert [item.picture.name for item in answered_by(faces, ("cnn", "fusion"))] == ["a.jpg"]
    assert answered_by(faces, ()) == faces
    assert counts(faces, ("cnn",)) == {"cnn": {"happy": 1}}
    assert counts(faces).keys() == {"cnn", "fusion", "mobilenet_v2"}
