"""Pictures made worse, and the file that says what it costs."""

from pathlib import Path

import numpy as np
import pytest

from fusion_model.detection import Face
from fusion_model.face_measures import FaceMeasures
from fusion_model.frame import FER_FRAME
from fusion_model.preprocess import face_inputs
from fusion_model.trust import KINDS, LOWER_IS_WORSE, measured, read_trust
from training import trust
from training.degrade import GREY, blurred, covered, cut, darkened, noisy, sharpened, smaller, stored

from .conftest import TinyFer

FACE = Face((0.0, 0.0, 48.0, 48.0), FER_FRAME.eyes(48, 48), None, 1.0)


@pytest.fixture
def image_HW() -> np.ndarray:
    return np.random.default_rng(1).integers(60, 200, (48, 48), np.uint8)


@pytest.mark.parametrize("kind", list(trust.CURVES))
def test_every_strength_is_worse_than_the_one_before_by_its_own_measure(kind: str, tiny_fer: TinyFer) -> None:
    degrade, strengths = trust.CURVES[kind]
    image_HW = tiny_fer.dataset.images_NHW[0]
    values = []
    for strength in strengths:
        made_HW, face = degrade(image_HW, FACE, strength, np.random.default_rng(0))
        crop_HW = face_inputs(made_HW, face).crop_HW
        height, width = made_HW.shape
        value = measured(FaceMeasures.of(face, crop_HW, width, height), kind)
        assert value is not None
        values.append(value)
    assert sorted(values, reverse=LOWER_IS_WORSE[kind]) == values


def test_a_smaller_picture_keeps_its_face_in_place(image_HW: np.ndarray) -> None:
    made_HW, face = smaller(image_HW, FACE, 24, np.random.default_rng(0))
    assert made_HW.shape == (24, 24) and made_HW.mean() == pytest.approx(image_HW.mean(), abs=1)
    np.testing.assert_allclose(face.eyes_ED, FER_FRAME.eyes(24, 24), atol=1e-4)


def test_dark_is_dark_whatever_it_was_and_never_brighter(image_HW: np.ndarray) -> None:
    made_HW, _ = darkened(image_HW, FACE, 20, np.random.default_rng(0))
    assert made_HW.mean() == pytest.approx(20, abs=1)
    made_HW, _ = darkened(np.full((48, 48), 10, np.uint8), FACE, 20, np.random.default_rng(0))
    assert made_HW.mean() == pytest.approx(10, abs=1)


def test_a_share_is_covered_or_cut_and_the_rest_is_as_it_was(image_HW: np.ndarray) -> None:
    for seed in range(6):
        hidden_HW, face = covered(image_HW, FACE, 0.25, np.random.default_rng(seed))
        changed = hidden_HW != image_HW
        assert (hidden_HW[changed] == GREY).all() and changed.mean() == pytest.approx(0.25, abs=0.01)
        part_HW, face = cut(image_HW, FACE, 0.25, np.random.default_rng(seed))
        assert part_HW.size == image_HW.size * 3 // 4
        # What is left shows the same pixels at the same place relative to the eyes.
        left, top = (FACE.eyes_ED - face.eyes_ED)[0].round().astype(int)
        height, width = part_HW.shape
        np.testing.assert_array_equal(part_HW, image_HW[top : top + height, left : left + width])


def test_blur_is_a_gaussian(image_HW: np.ndarray) -> None:
    from scipy.ndimage import gaussian_filter

    made_HW, _ = blurred(image_HW, FACE, 1.5, np.random.default_rng(0))
    known_HW = gaussian_filter(image_HW.astype(float), 1.5, mode="mirror")
    assert np.abs(made_HW - known_HW)[6:-6, 6:-6].max() < 2


def test_noise_sharpening_and_jpeg_leave_the_face_where_it_is(image_HW: np.ndarray) -> None:
    for degrade, mild, strong in ((noisy, 2, 20), (sharpened, 0.2, 2), (stored, 95, 20)):
        made = [degrade(image_HW, FACE, step, np.random.default_rng(0)) for step in (mild, strong)]
        assert all(face is FACE and made_HW.shape == image_HW.shape for made_HW, face in made)
        lost = [np.abs(made_HW.astype(float) - image_HW).mean() for made_HW, _ in made]
        assert 0 < lost[0] < lost[1]


def test_the_command_writes_every_kind_and_keeps_what_it_was_not_asked(
    tiny_fer: TinyFer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {kind: (degrade, strengths[-1:]) for kind, (degrade, strengths) in trust.CURVES.items()}
    monkeypatch.setattr(trust, "CURVES", few)
    out = tmp_path / "trust.csv"
    common = ["--cache", str(tiny_fer.cache), "--pictures", "4", "--out", str(out)]
    assert trust.main(["--data", str(tiny_fer.csv), "--models", "cnn", *common]) == 0
    first = read_trust(out).effects
    assert {item.kind for item in first} == set(KINDS)
    assert {item.model for item in first if item.kind in few} == {"cnn"}
    assert all(item.n == 4 and 0 <= item.right <= 4 for item in first if item.kind in few)
    assert trust.main(["--table-only", *common]) == 0
    assert read_trust(out).effects == first or repr(read_trust(out).effects) == repr(first)


def test_what_cannot_be_asked_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trust.main(["--out", str(tmp_path / "t.csv")]) == 1
    assert "--data" in capsys.readouterr().err
    assert trust.main(["--models", "none", "--out", str(tmp_path / "t.csv")]) == 1
    assert "no model named none" in capsys.readouterr().err
