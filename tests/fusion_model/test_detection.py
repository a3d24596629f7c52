"""What detectors give for the regions of a picture, alone and as two that share them."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from fusion_model.detection import Tandem, detect_in

REGIONS = [(x, 0, 40, 40) for x in range(0, 200, 20)]


class Brightness:
    """Finds a face in whatever it sees, as sure as the picture is bright; notes its thread."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.closed_in = 0

    def process(self, rgb_HWC: np.ndarray) -> SimpleNamespace:
        self.threads.add(threading.get_ident())
        box = SimpleNamespace(xmin=0.25, ymin=0.25, width=0.5, height=0.5)
        eyes = [SimpleNamespace(x=0.4, y=0.4), SimpleNamespace(x=0.6, y=0.4)]
        where = SimpleNamespace(relative_bounding_box=box, relative_keypoints=eyes)
        score = float(rgb_HWC.mean()) / 255
        return SimpleNamespace(detections=[SimpleNamespace(location_data=where, score=[score])])

    def close(self) -> None:
        self.closed_in = threading.get_ident()


@pytest.fixture
def made():
    return []


@pytest.fixture
def tandem(made):
    def make():
        made.append(Brightness())
        return made[-1]

    return Tandem(make)


def test_two_detectors_find_what_one_finds_each_in_a_thread_of_its_own(tandem, made):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 240, 3), np.uint8)
    alone = [face for region in REGIONS for face in detect_in(Brightness(), rgb, region)]
    for _ in range(3):
        shared = tandem.begin(rgb, REGIONS)()
        assert [(face.box, face.score) for face in shared] == [(face.box, face.score) for face in alone]
    tandem.close()
    here, there = made
    assert here.threads <= {threading.get_ident()} and threading.get_ident() not in there.threads
    assert len(there.threads) <= 1 and here.closed_in == threading.get_ident() != there.closed_in


def test_a_fault_in_the_other_thread_is_told_here(tandem, made, monkeypatch):
    here = threading.get_ident()

    def process(self, rgb_HWC):
        if threading.get_ident() != here:
            raise ZeroDivisionError("a fault")
        waited.wait(10)  # until the other one has had its turn
        return SimpleNamespace(detections=None)

    waited = threading.Event()
    monkeypatch.setattr(Brightness, "process", process)
    finish = tandem.begin(np.zeros((40, 240, 3), np.uint8), REGIONS)
    threading.Timer(0.2, waited.set).start()
    with pytest.raises(ZeroDivisionError, match="a fault"):
        finish()
    tandem.close()
