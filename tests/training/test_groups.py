"""The classifier of groups: what it sees of FairFace and FER-2013, how it is trained, what is kept of it."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion_model.checkpoint import ASSETS, available_models, load_checkpoint
from fusion_model.estimated_groups import read_estimates
from training import estimated_groups, groups
from training.fairface import AGES, GENDERS, JOINT, RACES, WINDOW, WINDOW_X, WINDOW_Y, closer, read_fairface
from training.fairface import windowed as windowed_
from training.group_measures import KINDS, figures, temperatures
from training.group_network import GroupsHead, begun_from_cnn
from training.loop import Run
from training.samples import DataError

from .conftest import TinyFer

TRAIN, VALIDATION = 32, 18


@pytest.fixture(scope="session")
def fairface(face_crops: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty faces cut as FairFace cuts them; the first training face is the last validation face again."""
    inside = face_crops[:, WINDOW_Y : WINDOW_Y + WINDOW, WINDOW_X : WINDOW_X + WINDOW]
    inside = np.concatenate([inside, inside[:, :, ::-1]])[: TRAIN + VALIDATION]
    pictures = [cv2.resize(picture, (64, 64)) for picture in inside]
    pictures[0] = pictures[-1]
    files = [cv2.imencode(".jpg", picture)[1].ravel() for picture in pictures]
    twice = np.zeros(len(files), bool)
    twice[[0, -1]] = True
    path = tmp_path_factory.mktemp("fairface") / "fairface.npz"
    number_N = np.arange(len(files))
    np.savez(
        path,
        jpeg=np.concatenate(files),
        offsets=np.cumsum([0, *map(len, files)]),
        age=np.array(AGES)[number_N % len(AGES)],
        gender=np.array(GENDERS)[number_N % 2],
        race=np.array(RACES)[number_N % len(RACES)],
        split=np.where(number_N < TRAIN, "train", "val"),
        exact_dup=twice,
    )
    return path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(groups.recipe(), epochs=1, batch=8, sides=((24, 1),))
    for module in (groups, estimated_groups):
        monkeypatch.setattr(module, "recipe", lambda: made)


def test_no_validation_picture_is_among_those_to_train_on(fairface: Path) -> None:
    faces = read_fairface(fairface)
    assert len(faces) == TRAIN + VALIDATION - 1 and faces.validation_N.sum() == VALIDATION
    parts = groups.divided(faces)
    assert [len(part) for part in parts] == [24, 7, VALIDATION]
    *train, last = ({image.tobytes() for image in part.images_NHW} for part in parts)
    twice = parts[2].images_NHW[-1].tobytes()
    assert twice in last and not any(twice in images for images in train)


def test_labels_become_one_joint_code_and_back(fairface: Path) -> None:
    faces = read_fairface(fairface).select(np.array([0, 1]))
    assert [JOINT[code] for code in faces.joint_N] == ["3-9, Male, East Asian", "10-19, Female, Indian"]


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_file_that_is_no_fairface_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fairface.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no packed FairFace"):
        read_fairface(path)


def test_a_window_keeps_what_both_sets_show_and_repeats_its_edge(face_crops: np.ndarray) -> None:
    made = windowed_(face_crops)
    inside = (slice(None), slice(WINDOW_Y, WINDOW_Y + WINDOW), slice(WINDOW_X, WINDOW_X + WINDOW))
    assert made.shape == face_crops.shape and np.array_equal(made[inside], face_crops[inside])
    assert (made[:, :WINDOW_Y] == made[:, WINDOW_Y : WINDOW_Y + 1]).all()
    assert (made[:, :, WINDOW_X + WINDOW :] == made[:, :, [WINDOW_X + WINDOW - 1]]).all()


def test_the_window_fills_the_crop() -> None:
    (matrix,) = closer(np.eye(2, 3)[None])
    corners = np.array([[WINDOW_X, WINDOW_Y], [WINDOW_X + WINDOW, WINDOW_Y + WINDOW]]) - 0.5
    assert corners @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(np.array([[-0.5] * 2, [47.5] * 2]))


