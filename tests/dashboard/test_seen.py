"""What the models saw: pictures, sentences, tables, the mesh that turns, and the panel with its states."""

import dataclasses
import threading

import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard import seen
from dashboard.charts_seen import (
    AGAINST,
    FOR,
    NOTHING,
    landmark_data,
    mesh_data,
    odds_factor,
    region_chart,
    region_colours,
    rgb,
    share_chart,
)
from dashboard.inference import InferencePool
from dashboard.state import PageState
from dashboard.theme import LIGHT
from dashboard.views.photo import PhotoPanel
from dashboard.views.seen import HIDE, SHOW, SeenPanel
from dashboard.views.seen_parts import seen_parts
from fusion_model.answers import Explanation, Shares
from fusion_model.checkpoint import CheckpointError
from fusion_model.preprocess import MEAN_FACE_LD
from fusion_model.regions import NAMES

REGIONS = dict(zip(NAMES, (0.1, -0.3, -0.1, np.log(2), 0.2, 0.0), strict=True))
SHARES = Shares(0.2, 0.7, 0.3, 0.9, 0.55, 0.15)


@pytest.fixture
def explained() -> dict[str, Explanation]:
    map_HW = np.zeros((48, 48), np.float32)
    map_HW[:16], map_HW[32:] = 1, -1
    return {
        "cnn": Explanation("happy", map_HW, None, None),
        "fusion": Explanation("happy", map_HW, REGIONS, SHARES),
    }


@pytest.fixture
def meshed(make_face):
    landmarks_LD = (60 * MEAN_FACE_LD + (150, 120, 0)).astype(np.float32)
    return dataclasses.replace(make_face(), landmarks_LD=landmarks_LD)


def words(parts) -> str:
    found = pn.Column(*parts).select()
    return " ".join(str(part.object) for part in found if isinstance(part, pn.pane.HTML | pmui.Alert))


def test_a_map_is_purple_for_and_green_against(explained) -> None:
    shown_HWC = seen.overlay(np.full((48, 48), 128, np.uint8), explained["cnn"].map_HW)
    assert shown_HWC.shape == (288, 288, 3)
    for row, colour in ((40, FOR), (250, AGAINST)):
        towards = np.array(rgb(colour)) - 128
        assert ((shown_HWC[row, 144].astype(int) - 128) * towards > 0).all()
    assert (shown_HWC[144, 144] == 128).all()


def test_the_strongest_parts_are_said(explained, make_face, meshed) -> None:
    assert "upper third (100 %)" in seen.map_reading(explained, make_face())
    shares = seen.place_shares(explained["fusion"], meshed)
    assert sum(part[0] for part in shares.values()) == pytest.approx(1) and shares["brows"][1] == 0
    table = seen.map_table(explained, make_face())
    assert table.head[2:4] == ["CNN, for", "CNN, against"]
    assert table.rows[0] == ["upper third", "33 %", "100 %", "0 %", "100 %", "0 %"]


def test_regions_are_said_as_factors_of_the_odds(explained) -> None:
    said = seen.region_reading("fusion", explained["fusion"])
    assert "most for happy: mouth (× 2.00" in said and "against it: eyes (× 0.74)" in said
    assert seen.region_table("fusion", explained["fusion"]).rows[0] == ["mouth", "× 2.00", "+0.69"]
    none = dataclasses.replace(explained["fusion"], regions=dict.fromkeys(NAMES, -0.1))
    assert "No region of the mesh speaks for happy" in seen.region_reading("fusion", none)
    assert odds_factor(np.log(40)) == "× 40"


def test_shares_are_said_and_add_up(explained) -> None:
    said = seen.share_reading("fusion", explained["fusion"])
    assert "neither, Fusion gives happy 20 %; the pixels add 55 points" in said
    assert "landmarks add 15 points: 90 % with both" in said
    less = dataclasses.replace(SHARES, landmarks=-0.01)
    assert "take away 1 point:" in seen.share_reading("fusion", Explanation("happy", None, None, less))
    rows = seen.share_table("fusion", explained["fusion"]).rows
    assert [row[1:] for row in rows] == [
        ["20.0 %", "–"],
        ["70.0 %", "+55.0"],
        ["30.0 %", "+15.0"],
        ["90.0 %", "–"],
    ]


def test_bars_of_regions_and_steps_of_shares_are_the_figures() -> None:
    bars = region_chart(REGIONS, LIGHT).renderers[0].data_source.data
    assert bars["y"][0] == "mouth" and bars["colour"][0] == FOR and bars["colour"][-1] == AGAINST
    steps = share_chart(SHARES, LIGHT).renderers[0].data_source.data
    assert steps["left"] == pytest.approx([0, 0.2, 0.75, 0]) and steps["right"][3] == 0.9
    assert steps["right"][:3] == pytest.approx([0.2, 0.75, 0.9])


