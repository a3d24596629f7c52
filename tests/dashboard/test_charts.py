import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, HBar, HoverTool, ImageURL, Text

from dashboard.charts import percent, recolour
from dashboard.charts_compare import agreement_chart, agreement_parts, difference_chart, difference_data
from dashboard.charts_figures import (
    cell_keys,
    class_chart,
    confusion_chart,
    confusion_data,
)
from dashboard.charts_look import (
    box_data,
    photo_chart,
    probability_chart,
    probability_data,
    turn_to,
)
from dashboard.theme import DARK, EXPRESSION_COLOURS, LIGHT, blend, contrast, ink_on
from fusion_model.labels import EXPRESSIONS


@pytest.fixture(scope="module")
def figures(asked):
    return {model: asked.figures(model) for model in ("cnn", "fusion")}


def test_every_expression_has_its_own_colour():
    assert set(EXPRESSION_COLOURS) == set(EXPRESSIONS)
    assert len(set(EXPRESSION_COLOURS.values())) == len(EXPRESSIONS)


def test_words_stand_out_in_light_and_dark():
    for colours in (LIGHT, DARK):
        for ink in (colours.text, colours.muted, colours.accent):
            assert contrast(ink, colours.surface) >= 4.5
        for share in np.linspace(0, 1, 30):
            fill = blend(colours.surface, colours.accent, 0.03 + 0.92 * share)
            assert contrast(ink_on(fill, colours), fill) >= 3.9


def test_contrast_is_that_of_the_standard():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_bars_carry_both_models_side_by_side(make_face):
    data = probability_data(make_face(cnn="sad", fusion="happy"))
    assert list(data) == ["fusion", "cnn"]
    for columns in data.values():
        assert columns["label"] == list(EXPRESSIONS)
        assert sum(columns["share"]) == pytest.approx(1)
        assert columns["colour"] == [EXPRESSION_COLOURS[label] for label in EXPRESSIONS]
    fusion_y, cnn_y = (data[model]["y"][0] for model in ("fusion", "cnn"))
    assert fusion_y[0] == cnn_y[0] == "angry" and fusion_y[1] > cnn_y[1]
    assert data["fusion"]["printed"][EXPRESSIONS.index("happy")] == "90 %"


def test_the_fusion_is_solid_and_the_cnn_outlined(make_face):
    plot = probability_chart(make_face(), LIGHT)
    bars = {bar.name: bar.glyph for bar in plot.renderers if isinstance(bar.glyph, HBar)}
    assert bars["fusion"].fill_alpha == 1 and bars["cnn"].fill_alpha == 0
    assert plot.select_one(HoverTool) is not None and plot.toolbar.autohide


def test_a_chart_takes_the_colours_of_another_page(make_face):
    plot, dark = probability_chart(make_face(), LIGHT), probability_chart(make_face(), DARK)
    recolour(plot, DARK)
    inks = [
        [item.glyph.text_color for item in made.renderers if isinstance(item.glyph, Text)]
        for made in (plot, dark)
    ]
    assert inks[0] == inks[1] == [DARK.muted, DARK.text]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_bars_of_several_models_neither_overlap_nor_leave_their_row(make_face, count):
    face = make_face()
    names = ["cnn", "fusion", "mobilenet_v2", "resnet50", "inception_v3"][:count]
    face = dataclasses.replace(face, models=dict.fromkeys(names, face.models["cnn"]))
    plot = probability_chart(face, LIGHT)
    bars = [bar for bar in plot.renderers if isinstance(bar.glyph, HBar)]
    assert [bar.name for bar in bars] == names
    places = sorted(bar.data_source.data["y"][0][1] for bar in bars)
    thickness = bars[0].glyph.height
    assert places[0] - thickness / 2 > -0.5 and places[-1] + thickness / 2 < 0.5
    assert all(later - earlier >= thickness for earlier, later in pairwise(places))
    # The last in order is on top; a number of 11 px can stand beside every bar.
    assert bars[-1].data_source.data["y"][0][1] == places[-1]
    assert all((later - earlier) * plot.height / 7 >= 11 for earlier, later in pairwise(places))
    looks = {(bar.glyph.fill_alpha, bar.glyph.hatch_pattern) for bar in bars}
    assert len(looks) == count