def test_a_joint_answer_is_the_product_of_three() -> None:
    head = GroupsHead(5).eval()
    features_BF = torch.randn(3, 5)
    joint = head(features_BF).exp().reshape(3, len(AGES), len(GENDERS), len(RACES))
    assert joint.sum(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1, 1])
    age_BA, gender_BG, race_BR = (part(features_BF).softmax(dim=1) for part in head.parts)
    wanted = torch.einsum("ba,bg,br->bagr", age_BA, gender_BG, race_BR)
    assert torch.allclose(joint, wanted, atol=1e-6)


def test_it_begins_from_the_shipped_cnn() -> None:
    cnn, _ = load_checkpoint(ASSETS / "cnn.safetensors")
    mine = begun_from_cnn().pixel_branch.state_dict()
    theirs = cnn.pixel_branch.state_dict()
    # The pooling is resampled where the CNN enlarges its crops.
    same = {name for name, tensor in theirs.items() if torch.equal(mine[name], tensor)}
    assert same >= {name for name in theirs if not name.startswith("pool.0.")}
    sums_F = [pool["pool.0.weight"].sum(dim=(1, 2, 3)) for pool in (mine, theirs)]
    assert torch.corrcoef(torch.stack(sums_F))[0, 1] > 0.95


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_class_of_fairface_is_in_one_group(kind) -> None:
    assert sorted(part for parts in kind.merged.values() for part in parts) == sorted(kind.finer)


def test_figures_count_answers_by_label(fairface: Path) -> None:
    faces = read_fairface(fairface)
    gender = next(kind for kind in KINDS if kind.name == "gender")
    answer_N = faces.gender_N.copy()
    answer_N[:5] = 0
    shares_NG = np.where(np.eye(2)[answer_N] > 0, 0.8, 0.2)
    answers = (np.zeros((len(faces), len(AGES))), np.log(shares_NG), np.zeros((len(faces), len(RACES))))
    expression_NK = np.eye(7)[np.arange(len(faces)) % 7] * 0.5 + 0.5 / 7
    found = figures(gender, answers, temperatures(answers, faces), faces, expression_NK)
    males = int((faces.gender_N == 1).sum())
    wrong = int((faces.gender_N[:5] == 1).sum())
    assert found["counts"] == [[len(faces) - males, 0], [wrong, males - wrong]]
    assert sum(entry["n"] for entry in found["by_expression"].values()) == len(faces)
    assert found["by_expression"]["angry"]["n"] == 7


def test_it_is_trained_measured_and_kept_as_estimates_only(
    fairface: Path,
    tiny_fer: TinyFer,
    tmp_path: Path,
    short: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    begin = ["--fairface", str(fairface), "--folder", str(folder)]
    keep = [*begin, "--data", str(tiny_fer.csv), "--cache", str(tiny_fer.cache)]
    keep += ["--estimates", str(tmp_path / "e.csv.gz"), "--errors", str(tmp_path / "e.json")]
    assert estimated_groups.main(keep) == 1
    assert "nothing to resume" in capsys.readouterr().err
    assert groups.main(begin) == 0
    assert groups.main(begin) == 1  # not over a run that is there
    assert "--resume" in capsys.readouterr().err
    assert groups.main([*begin, "--resume"]) == 0
    assert estimated_groups.main(keep) == 0

    kept = read_estimates(tmp_path / "e.csv.gz", tmp_path / "e.json")
    assert kept is not None
    mesh_N = tiny_fer.landmarks.mesh_found_N & (tiny_fer.dataset.splits_N != "Training")
    assert kept.frame.index.tolist() == np.flatnonzero(mesh_N).tolist()
    assert {grouping.n for grouping in kept.groupings.values()} == {VALIDATION}
    told = json.loads((tmp_path / "e.json").read_text())
    assert told["training"]["faces"] == 24 and 0 < told["with_mesh"]["fer2013"] < 1
    assert set(told["groupings"]["gender"]["confidence"]) == {"fairface", "fer2013"}
    assert "groups" not in available_models()


def test_a_run_without_an_epoch_is_not_measured(
    fairface: Path, tiny_fer: TinyFer, tmp_path: Path, short: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = groups.prepared_run(read_fairface(fairface), groups.recipe(), tmp_path, 0)
    run.save()
    options = ["--fairface", str(fairface), "--folder", str(tmp_path), "--data", str(tiny_fer.csv)]
    assert estimated_groups.main(options) == 1
    assert "not been trained for an epoch" in capsys.readouterr().err
