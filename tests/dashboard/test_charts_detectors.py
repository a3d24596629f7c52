"""Charts of face detectors draw the counts that they are given."""

import math

import numpy as np
import pytest
from bokeh.models import Line, Scatter, Text

from dashboard.charts_detectors import detectors_chart, threshold_chart
from dashboard.theme import LIGHT
from fusion_model.detector_figures import DetectorFigures


def detector(name: str, chosen: int = 1) -> DetectorFigures:
    """Of 100 faces 80, 60, 0 are found, with 40, 0, 0 detections that are none."""
    return DetectorFigures(
        detector=name,
        data="all scenes",
        pictures=30,
        faces=100,
        empty=10,
        threshold_T=np.array([0.5, 0.6, 0.7]),
        hits_T=np.array([80, 60, 0]),
        detections_T=np.array([120, 60, 0]),
        alarms_T=np.array([4, 1, 0]),
        chosen=chosen,
        milliseconds=math.nan,
    )


def test_figures_are_those_worked_out_by_hand():
    found = detector("one")
    np.testing.assert_allclose(found.precision_T, [80 / 120, 1, np.nan])
    np.testing.assert_allclose(found.recall_T, [0.8, 0.6, 0])
    np.testing.assert_allclose(found.f1_T, [160 / 220, 120 / 160, 0])
    assert found.recall().value == 0.6 and found.alarms().value == pytest.approx(0.1)
    # Wilson's interval of 60 of 100, by hand.
    assert (found.recall().low, found.recall().high) == pytest.approx((0.5020, 0.6906), abs=1e-4)


def test_every_detector_has_a_line_and_a_mark_at_its_chosen_threshold():
    plot = detectors_chart([detector("one"), detector("two", 0)], {"two": "dashed"}, LIGHT)
    lines = [item for item in plot.renderers if isinstance(item.glyph, Line)]
    assert len(lines) == 2
    # Where nothing is found there is no precision, and no point.
    assert all(len(item.data_source.data["x"]) == 2 for item in lines)
    (marks,) = [item for item in plot.renderers if isinstance(item.glyph, Scatter)]
    assert list(marks.data_source.data["x"]) == [0.6, 0.8]
    assert list(marks.data_source.data["y"]) == pytest.approx([1, 80 / 120])
    assert marks.data_source.data["colour"] == [LIGHT.muted, LIGHT.accent]
    names = [item.data_source.data["text"][0] for item in plot.renderers if isinstance(item.glyph, Text)]
    assert names == ["one", "two"]


def test_the_thresholds_chart_has_precision_recall_and_f1():
    plot = threshold_chart(detector("one"), LIGHT)
    lines = [item for item in plot.renderers if isinstance(item.glyph, Line)]
    assert [len(item.data_source.data["x"]) for item in lines] == [2, 3, 3]
    names = [item.data_source.data["text"][0] for item in plot.renderers if isinstance(item.glyph, Text)]
    assert names == ["precision", "recall", "F1"]
    assert plot.x_range.start == 0.5 and plot.y_range.end > 1
