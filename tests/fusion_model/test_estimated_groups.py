"""Files of estimated groups: read, joined, and refused where they do not belong together."""

import json

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from fusion_model.estimated_groups import ERRORS, ESTIMATES, EstimatesError, read_estimates
from fusion_model.evaluation_report import TABLE
from fusion_model.grouping import groups_of
from fusion_model.prediction_table import read_table, table_from_frame
from fusion_model.rows import Rows

COUNTS = [[80, 20, 0], [10, 70, 20], [0, 30, 70]]


def written(folder, rows=(3, 5, 7), groups=("est. old", "est. young", None), **errors):
    """Two files of a grouping 'age': young, middle, old."""
    told = {"title": "age band", "names": ["young", "middle", "old"], "counts": COUNTS, "ece": 0.03, **errors}
    (folder / "errors.json").write_text(json.dumps({"groupings": {"age": told}}), encoding="utf-8")
    frame = pd.DataFrame({"row": rows, "estimated_age": groups, "estimated_age_probability": 0.7})
    frame.to_csv(folder / "estimates.csv", index=False)
    return folder / "estimates.csv", folder / "errors.json"


def table(rows=(7, 3, 4, 5)):
    frame = {"row": rows, "split": "PrivateTest", "label": "no", "mesh_found": 1, "copy_in_training": 0}
    return table_from_frame(pd.DataFrame(frame | {"cnn_yes": 0.25, "cnn_no": 0.75}), ("yes", "no"))


def test_error_rates_are_shares_of_each_labelled_group_with_wilsons_intervals(tmp_path):
    grouping = read_estimates(*written(tmp_path)).groupings["estimated_age"]
    assert grouping.title == "estimated age band"
    assert grouping.names == ("est. young", "est. middle", "est. old")
    assert grouping.rates_GG[1] == pytest.approx([0.1, 0.7, 0.2])
    assert grouping.accuracy.value == pytest.approx(220 / 300)
    assert grouping.balanced == pytest.approx((0.8 + 0.7 + 0.7) / 3)
    low, high = proportion_confint(80, 100, method="wilson")
    assert (grouping.recalls[0].low, grouping.recalls[0].high) == pytest.approx((low, high))


def test_estimates_are_joined_by_row_and_keep_the_order_of_the_groups(tmp_path):
    joined = read_estimates(*written(tmp_path)).joined(table())
    assert joined.frame["estimated_age"].astype(object).where(lambda s: s.notna(), "").tolist() == [
        "",
        "est. old",
        "",
        "est. young",
    ]
    groups = groups_of(Rows.of(joined), "estimated_age")
    assert groups.names == ("est. young", "est. old", "not known")  # not by the alphabet
    assert groups.codes_N.tolist() == [2, 1, 2, 0]
    assert "estimated_age" not in table().frame  # the table itself stays as it was


def test_estimates_of_other_pictures_are_not_joined(tmp_path):
    with pytest.raises(EstimatesError, match="other pictures"):
        read_estimates(*written(tmp_path)).joined(table(rows=(100, 101, 102, 103)))


def test_without_files_there_are_no_estimates(tmp_path):
    assert read_estimates(tmp_path / "a", tmp_path / "b") is None


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"groups": ("est. old", "est. ancient", None)}, "ancient' is none of the groups"),
        ({"counts": [[1, 2], [3, 4]]}, "no table of 3 groups"),
        ({"counts": [[0, 0, 0], [1, 1, 1], [1, 1, 1]]}, "faces of each"),
        ({"names": None}, "training.estimated_groups"),
    ],
)
def test_files_that_do_not_belong_together_are_told(tmp_path, damage, told):
    with pytest.raises(EstimatesError, match=told):
        read_estimates(*written(tmp_path, **damage))


def test_one_file_without_the_other_is_told(tmp_path):
    estimates, errors = written(tmp_path)
    errors.unlink()
    with pytest.raises(EstimatesError, match="same version"):
        read_estimates(estimates, errors)


def test_the_shipped_estimates_are_of_the_shipped_table_and_of_pictures_with_a_mesh_only():
    shipped = read_estimates()
    assert shipped is not None
    assert set(shipped.groupings) == {"estimated_gender", "estimated_age", "estimated_race"}
    frame = shipped.joined(read_table(TABLE)).frame
    for column, grouping in shipped.groupings.items():
        known_N = frame[column].notna().to_numpy()
        assert np.array_equal(known_N, frame["mesh_found"].to_numpy() == 1)
        # Without information from the picture no estimate is better than chance.
        assert grouping.accuracy.low > grouping.counts_GG.sum(axis=1).max() / grouping.n
        assert grouping.n > 3000
    assert not [path for path in (ESTIMATES.parent).glob("*groups*") if path not in (ESTIMATES, ERRORS)]
