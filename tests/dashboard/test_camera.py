import base64

import pytest

from dashboard.camera import JPEG_PREFIX, CameraDesk, camera_is_possible, decode_frame

FRAME = JPEG_PREFIX + base64.b64encode(b"\xff\xd8frame").decode()


@pytest.mark.parametrize(
    "value", ["", "data:,", "data:image/png;base64,AAAA", JPEG_PREFIX, JPEG_PREFIX + "!"]
)
def test_what_is_no_frame_is_none(value):
    assert decode_frame(value) is None


def test_the_first_frame_only_proves_that_the_camera_works():
    ready, frames = [], []
    link = CameraDesk().open(lambda: ready.append(1), frames.append)
    link.connect(lambda: None)
    assert not link.receive("data:,")
    assert link.receive(FRAME)
    assert ready == [1] and frames == []


def test_only_a_frame_that_was_asked_for_is_handed_over():
    frames, shutter = [], []
    link = CameraDesk().open(lambda: None, frames.append)
    assert not link.snap()
    link.connect(lambda: shutter.append(1))
    assert not link.snap()
    link.receive(FRAME)
    link.receive(FRAME)
    assert frames == []
    assert link.snap() and shutter == [1]
    link.receive(FRAME)
    link.receive(FRAME)
    assert frames == [b"\xff\xd8frame"]


def test_tokens_are_long_and_end_with_their_link():
    desk = CameraDesk()
    first, second = (desk.open(lambda: None, lambda _: None) for _ in range(2))
    assert first.token != second.token and len(first.token) >= 32
    assert desk.find(first.token) is first and desk.find("") is None
    desk.close(first.token)
    desk.close(first.token)
    assert desk.find(first.token) is None and len(desk) == 1


@pytest.mark.parametrize(
    ("protocol", "host", "possible"),
    [
        ("https:", "lens.example.org", True),
        ("http:", "lens.example.org", False),
        ("http:", "localhost", True),
        ("http:", "127.0.0.1", True),
        ("http:", "192.168.1.7", False),
    ],
)
def test_browsers_give_the_camera_to_secure_origins_only(protocol, host, possible):
    assert camera_is_possible(protocol, host) == possible
