"""The oval of a face: where it lies, what is left out, and that light outside it changes nothing."""

import numpy as np
import pytest
import torch

from fusion_model.branches import PixelBranch, PixelConfig
from fusion_model.face_oval import FaceOval, mean_oval, outline_mask
from fusion_model.frame import FER_FRAME


def test_an_outline_worked_by_hand() -> None:
    mask_HW = outline_mask(np.array([[2.0, 2], [6, 2], [6, 6], [2, 6], [4, 4]]), 9)
    assert mask_HW.sum() == 25
    assert mask_HW[2:7, 2:7].all()


def test_the_oval_holds_eyes_and_mouth_but_no_corner() -> None:
    oval_HW = mean_oval()
    assert oval_HW.shape == (48, 48)
    for x, y in FER_FRAME.eyes(48, 48).round().astype(int):
        assert oval_HW[y, x]
    assert oval_HW[36:42, 19:29].all()
    assert not oval_HW[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    # Left and right alike, but for the px that the frame is off the middle.
    assert (oval_HW != oval_HW[:, ::-1]).mean() < 0.03


@pytest.mark.parametrize("side", [48, 40])
def test_what_is_seen_has_no_surroundings_and_unit_contrast(side: int) -> None:
    pixels_BCHW = torch.randn(3, 1, side, side, generator=torch.Generator().manual_seed(0)) * 3 + 1
    seen_BCHW = FaceOval()(pixels_BCHW)
    assert seen_BCHW.shape == pixels_BCHW.shape
    assert (seen_BCHW[..., 0, 0] == 0).all()
    inside = seen_BCHW[:, 0, side // 2 - 8 : side // 2 + 8, side // 2 - 8 : side // 2 + 8]
    assert inside.std() == pytest.approx(1, abs=0.1)


def test_other_surroundings_give_the_same_features() -> None:
    torch.manual_seed(0)
    branch = PixelBranch(PixelConfig(stem=4, stages=(8,), blocks=1, face_only=True)).eval()
    whole = PixelBranch(PixelConfig(stem=4, stages=(8,), blocks=1)).eval()
    whole.load_state_dict(branch.state_dict())
    pixels_BCHW = torch.randn(2, 1, 48, 48)
    other_BCHW = torch.where(torch.from_numpy(mean_oval()), pixels_BCHW, torch.randn(2, 1, 48, 48) * 5)
    with torch.inference_mode():
        torch.testing.assert_close(branch(pixels_BCHW), branch(other_BCHW))
        assert not torch.allclose(whole(pixels_BCHW), whole(other_BCHW))