def test_the_mesh_is_painted_by_region_and_turns() -> None:
    colours = region_colours(REGIONS)
    assert colours[NAMES.index("mouth")] == FOR and colours[-1] == NOTHING == region_colours(None)[0]
    front, right = (mesh_data(MEAN_FACE_LD, colours, yaw)["surface"] for yaw in (0, 50))
    assert len(front["xs"]) == len(right["xs"])
    nose = {
        name: np.mean([xs for xs, part in zip(data["xs"], data["region"], strict=True) if part == "nose"])
        for name, data in (("front", front), ("right", right))
    }
    assert abs(nose["front"]) < 0.02 and nose["right"] > 0.2  # turned to the right of the picture
    raised = mesh_data(MEAN_FACE_LD, colours, pitch=30)["surface"]
    ys = [np.mean([y for y, part in zip(data["ys"], data["region"], strict=True) if part == "nose"])
          for data in (front, raised)]  # fmt: skip
    assert ys[1] < ys[0] - 0.05  # rows count downwards: the nose goes up


def test_lines_behind_the_face_are_not_drawn() -> None:
    lines = [len(mesh_data(MEAN_FACE_LD, region_colours(None), yaw)["lines"]["x0"]) for yaw in (0, 60)]
    assert lines[1] < lines[0]


def test_all_parts_of_a_face_are_shown(explained, meshed) -> None:
    parts = seen_parts(meshed, explained)
    said = words(parts)
    for phrase in ("Which pixels", "depends on", "Pixels or landmarks: Fusion", "Which parts of the mesh"):
        assert phrase in said
    assert said.count("<img") == 3 and said.count("The numbers as a table") == 3
    assert len(pn.Column(*parts).select(pn.pane.Bokeh)) == 3
    yaw, _ = pn.Column(*parts).select(pmui.IntSlider)
    (mesh,) = [pane.object for pane in pn.Column(*parts).select(pn.pane.Bokeh) if pane.object.width == 400]
    before = mesh.renderers[0].data_source.data["xs"]
    yaw.value = 30
    assert mesh.renderers[0].data_source.data["xs"] != before


def test_without_a_mesh_it_is_said_so(explained, make_face) -> None:
    cnn = dataclasses.replace(explained["fusion"], regions=None, shares=None)
    said = words(seen_parts(make_face(mesh=False), {"cnn": explained["cnn"], "fusion": cnn}))
    assert "No face mesh was found" in said and said.count("<img") == 3


@pytest.fixture
def panel(fake_predictor, make_answer, meshed, make_face):
    """A panel whose explainer is the test's; two faces, the second without a mesh."""
    pools = []

    def make(explainer, **options):
        pools.append(InferencePool(fake_predictor, explainer=lambda: explainer, workers=1, **options))
        state = PageState()
        view = SeenPanel(state, pools[-1])
        state.look.finish(state.look.begin(), make_answer(meshed, make_face(mesh=False)))
        return state, view

    yield make
    for pool in pools:
        pool.close()


def test_the_panel_asks_when_pressed_and_knows_faces_again(panel, explained, wait_until) -> None:
    asked = []
    state, view = panel(lambda face: asked.append(face) or explained)
    assert not asked and view._button.label == SHOW
    view._pressed()
    wait_until(lambda: state.look.seen.stage == "ready")
    wait_until(lambda: "Which pixels" in words([view]))
    assert view._button.label == HIDE
    state.look.step(1)
    wait_until(lambda: len(asked) == 2 and state.look.seen.stage == "ready")
    state.look.step(1)
    assert state.look.seen.stage == "ready" and len(asked) == 2
    view._pressed()
    assert state.look.seen.stage == "closed" and "<img" not in words([view])


def test_busy_failed_and_forgotten(panel, explained, wait_until) -> None:
    gate = threading.Event()

    def explain(face):
        assert gate.wait(20)
        raise CheckpointError("The weights are gone.")

    state, view = panel(explain, waiting=0)
    view._pressed()
    assert "what their answers depend on" in words([view])
    view._ask()  # the worker is busy, and nobody may wait
    assert state.look.seen.stage == "failed" and "try again" in words([view])
    gate.set()
    wait_until(lambda: view._pool.open == 0)
    view._ask()
    wait_until(lambda: "The weights are gone." in words([view]))
    state.look.forget()
    assert state.look.seen.stage == "closed" and "weights" not in words([view])


def test_landmarks_are_drawn_on_demand(make_answer, meshed, make_face) -> None:
    state = PageState()
    view = PhotoPanel(state)
    state.look.finish(state.look.begin(), make_answer(meshed, make_face(mesh=False)))
    plain = len(view._plot.renderers)
    view._switch.value = True
    dots = view._landmarks["dots"]
    assert len(view._plot.renderers) == plain + 2 and len(dots.data["x"]) == 478
    state.look.step(1)
    assert len(dots.data["x"]) == 0
    state.look.step(1)
    assert len(dots.data["x"]) == 478
    view._switch.value = False
    assert len(dots.data["x"]) == 0
    assert all(len(column) == 0 for column in landmark_data(None)["lines"].values())
