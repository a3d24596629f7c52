import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figure_state import ADDRESS, AGREEMENTS, CELLS, SECTIONS, FilterState, LensState
from dashboard.record import FER2013, LONDON, Record
from dashboard.shelf import ALL, OWN, Shelf
from fusion_model.filters import MESH_CHOICES, Rule

texts = st.text(max_size=20)
states = st.fixed_dictionaries(
    {
        **dict.fromkeys(("data", "split", "rules", "model", "first", "against", "measure", "group"), texts),
        "without_copies": st.booleans(),
        "mirrored": st.booleans(),
        "mesh": st.sampled_from(MESH_CHOICES),
        "agreement": st.sampled_from(AGREEMENTS),
        "section": st.sampled_from(SECTIONS),
        "cells": st.sampled_from(CELLS),
    }
)


@given(states)
def test_a_state_comes_back_from_its_address(values):
    state, again = FilterState(**values), FilterState()
    again.from_query(state.to_query())
    for name in ADDRESS:
        assert getattr(again, name) == getattr(state, name)


@given(st.dictionaries(st.sampled_from([*ADDRESS.values(), "other"]), texts))
def test_any_address_is_a_state(query):
    FilterState().from_query(query)


def test_an_untouched_state_has_an_empty_address():
    assert FilterState().to_query() == {}


def test_rules_are_added_replaced_and_dropped():
    state = FilterState()
    state.add_rule(Rule("yaw", -10, 10))
    state.add_rule(Rule("gender", values=("male",)))
    state.add_rule(Rule("yaw", high=5))
    assert state.slices == (Rule("gender", values=("male",)), Rule("yaw", high=5))
    state.drop_rule("gender")
    assert state.slices == (Rule("yaw", high=5),)
    state.widen()
    assert state.rules == ""


def test_picking_starts_from_the_first_row():
    state = FilterState(place=30)
    state.pick("cell:a:b")
    assert (state.picked, state.place) == ("cell:a:b", 0)


@pytest.fixture(scope="module")
def shelf(table_files):
    return Shelf(Record(*table_files))


def test_what_is_not_there_is_read_as_the_first_that_is(shelf):
    view = shelf.view(FilterState(data="nothing", split="nowhere", model="none", rules="height:1..2"))
    assert (view.data, view.split, view.model, view.first) == (FER2013, "PrivateTest", "fusion", "cnn")
    assert len(view.rows) == len(view.whole) == 200 and view.what == "200 pictures"


def test_the_view_is_what_the_filters_leave(shelf):
    view = shelf.view(FilterState(split=ALL, without_copies=True))
    assert view.split == "" and view.what == "270 of 300 pictures"
    london = shelf.view(FilterState(data=LONDON, rules="gender:male;age:20..30"))
    frame = london.rows.table.frame
    assert len(london.rows) == len(frame.query("gender == 'male' and 20 <= age <= 30"))
    assert london.sets(shelf.record, 0.9) is None


def test_ones_own_table_comes_and_goes(shelf):
    shelf.take(shelf.record.rows(FER2013, True), "mine.csv")
    assert shelf.view(FilterState(data=OWN)).title == "mine.csv"
    shelf.forget()
    assert shelf.view(FilterState(data=OWN)).data == FER2013


def test_the_page_has_both_states():
    assert isinstance(LensState(page="fairness").filters, FilterState)
