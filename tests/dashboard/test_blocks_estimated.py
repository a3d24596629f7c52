"""Groups that a model estimated: off until chosen, always called estimated, with their error rates."""

import json

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.blocks_estimated import rates_reading
from dashboard.blocks_fairness import fairness, group_columns
from dashboard.figure_state import FilterState, LensState
from dashboard.record import Record
from dashboard.shelf import Shelf
from dashboard.theme import LIGHT
from dashboard.views.fairness import ESTIMATED, FairnessView

GENDER = {
    "title": "gender presentation",
    "names": ["female", "male"],
    "counts": [[450, 50], [60, 440]],
    "ece": 0.02,
    "confidence": {"fairface": 0.9, "fer2013": 0.8},
    "by_certainty": {"surer half": {"n": 500, "right": 460}, "less sure half": {"n": 500, "right": 430}},
    "london": {"n": 100, "right": 91},
}
AGE = {"title": "age band", "names": ["young", "middle", "old"], "counts": [[40, 30, 30]] * 3, "ece": 0.1}


@pytest.fixture(scope="module")
def record(table_files, tmp_path_factory) -> Record:
    """The 300 made-up rows, ten of them without an estimate; ages are estimated by lot."""
    folder = tmp_path_factory.mktemp("estimates")
    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"row": np.arange(290)})
    for name, values in (("gender", GENDER), ("age", AGE)):
        frame[f"estimated_{name}"] = [f"est. {draw.choice(values['names'])}" for _ in range(290)]
        frame[f"estimated_{name}_probability"] = 0.8
    frame.to_csv(folder / "estimates.csv", index=False)
    told = {"groupings": {"gender": GENDER, "age": AGE}}
    (folder / "errors.json").write_text(json.dumps(told), encoding="utf-8")
    return Record(*table_files, estimates=folder / "estimates.csv", errors=folder / "errors.json")


def texts(view) -> str:
    return " ".join(str(part.object) for part in view.__panel__().select(pn.pane.HTML))


def shown(record, **state):
    filters = FilterState(estimated=True, **{"group": "estimated_gender", **state})
    return fairness(Shelf(record).view(filters), filters, LIGHT)


def switch_of(view):
    return view.__panel__().select(lambda part: getattr(part, "label", "") == ESTIMATED)[0]


def test_estimated_groups_are_off_until_chosen_and_go_with_the_switch(record):
    state = LensState(page="fairness")
    view = FairnessView(state, Shelf(record))
    assert "never sees a photo or a camera picture" in texts(view)
    assert "est. " not in texts(view) and not switch_of(view).value
    switch_of(view).value = True
    assert state.filters.to_query() == {"group": "estimated_gender", "estimated": "yes"}
    assert "Accuracy by estimated gender presentation" in texts(view) and "est. female" in texts(view)
    options = next(s for s in view.__panel__().select(pmui.Select) if s.label == "Groups by").options
    assert options["estimated age band"] == "estimated_age"
    switch_of(view).value = False
    assert state.filters.to_query() == {} and "est. " not in texts(view)


def test_an_address_turns_them_on_and_other_data_have_none(record):
    state = LensState(page="fairness")
    state.filters.from_query({"estimated": "yes", "group": "estimated_age"})
    view = FairnessView(state, Shelf(record))
    assert switch_of(view).value and "Accuracy by estimated age band" in texts(view)
    state.filters.data = "london"
    assert "est. " not in texts(view) and not view._estimated.visible


def test_an_address_alone_does_not_name_them(record):
    off = FilterState(group="estimated_gender")
    view = Shelf(record).view(off)
    assert view.has_estimates and not view.estimated
    assert not [name for name in group_columns(view) if name.startswith("estimated")]
    assert "estimated_gender" not in view.rows.table.frame


def test_no_slice_can_be_made_of_an_estimate(record):
    view = Shelf(record).view(FilterState(estimated=True, rules="estimated_gender:est. male"))
    assert len(view.rows) == len(view.whole)
    assert not [column.name for column in view.columns if column.name.startswith("estimated")]


def test_every_title_table_and_group_says_that_it_is_estimated(record):
    for state in ({}, {"cross": "estimated_age"}, {"cross": "label"}):
        blocks = shown(record, **state)
        for block in blocks:
            assert "stimated" in block.title + block.before
            assert not block.picks  # of many pictures, never of one
            for chart in block.charts:
                names = chart.plot.y_range.factors
                assert "estimated" in block.title and names
            for table in block.tables:
                assert "estimated" in table.caption
        by_group = next(block for block in blocks if block.title.startswith("Accuracy by"))
        assert all(row[0].startswith("est. ") for row in by_group.tables[0].rows[:-1])
        assert "estimated" in by_group.charts[0].plot.xaxis[0].axis_label


def test_error_rates_stand_first_and_pictures_without_an_estimate_are_left_out(record):
    first, *others = shown(record)
    assert "right for 89.0 % (95 %: 86.9 to 90.8) of 1,000 labelled faces" in first.reading
    assert "least often for est. male (88 %)" in first.reading
    assert "100 people said of themselves for 91" in first.reading
    assert "it errs 1.8 times as often as on the other" in first.reading
    assert "Error rates of estimated gender presentation, measured on FairFace" in first.after
    assert "<td>90.0 % (95 %: 87.1 to 92.3)</td>" in first.after
    assert "have no estimate and are left out here: 10" in first.note
    assert next(block for block in others if block.tables).tables[0].rows[-1][1] == "190"


def test_what_errors_do_is_told_in_sentence_chart_and_tables(record):
    block = next(item for item in shown(record) if item.title.startswith("What the classifier's errors do"))
    assert "by the estimates" in block.reading and "when corrected" in block.reading
    assert block.charts[0].plot.y_range.factors[-1] == "as estimated"
    gaps, *by_model = block.tables
    assert [row[0] for row in gaps.rows][1] == "errors as often as measured" and len(by_model) == 2
    assert len(block.charts[0].plot.y_range.factors) == 6


def test_estimates_by_lot_correct_nothing(record):
    block = next(item for item in shown(record, group="estimated_age") if item.title.startswith("What the"))
    assert "The estimates say too little for a correction" in block.reading
    assert block.tables[0].rows[1][1] == "–"


def test_crossed_groups_are_not_corrected(record):
    assert not [block for block in shown(record, cross="label") if block.title.startswith("What the")]


def test_a_grouping_measured_only_on_its_labels_is_told_without_the_rest(record):
    told = rates_reading(record.estimates().groupings["estimated_age"])
    assert "London" not in told and "FER-2013" not in told and "errs" not in told


def test_the_report_has_them_with_their_error_rates(record):
    state = LensState(page="fairness")
    view = FairnessView(state, Shelf(record))
    switch_of(view).value = True
    page = view._report().getvalue().decode()
    assert "Error rates of estimated gender presentation" in page and "Gaps by estimated gender" in page
