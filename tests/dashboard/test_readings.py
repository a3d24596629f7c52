"""Sentences say what the figures say, and no more."""

import numpy as np
import pytest

from dashboard.blocks import Block, Table
from dashboard.readings import (
    group_reading,
    mistakes,
    narrowing_reading,
    points_span,
    rater_reading,
    reliability_reading,
    rule_text,
    span,
)
from fusion_model.bootstrap import Interval
from fusion_model.curves import reliability
from fusion_model.filters import Rule
from fusion_model.group_figures import GroupFigure, GroupReport
from fusion_model.measures import measures

NONE = Interval(np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Interval(-0.05, -0.08, -0.02), "Fusion narrows the gap of CNN"),
        (Interval(0.05, 0.02, 0.08), "Fusion widens the gap of CNN"),
        (Interval(-0.01, -0.03, 0.01), "cannot be told"),
        (NONE, "no gap to compare"),
    ],
)
def test_a_gap_is_narrowed_only_where_the_interval_says_so(change, words):
    assert words in narrowing_reading("cnn", "fusion", change)


def report(p: float, lowest: str = "male") -> GroupReport:
    groups = (
        GroupFigure("female", 98, 49, Interval(0.9, 0.8, 0.95), True, 0.01),
        GroupFigure("male", 106, 53, Interval(0.7, 0.6, 0.8), True, 0.01),
    )
    gap, ratio = Interval(0.2, 0.1, 0.3), Interval(0.78, 0.7, 0.9)
    measure = measures(("a", "b"))[0]
    return GroupReport(
        "cnn", measure, groups, Interval(0.8, 0.7, 0.9), "female", lowest, gap, ratio, by_chance=0.04, p=p
    )


def test_groups_are_ranked_and_held_against_chance():
    said = group_reading(report(0.003))
    assert "highest for female (90.0 %)" in said and "lowest for male (70.0 %)" in said
    assert "20.0 points apart" in said and "is more than chance (p = .003)" in said
    assert "can well be chance" in group_reading(report(0.4))
    assert "drawn by lot" not in group_reading(report(float("nan")))
    assert "not ranked" in group_reading(report(0.1, lowest=""))


def test_promises_are_too_much_too_little_or_held():
    sure, right = np.full(100, 0.9), np.arange(100) < 60
    assert "30.0 points too much" in reliability_reading("cnn", reliability(sure, right))
    assert "30.0 points too little" in reliability_reading("cnn", reliability(sure - 0.6, right))
    assert "about what it holds" in reliability_reading("cnn", reliability(sure - 0.3, right))


def test_a_model_is_below_level_with_or_above_a_tagger():
    score = Interval(0.77, 0.75, 0.79)
    for tagger, words in ((0.83, "below"), (0.78, "level with"), (0.7, "above")):
        assert f"The model is {words} a single person" in rater_reading("cnn", score, tagger, 100)


def test_mistakes_are_sorted_by_their_share_and_few_pictures_come_last(asked):
    found = mistakes(asked.figures("cnn"), most=50)
    shares = [count / total for _, _, count, total in found if count >= 5]
    assert shares == sorted(shares, reverse=True)
    assert [count >= 5 for *_, count, _ in found] == sorted((c >= 5 for *_, c, _ in found), reverse=True)


def test_what_is_undefined_is_a_dash():
    assert span(NONE) == points_span(NONE) == "–"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule("eye_distance", 1, 2.5), "eye distance 1 to 2.5"),
        (Rule("yaw", low=3), "yaw from 3"),
        (Rule("yaw", high=3), "yaw up to 3"),
        (Rule("gender", values=("a", "b")), "gender: a, b"),
    ],
)
def test_rules_are_told(rule, text):
    assert rule_text(rule) == text


def test_a_block_escapes_what_it_says_and_its_table_saves_itself():
    table = Table("A <b>", ["x", "y"], [["<i>", "1,5"]])
    block = Block("<T>", "one <a>\ntwo 5 %", tables=(table,), note="<n>")
    made = block.heading() + block.ending()
    assert (
        not any(tag in made for tag in ("<T>", "<a>", "<i>", "<n>"))
        and made.count('class="quiet reading"') == 2
    )
    assert table.csv() == 'x,y\n<i>,"1,5"\n' and 'download="a--b-.csv"' in made
