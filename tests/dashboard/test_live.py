"""The live camera's state: smoothing, identities, the last minute, freeze, CSV."""

import csv
from io import StringIO

import pytest

from dashboard.charts_live import FACE_COLOURS, face_colour, overlay_svg, timeline_data
from dashboard.live import FORGET_AFTER, MINUTE, LiveState


@pytest.fixture
def live():
    state = LiveState()
    state.begin()
    return state


@pytest.fixture
def show(live, make_face, make_answer):
    """Give the state a frame with one face a label."""

    def give(at, labels, *, identities=None, delay=0.05):
        faces = [make_face((10 + 100 * i, 20, 80, 100), fusion=label) for i, label in enumerate(labels)]
        prediction = make_answer(*faces).prediction
        return live.receive(prediction, identities or range(1, len(faces) + 1), at, at + delay)

    return give


def share(live, label, identity=1):
    return live.frame.face(identity).models["fusion"].probabilities[label]


def test_what_was_seen_a_half_life_ago_counts_half(live, show):
    live.half_life = 0.5
    show(0.0, ["happy"])
    assert share(live, "happy") == pytest.approx(0.9)
    show(0.5, ["sad"])
    rest = 0.1 / 6
    assert share(live, "happy") == pytest.approx(0.5 * 0.9 + 0.5 * rest)
    assert share(live, "sad") == pytest.approx(0.5 * rest + 0.5 * 0.9)
    show(1.5, ["sad"])
    assert share(live, "happy") == pytest.approx(0.25 * (0.45 + 0.5 * rest) + 0.75 * rest)
    answer = live.frame.face(1).models["fusion"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.raw["sad"] == pytest.approx(0.9)


def test_the_half_life_does_not_depend_on_the_rate(live, show):
    live.half_life = 1.0
    show(0.0, ["happy"])
    for step in range(1, 21):
        show(step * 0.05, ["sad"])
    many = share(live, "happy")
    live.begin()
    show(0.0, ["happy"])
    show(1.0, ["sad"])
    assert many == pytest.approx(share(live, "happy"))


def test_without_smoothing_each_frame_speaks_for_itself(live, show):
    live.half_life = 0
    show(0.0, ["happy"])
    show(0.1, ["sad"])
    assert share(live, "happy") == pytest.approx(0.1 / 6)


def test_faces_are_smoothed_apart_and_a_face_that_was_away_begins_anew(live, show):
    live.half_life = 2.0
    show(0.0, ["happy", "sad"])
    show(0.1, ["sad", "happy"], identities=[2, 1])
    assert share(live, "happy", 1) == pytest.approx(0.9)
    assert share(live, "sad", 2) == pytest.approx(0.9)
    show(0.2 + FORGET_AFTER, ["sad"])
    assert share(live, "sad", 1) == pytest.approx(0.9)


def test_the_timeline_keeps_a_minute(live, show):
    for second in range(0, 100, 10):
        show(float(second), ["happy", "sad"])
    times = [time for time, _ in live.seconds(2)]
    assert times == [30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
    assert 90.0 - times[0] <= MINUTE
    data = timeline_data(live.seconds(2), ["sad", "happy"])
    assert data["time"] == times and len(data["sad"]) == len(times)
    assert data["sad"][0] == pytest.approx(0.9)


def test_the_chosen_face_stays_chosen_while_it_is_there(live, show):
    show(0.0, ["happy", "sad"], identities=[3, 5])
    assert live.identity == 3
    live.choose(5)
    live.choose(4)
    assert live.identity == 5
    show(0.1, ["happy", "sad"], identities=[3, 5])
    assert live.identity == 5
    show(0.2, ["happy"], identities=[3])
    assert live.identity == 3
    show(0.3, [])
    assert live.identity == 3 and live.frame.faces == ()


def test_a_frozen_page_takes_no_answer_and_goes_on_later(live, show):
    show(0.0, ["happy"])
    live.freeze()
    shown = live.frame
    assert not show(0.1, ["sad"]) and live.frame is shown
    live.go_on()
    assert show(0.2, ["sad"]) and live.frame is not shown


def test_forgetting_leaves_nothing(live, show):
    show(0.0, ["happy"])
    live.forget()
    assert (live.stage, live.frame, live.identity, len(live.timeline)) == ("off", None, 0, 0)
    assert not show(0.1, ["happy"])
    assert live.as_csv().splitlines() == ["seconds,face,model,looks"]


def test_rate_and_delay_are_those_of_the_last_seconds(live, show):
    for step in range(41):
        show(step * 0.1, ["happy"], delay=0.5 if step < 5 else 0.08)
    assert live.frame.rate == pytest.approx(10)
    assert live.frame.delay == pytest.approx(0.08)


def test_the_csv_has_a_row_a_frame_face_and_model(live, show):
    live.half_life = 0.5
    show(0.0, ["happy", "sad"])
    show(0.5, ["sad", "sad"])
    rows = list(csv.DictReader(StringIO(live.as_csv())))
    assert len(rows) == 2 * 2 * 2
    (row,) = [r for r in rows if (r["seconds"], r["face"], r["model"]) == ("0.500", "1", "fusion")]
    assert float(row["sad"]) == pytest.approx(0.9)
    assert float(row["smoothed_sad"]) == pytest.approx(0.5 * 0.9 + 0.05 / 6, abs=1e-4)
    assert row["looks"] in {"happy", "sad"}


def test_the_overlay_is_a_mirror_image_and_names_each_face(live, show):
    show(0.0, ["happy", "surprise"])
    svg = overlay_svg(live.frame, chosen=2)
    width = live.frame.width
    # The first face, at the left of the camera's picture, is at the right of the mirror.
    assert f'x="{width - 10 - 80}"' in svg and f'x="{width - 110 - 80}"' in svg
    assert "1 · happy 90 %" in svg and "2 · surprised 90 %" in svg
    assert face_colour(1) in svg and face_colour(2) in svg
    assert "<image" not in svg and "data:image/jpeg;base64,/9j/" in overlay_svg(
        live.frame, 2, b"\xff\xd8\xff"
    )


def test_colours_go_round():
    assert face_colour(1) == face_colour(1 + len(FACE_COLOURS)) != face_colour(2)
