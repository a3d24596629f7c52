import numpy as np
import pytest
from bokeh.models import Scatter

from dashboard.charts_curves import coverage_chart, reliability_chart, reliability_data, risk_chart, roc_chart
from dashboard.charts_groups import dots_chart
from dashboard.theme import DARK, LIGHT
from fusion_model.bootstrap import Interval
from fusion_model.conformal import conformal_figures
from fusion_model.curves import class_curves, reliability, risk_coverage

NONE = Interval(np.nan, np.nan, np.nan)


def dots(plot):
    return [item for item in plot.renderers if isinstance(item.glyph, Scatter)]


def test_a_group_without_a_figure_has_no_dot_and_small_ones_are_grey():
    by_model = {
        "fusion": ([Interval(0.7, 0.6, 0.8), NONE], [40, 0]),
        "cnn": ([Interval(0.6, 0.5, 0.7), Interval(0.5, 0.1, 0.9)], [40, 5]),
    }
    plot = dots_chart(["x", "y"], by_model, LIGHT, quiet=frozenset({"y"}))
    fusion, cnn = dots(plot)
    assert np.isnan(fusion.data_source.data["value"][1]) and fusion.data_source.data["printed"] == [
        "70.0",
        "–",
    ]
    colours = cnn.data_source.data["colour"]
    assert colours[0] == LIGHT.accent != colours[1]
    assert cnn.glyph.fill_color == LIGHT.surface and fusion.glyph.fill_color == "colour"


@pytest.mark.parametrize(("low", "signed"), [(-0.3, True), (-0.2, False), (0.1, False)])
def test_every_whisker_is_inside_the_axis(low, signed):
    plot = dots_chart(["x"], {"m": ([Interval(0.3, low, 0.99)], [50])}, DARK, signed=signed)
    assert plot.x_range.start < low and plot.x_range.end > 0.99
    assert all(tick <= 1.02 for tick in plot.xaxis[0].ticker.ticks)


def test_charts_of_probabilities_hold_their_figures():
    draw = np.random.default_rng(2)
    p_NK = draw.dirichlet(np.ones(3), 300)
    truth_N = draw.integers(0, 3, 300)
    right_N, confidence_N = p_NK.argmax(axis=1) == truth_N, p_NK.max(axis=1)
    bins = reliability(confidence_N, right_N)
    data = reliability_data(bins)
    assert sum(data["count"]) == 300 and len(data["x"]) == np.count_nonzero(bins.count_B)
    assert len(dots(reliability_chart(bins, LIGHT))) == 1
    risk = risk_chart({"cnn": risk_coverage(confidence_N, right_N)}, {"cnn"}, LIGHT)
    assert risk.y_range.end >= 1 - right_N.mean()
    labels = ("a", "b", "c")
    assert len(roc_chart(class_curves(truth_N, p_NK, labels), LIGHT).renderers) == 4
    sets = conformal_figures(p_NK > 0.1, truth_N, labels, 0.9)
    assert dots(coverage_chart(sets, DARK))[0].data_source.data["support"] == [
        int((truth_N == code).sum()) for code in range(3)
    ]
