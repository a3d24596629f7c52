"""The study over seeds, in short: against the study's own result files, and without them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion_model.prediction_table import read_table
from fusion_model.seeds import SEEDS_TABLE, read_seeds

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "landmark_answers.csv.gz"


def test_the_file_says_what_the_answers_of_the_study_say() -> None:
    study = read_seeds()
    assert study is not None
    table = read_table(SEEDS_TABLE.with_name("fer2013_predictions.csv.gz"))
    frame = table.frame.assign(truth=table.truth()).merge(pd.read_csv(RESULTS), on="row")
    frame = frame[frame["split"] == "PrivateTest"]
    assert study.n == len(frame)
    for arm, accuracy_S in study.accuracy.items():
        right = [(frame[f"{arm}_{seed}"] == frame["truth"]).mean() for seed in study.seeds]
        np.testing.assert_allclose(accuracy_S, right)
    assert len(study.seeds) >= 5 and (study.p > 0).all()


def test_the_gain_is_fusion_minus_the_cnn(tmp_path: Path) -> None:
    arms = ("cnn", "fusion", "landmarks", "shuffled", "wider", "fusion_without_mesh")
    rows = [
        {"seed": 1, "n": 10, **dict.fromkeys(arms, 5), "fusion": 7, "mcnemar_p": 0.5},
        {"seed": 2, "n": 10, **dict.fromkeys(arms, 6), "fusion": 5, "mcnemar_p": 0.25},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "seeds.csv", index=False)
    study = read_seeds(tmp_path / "seeds.csv")
    assert study is not None and study.seeds == (1, 2)
    assert study.gains == pytest.approx([0.2, -0.1])


def test_without_the_file_there_is_no_study(tmp_path: Path) -> None:
    assert read_seeds(tmp_path / "seeds.csv") is None
