"""From measured curves to thresholds and warnings, by the rule of docs/decisions/0018."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusion_model.catalogue import ASSETS
from fusion_model.face_measures import FaceMeasures, HeadPose
from fusion_model.prediction_table import of_split, read_table
from fusion_model.trust import (
    KINDS,
    LOWER_IS_WORSE,
    TRUST,
    Doubt,
    Effect,
    Trust,
    TrustError,
    read_trust,
    write_trust,
)

GOOD = FaceMeasures(HeadPose(3, 0, 0), 120.0, 50.0, 0.8, 200.0, 0.0, 0.1)
NAN = math.nan


def effect(kind: str, value: float, right: int, *, usual: float = NAN, **changes) -> Effect:
    made = Effect(kind, float(value), float(value), float(usual), "cnn", "PublicTest", 100, right, 100, 70)
    return replace(made, **changes)


@pytest.fixture
def trust() -> Trust:
    return Trust(
        (
            effect("small", 36, 69, usual=30),
            effect("small", 22, 64, usual=30),
            effect("small", 13, 40, usual=30),
            effect("dark", 40, 66, usual=20),
            effect("dark", 10, 50, usual=20),
            effect("turned", 10, 60),
            effect("turned", 20, 68),
            effect("turned", 30, 55),
            effect("turned", 30, 61, split="PrivateTest"),
            effect("turned", 40, 50),
            effect("blurred", 0.3, 68, usual=0.4),
            effect("no mesh", NAN, 60),
            effect("no mesh", NAN, 66, split="PrivateTest"),
        )
    )


def test_a_threshold_is_the_mildest_strength_from_which_on_five_points_are_lost(trust: Trust) -> None:
    # Small: 36 px cost one point. Turned: 10 degrees cost ten, but 20 cost two, so 10 is chance.
    # Blurred: two points at the worst, so it is never warned of.
    assert trust.thresholds == {"small": 22, "dark": 10, "turned": 30}


def test_no_threshold_warns_of_more_than_a_twentieth_of_the_pictures_as_they_are(trust: Trust) -> None:
    capped = Trust(tuple(replace(item, usual=18) if item.kind == "small" else item for item in trust.effects))
    assert capped.thresholds["small"] == 18


def test_losses_are_averaged_over_models(trust: Trust) -> None:
    # Measured on other pictures, so the median is another; the strength is the same.
    better = replace(effect("small", 22, 70, usual=30), model="fusion", measured=22.4)
    worse = replace(effect("small", 13, 60, usual=30), model="fusion")
    assert Trust((*trust.effects, better, worse)).thresholds["small"] == 13


def test_what_is_beyond_its_threshold_is_warned_of(trust: Trust) -> None:
    def kinds(mesh_found: bool = True, **changes: object) -> list[str]:
        return [item.kind for item in trust.doubts(replace(GOOD, **changes), mesh_found=mesh_found)]

    assert kinds() == []
    assert kinds(size=21.0, brightness=5.0, sharpness=0.01) == ["small", "dark"]
    assert kinds(pose=HeadPose(-31, 0, 0)) == kinds(pose=HeadPose(31, 0, 0)) == ["turned"]
    assert kinds(mesh_found=False, pose=None) == ["no mesh"]
    assert trust.doubts(None, mesh_found=True) == ()
    assert Trust(()).doubts(replace(GOOD, size=1.0), mesh_found=False) == ()


def test_one_cause_is_told_once() -> None:
    curves = [("small", 20, 30), ("blurred", 0.3, 0.4), ("edge", 0.3, 0.2), ("covered", 0.4, 0.2)]
    trust = Trust(tuple(effect(kind, value, 10, usual=usual) for kind, value, usual in curves))

    def kinds(**changes: float) -> list[str]:
        return [item.kind for item in trust.doubts(replace(GOOD, **changes), mesh_found=True)]

    assert kinds(plain=0.6) == ["covered"] and kinds(plain=0.6, sharpness=0.1) == ["blurred"]
    assert kinds(plain=0.6, sharpness=0.1, size=10.0) == ["small"]
    assert kinds(plain=0.6, outside=0.5) == ["edge"]


def test_an_effect_is_of_the_nearest_strength_the_model_asked_and_private_test(trust: Trust) -> None:
    assert trust.effect(Doubt("small", 14, 22), ["cnn"]) == effect("small", 13, 40, usual=30)
    turned = trust.effect(Doubt("turned", 39, 30), ["cnn"])
    assert turned is not None and (turned.split, turned.right) == ("PrivateTest", 61)
    missing = trust.effect(Doubt("no mesh", NAN, NAN), ["unknown", "cnn"])
    assert missing is not None and missing.model == "cnn" and missing.right == 66
    assert trust.effect(Doubt("edge", 0.5, 0.3), ["cnn"]) is None


def test_effects_are_read_as_they_were_written(trust: Trust, tmp_path: Path) -> None:
    write_trust(trust.effects, tmp_path / "t.csv")
    assert repr(read_trust(tmp_path / "t.csv")) == repr(trust)
    (tmp_path / "t.csv").write_text("kind,strength\nsmall,x\n")
    with pytest.raises(TrustError, match=r"training\.trust"):
        read_trust(tmp_path / "t.csv")
    with pytest.raises(TrustError):
        read_trust(tmp_path / "none.csv")


def test_the_slices_of_the_file_are_those_of_the_table() -> None:
    table = read_table(ASSETS / "fer2013_predictions.csv.gz")
    checked = 0
    for item in read_trust(TRUST).effects:
        if item.model not in table.models or item.kind not in ("turned", "no mesh"):
            continue
        rows = of_split(table, item.split)
        mesh_N = rows.frame["mesh_found"].to_numpy() == 1
        yaw_N = rows.frame["yaw"].abs().to_numpy(float)
        chosen_N = ~mesh_N if item.kind == "no mesh" else mesh_N & (yaw_N >= item.strength)
        right_N = rows.predicted(item.model) == rows.truth()
        assert (item.n, item.right) == (chosen_N.sum(), right_N[chosen_N].sum())
        assert (item.plain_n, item.plain_right) == (len(rows), right_N.sum())
        checked += 1
    assert checked


def test_every_trouble_is_measured_and_greater_strengths_measure_worse() -> None:
    effects = read_trust(TRUST).effects
    assert {item.kind for item in effects} == set(KINDS)
    public = [item for item in effects if item.model == "fusion" and item.split == "PublicTest"]
    for kind, falling in LOWER_IS_WORSE.items():
        of_kind = [item.measured for item in public if item.kind == kind]
        assert (np.diff(of_kind) < 0).all() if falling else (np.diff(of_kind) > 0).all()
