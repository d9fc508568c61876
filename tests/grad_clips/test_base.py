"""The arithmetic of clips that scale all gradients by one factor."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.grad_clips.base import scale_to


# Norms beside which the millionth is nothing, as much, and all there is.
@pytest.mark.parametrize(("norm", "limit"), [(5.0, 1.0), (1e-6, 1e-6), (0.0, 1e-7)])
def test_the_factor_is_the_limit_over_the_norm_and_a_millionth(norm, limit):
    gradients = [torch.tensor([3.0, -4.0]), torch.tensor(2.0, dtype=torch.float64)]
    factor = limit / (norm + 1e-6)
    vector, number = scale_to(gradients, norm=torch.tensor(norm), limit=limit)
    assert vector.tolist() == pytest.approx([3 * factor, -4 * factor])
    assert number.item() == pytest.approx(2 * factor)
    assert [vector.dtype, number.dtype] == [torch.float32, torch.float64]


@pytest.mark.parametrize("limit", [1.0, math.inf])
def test_what_is_within_the_limit_is_left_alone(limit):
    gradients = [torch.tensor([0.3, 0.4]), torch.tensor(0.1)]
    scaled = scale_to(gradients, norm=torch.tensor(0.5), limit=limit)
    assert all(torch.equal(a, b) for a, b in zip(scaled, gradients, strict=True))
