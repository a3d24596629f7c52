"""What is saved: the command line's JSON, a CSV without formulas, a picture with its boxes."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from dashboard.album import AlbumState, Trouble, album_faces
from dashboard.album_files import annotated, as_csv, json_lines
from dashboard.state import Answer
from dashboard.views.saving import PictureSavers
from dashboard.worker import display_jpeg
from fusion_model.__main__ import Result, _json_lines
from fusion_model.labels import EXPRESSIONS


@pytest.fixture
def album(make_answer, make_face):
    state = AlbumState()
    state.add("a.jpg", make_answer(make_face(), make_face((1, 2, 3, 4), cnn="sad", mesh=False)))
    state.add("none.jpg", make_answer())
    return state


def test_json_is_what_the_command_line_prints(album):
    lines = json_lines(album.pictures, [Trouble("cut.jpg", "It is cut.")]).splitlines()
    results = [Result(picture.name, picture.answer.prediction) for picture in album.pictures]
    results.append(Result("cut.jpg", error="It is cut."))
    assert lines == [line for result in results for line in _json_lines(result)]
    assert json.loads(lines[0])["faces"][1]["box"] == [1, 2, 3, 4] and json.loads(lines[2])["error"]


def test_csv_has_a_row_a_face_with_all_probabilities(album):
    rows = list(csv.DictReader(io.StringIO(as_csv(album_faces(album.pictures)))))
    assert [(row["file"], row["face"], row["landmarks_found"]) for row in rows] == [
        ("a.jpg", "1", "1"),
        ("a.jpg", "2", "0"),
    ]
    assert [row["warnings"] for row in rows] == ["", "no mesh"]
    assert rows[1]["cnn"] == "sad" and rows[1]["fusion"] == "happy"
    for model in ("cnn", "fusion"):
        assert sum(float(rows[0][f"{model}_{label}"]) for label in EXPRESSIONS) == pytest.approx(1, abs=1e-5)


def test_no_file_name_is_a_formula(make_answer, make_face):
    state = AlbumState()
    state.add('=HYPERLINK("x")', make_answer(make_face()))
    assert next(csv.DictReader(io.StringIO(as_csv(album_faces(state.pictures)))))["file"].startswith("'=")


def test_the_picture_is_saved_with_boxes_where_the_faces_are_and_nothing_else(make_answer, make_face):
    plain = np.full((300, 400, 3), 200, dtype=np.uint8)
    # Kept for the page at half of the size in which faces were found.
    face, at_edge = make_face((200, 200, 200, 200)), make_face((700, 0, 100, 100))
    prediction = make_answer(face, at_edge, width=800, height=600).prediction
    saved = annotated(Answer(display_jpeg(plain), prediction, 1.0))
    with Image.open(io.BytesIO(saved)) as picture:
        assert picture.size == (400, 300) and not picture.getexif() and "icc_profile" not in picture.info
        drawn_HW = np.abs(np.asarray(picture).astype(int) - 200).max(axis=2) > 60
    ys, xs = np.nonzero(drawn_HW[:, :300])
    assert abs(xs.min() - 100) <= 2 and abs(ys.max() - 200) <= 2 and 70 < ys.min() < 100
    assert drawn_HW[:20, 300:].any() and not drawn_HW[110:190, 110:190].any()


def test_an_empty_album_saves_a_head_alone():
    assert as_csv([]) == "file,face,x,y,width,height,landmarks_found,warnings\n" and json_lines([]) == ""


def test_buttons_of_a_picture_are_kept_until_one_was_used(make_answer, make_face):
    savers = PictureSavers()
    answer = make_answer(make_face())
    savers.show("../a b.png", answer)
    first = list(savers.__panel__())
    assert [button.filename for button in first] == ["a-b-faces.jpg", "a-b.json"]
    savers.show("c.png", answer)
    assert list(savers.__panel__()) == first and first[1].filename == "c.json"
    assert json.loads(first[1].callback().read())["file"] == "c.png"
    savers.show("", None)  # the picture goes, and with it the button that holds what it sent
    assert not set(map(id, savers.__panel__())) & set(map(id, first))
    assert list(savers.__panel__())[1].callback().read() == b""
