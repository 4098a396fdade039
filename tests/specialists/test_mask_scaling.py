"""Masks enlarged in part are those that torch enlarges as a whole."""

import numpy as np
import pytest
import torch

from specialists.mask_scaling import enlarged

SIZES = [
    ((24, 32), (375, 500)),
    ((32, 24), (1500, 1125)),
    ((16, 16), (16, 16)),
    ((40, 30), (20, 15)),
    ((7, 5), (1, 90)),
]


@pytest.mark.parametrize(("small", "large"), SIZES)
def test_it_is_what_torch_gives(small: tuple[int, int], large: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(-1, 2, (6, *small)).astype(np.float32)
    yes, no = noise > 1, np.zeros(small, bool)
    logits = np.concatenate(
        [noise, np.where(yes, 3, -3).astype(np.float32), np.where(no, 1, -1)[None].astype(np.float32)]
    )
    whole = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], large, mode="bilinear", align_corners=False)
    got, wanted = enlarged(logits, large, 0.0), whole[0].numpy()
    near = np.abs(wanted) < 1e-5  # where the last digit decides
    assert got.shape == wanted.shape
    assert ((got == (wanted > 0)) | near).all()
    assert got[:-1].any()
    assert not got[-1].any()


def test_a_single_value_in_a_corner_reaches_as_far_as_it_does() -> None:
    logits = np.full((1, 4, 4), -1, np.float32)
    logits[0, 3, 0] = 3
    whole = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], (80, 80), mode="bilinear")[0].numpy()
    assert (enlarged(logits, (80, 80), 0.0) == (whole > 0)).all()
    assert enlarged(logits, (80, 80), 3.0).sum() == 0
