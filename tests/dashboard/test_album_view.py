"""The album on the page, without a browser."""

import re
from pathlib import Path

import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.album_queue import AlbumQueue
from dashboard.app import EXAMPLE
from dashboard.camera import CameraDesk
from dashboard.inference import InferencePool
from dashboard.state import Answer, PageState
from dashboard.views.album import AlbumPanel
from dashboard.views.faces import FaceSheet
from dashboard.views.look import LookView


def texts(view) -> str:
    found = [str(part.object) for part in view.__panel__().select(pn.pane.HTML)]
    return re.sub(r"base64,[^\"]*", "", " ".join(found))


def button(view, start: str):
    kinds = (pn.widgets.Button, pmui.Button)
    return view.__panel__().select(lambda part: isinstance(part, kinds) and part.label.startswith(start))[0]


def press(widget) -> None:
    widget.clicks += 1


@pytest.fixture
def real_answer(make_answer, make_picture):
    """Answers with a JPEG that can be read."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (40, 30), (120, 90, 60)).save(out, "JPEG")

    def make(*faces):
        return Answer(out.getvalue(), make_answer(*faces).prediction, 1.0, out.getvalue())

    return make


@pytest.fixture
def shown():
    """An album panel: ``shown.state``, ``shown.view``, what was ``opened``, and whether all was forgotten."""

    class Shown:
        def __init__(self) -> None:
            self.state, self.opened, self.forgotten = PageState(), [], []
            queue = AlbumQueue(self.state.album, None, lambda: False, None, None)
            self.view = AlbumPanel(self.state, queue, self.opened.append, lambda: self.forgotten.append(1))
            self.album = self.state.album

    return Shown()


def test_one_picture_alone_needs_no_album(shown, real_answer, make_face):
    shown.album.add("a.jpg", real_answer(make_face()))
    assert not shown.view.__panel__().visible
    shown.album.add("b.jpg", real_answer(make_face()))
    assert shown.view.__panel__().visible and "2 pictures, 2 faces" in texts(shown.view)


def test_thumbnails_tell_the_leading_answer_and_open_their_picture(shown, real_answer, make_face):
    shown.album.add("<b>a</b>.jpg", real_answer(make_face(fusion="sad"), make_face()))
    shown.album.add("b.jpg", real_answer())
    words = texts(shown.view)
    assert "sad 90&nbsp;%" in words and "2 faces" in words and "no face found" in words
    assert "&lt;b&gt;a&lt;/b&gt;.jpg" in words and "<b>a</b>" not in words
    press(button(shown.view, "Open b.jpg: no face found"))
    assert [picture.name for picture in shown.opened] == ["b.jpg"]
    shown.album.open = 2
    assert texts(shown.view).count("thumb chosen") == 1


def test_bars_and_tables_follow_the_filters(shown, real_answer, make_face):
    shown.album.add("a.jpg", real_answer(make_face(fusion="sad"), make_face()))
    shown.album.add("b.jpg", real_answer(make_face()))
    assert "Fusion: most look happy (2 of 3)" in texts(shown.view)
    assert len(shown.view.__panel__().select(pn.pane.Bokeh)) == 1
    shown.album.expression = "sad"
    words = texts(shown.view)
    assert "1 of 2 pictures, one face" in words and "Fusion: most look sad (1 of 1)" in words
    shown.album.words = "nowhere"
    assert "0 of 2 pictures" in texts(shown.view) and not shown.view.__panel__().select(pn.pane.Bokeh)


def test_many_pictures_come_in_pages(shown, real_answer, make_face):
    for number in range(30):
        shown.album.add(f"{number}.jpg", real_answer(make_face()))
    assert texts(shown.view).count('class="thumb') == 24
    press(button(shown.view, "Later"))
    assert texts(shown.view).count('class="thumb') == 6 and "25 to 30 of 30" in texts(shown.view)


def test_troubles_are_listed_by_file_and_escaped(shown):
    shown.album.fail("<script>.jpg", "It is cut.")
    shown.album.fail("b.jpg", "It is <empty>.")
    words = texts(shown.view)
    assert shown.view.__panel__().visible and "2 files could not be answered" in words
    assert "&lt;script&gt;.jpg</b>: It is cut." in words and "&lt;empty&gt;" in words


def test_progress_is_told_while_pictures_wait(shown):
    shown.album.param.update(asked=5, done=2)
    assert "2 of 5 waiting files done" in texts(shown.view)
    shown.album.param.update(asked=0, done=0)
    assert "waiting" not in texts(shown.view) and not shown.view.__panel__().visible


def test_forgetting_leaves_no_picture_on_the_page(shown, real_answer, make_face):
    for name in ("a.jpg", "b.jpg"):
        shown.album.add(name, real_answer(make_face()))
    press(button(shown.view, "Forget everything"))
    assert shown.forgotten == [1]
    shown.album.forget()
    assert "a.jpg" not in texts(shown.view) and "<img" not in texts(shown.view)
    assert not shown.view.__panel__().select(pmui.FileDownload)  # they may hold what they sent


def test_a_group_has_a_sheet_of_its_faces(real_answer, make_face):
    state = PageState()
    sheet = FaceSheet(state.look)
    faces = [make_face((10 * i, 5, 40, 40), fusion="sad" if i else "happy") for i in range(30)]
    state.look.finish(state.look.begin(), real_answer(*faces))
    words = texts(sheet)
    assert words.count('class="thumb face') == 30 and words.count("chosen") == 1 and "<table>" in words
    press(button(sheet, "Face 12: sad"))
    assert state.look.selected == 11
    state.look.finish(state.look.begin(), real_answer(*faces[:2]))
    assert texts(sheet) == ""


def test_the_page_answers_shows_and_forgets_several_files(fake_predictor, make_picture, wait_until):
    pool = InferencePool(fake_predictor, workers=1)
    state = PageState()
    view = LookView(state, pool, CameraDesk(), Path(EXAMPLE))
    try:
        for name in ("a.png", "b.png", "c.txt"):
            view._asking.receive(name, b"words" if name == "c.txt" else make_picture())
        wait_until(lambda: len(state.album.pictures) == 2 and state.album.troubles and not state.album.asked)
        assert "not a picture" in texts(view) and "Face 1 of 1" in texts(view)
        names = {save.filename for save in view.__panel__().select(pmui.FileDownload)}
        assert {"a-faces.jpg", "a.json", "expression-lens-album.csv", "expression-lens-album.jsonl"} < names
        press(button(view, "Forget everything"))
        assert state.look.stage == "empty" and state.album.pictures == () and "No picture yet" in texts(view)
    finally:
        pool.close()


def test_the_examples_fill_the_album(fake_predictor, wait_until):
    pool = InferencePool(fake_predictor, workers=1)
    state = PageState()
    view = LookView(state, pool, CameraDesk(), Path(EXAMPLE))
    try:
        press(button(view, "One face, seven ways"))
        wait_until(lambda: len(state.album.pictures) == 7)
        press(button(view, "A group of 30"))
        wait_until(lambda: len(state.album.pictures) == 8)
    finally:
        pool.close()


def test_after_another_choice_of_models_the_bars_count_only_what_these_have_answered(
    shown, real_answer, make_face
):
    import dataclasses

    other = make_face(cnn="sad")
    other = dataclasses.replace(other, models={"mobilenet_v2": other.models["cnn"]})
    shown.state.look.models = ("cnn", "fusion")
    shown.album.add("a.jpg", real_answer(make_face()))
    shown.album.add("b.jpg", real_answer(other))
    words = texts(shown.view)
    assert "Fusion: most look happy (1 of 1); CNN: most look happy (1 of 1)" in words
    assert "One face is not counted" in words and "CNN and Fusion" in words
    shown.state.look.models = ("mobilenet_v2",)
    words = texts(shown.view)
    assert "MobileNetV2: most look sad (1 of 1)." in words and "before MobileNetV2 was chosen" in words
    shown.state.look.models = ("mobilenet_v2", "fusion")
    assert "2 faces are not counted" in texts(shown.view) and "most look" not in texts(shown.view)


def test_what_lowers_trust_is_marked(shown, real_answer, make_face):
    shown.album.add("a.jpg", real_answer(make_face(mesh=False)))
    shown.album.add("b.jpg", real_answer(make_face()))
    words = texts(shown.view)
    assert words.count("no mesh") == 2  # under its thumbnail and in its row
    button(shown.view, "Open a.jpg: happy, 90 %, no mesh")