def test_boxes_lie_on_the_faces_and_mark_the_chosen_one(make_answer, make_face):
    prediction = make_answer(
        make_face((10, 20, 80, 100)), make_face((200, 0, 40, 40), fusion="sad")
    ).prediction
    rows = box_data(prediction, selected=1)
    assert (rows["x"][0], rows["y"][0], rows["w"][0], rows["h"][0]) == (50, 70, 80, 100)
    assert rows["number"] == ["1", "2"] and rows["looks"][1] == "sad (90 %)"
    assert rows["line_width"][1] > rows["line_width"][0] and rows["colour"][1] == EXPRESSION_COLOURS["sad"]
    assert all(top > 0 for top in rows["top"])


def test_the_photo_keeps_its_shape_and_leaves_with_its_answer(make_answer, make_face):
    prediction = make_answer(make_face()).prediction
    source, picture = ColumnDataSource(), ColumnDataSource()
    plot = photo_chart(source, picture, LIGHT)
    (image,) = (item for item in plot.renderers if isinstance(item.glyph, ImageURL))
    assert image.data_source is picture and source.data.keys() == box_data(prediction, 0).keys()
    for width, height in ((400, 300), (300, 900)):
        other = dataclasses.replace(prediction, width=width, height=height)
        turn_to(plot, picture, b"jpeg", other)
        assert (plot.width, plot.height) == (width, height)
        assert (plot.x_range.end, plot.y_range.start, plot.y_range.end) == (width, height, 0)
        assert (plot.x_range.reset_end, plot.y_range.reset_start) == (width, height)
        assert picture.data["url"] == ["data:image/jpeg;base64,anBlZw=="] and picture.data["h"] == [height]
    turn_to(plot, picture, b"", None)
    assert not any(picture.data.values()) and not any(box_data(None, 0).values())


@pytest.mark.parametrize("measure", ["precision", "recall", "f1"])
def test_class_bars_show_the_figures(figures, measure):
    plot = class_chart(figures["fusion"], measure, LIGHT)
    data = next(item for item in plot.renderers if isinstance(item.glyph, HBar)).data_source.data
    assert data["value"] == [getattr(item, measure).value for item in figures["fusion"].classes]
    assert all(
        low <= value <= high
        for low, value, high in zip(data["low"], data["value"], data["high"], strict=True)
    )


def test_cells_add_up_to_the_rows(figures):
    data = confusion_data(figures["cnn"], cells="count", colours=LIGHT)
    assert sum(data["count"]) == figures["cnn"].n == 200
    by_share = confusion_data(figures["cnn"], cells="row", colours=DARK)
    first_row = [float(text) for text in by_share["printed"][: len(EXPRESSIONS)]]
    assert sum(first_row) == pytest.approx(100, abs=4)
    by_column = confusion_data(figures["cnn"], cells="column", colours=LIGHT)
    first_column = [float(text) for text in by_column["printed"][:: len(EXPRESSIONS)]]
    assert sum(first_column) == pytest.approx(100, abs=4)
    assert by_share["truth"][:7] == ["angry"] * 7 and by_share["answer"][:7] == list(EXPRESSIONS)


def test_a_difference_of_two_matrices_adds_up_to_nothing(figures):
    data = confusion_data(figures["fusion"], cells="count", colours=LIGHT, minus=figures["cnn"])
    assert sum(int(text.replace("−", "-")) for text in data["printed"]) == 0
    signs = [np.sign(int(text.replace("−", "-"))) for text in data["printed"]]
    assert signs == [np.sign(weight) for weight in data["weight"]]


def test_a_click_on_a_cell_tells_which(figures):
    plot = confusion_chart(figures["cnn"], colours=LIGHT)
    keys = cell_keys(plot)
    assert len(keys) == 49 and set(keys) >= {"cell:angry:sad", "cell:neutral:neutral"}


def test_a_chart_is_made_of_each(figures, asked):
    pair = asked.comparison("cnn", "fusion")
    assert confusion_chart(figures["cnn"], cells="row", colours=DARK).renderers
    assert difference_chart(figures["cnn"], figures["fusion"], "f1", LIGHT).renderers
    assert agreement_chart(pair, DARK).renderers
    assert sum(count for _, count, _ in agreement_parts(pair, LIGHT)) == pair.n


def test_differences_are_second_minus_first(figures):
    data = difference_data(figures["cnn"], figures["fusion"], "recall")
    change = figures["fusion"].classes[0].recall.value - figures["cnn"].classes[0].recall.value
    assert data["printed"][0] == f"{change * 100:+.1f}".replace("-", "−")


def test_what_is_undefined_is_a_dash():
    assert percent(float("nan")) == "–" and percent(0.934) == "93 %" and percent(0.934, 1) == "93.4 %"
