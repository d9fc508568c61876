"""LeakyReLU against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.leaky_relu import LeakyReLU


def input_slope(clip, x, value, batch, at):
    return 1.0 if x > 0 else clip.negative_slope


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.3])
def test_what_is_negative_is_scaled(slope):
    x = torch.tensor([[-2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    y = LeakyReLU(negative_slope=slope)(x)
    y.sum().backward()
    assert y.tolist() == [[-2.0 * slope, 3.0]]
    assert x.grad.tolist() == [[slope, 1.0]]


def test_the_slope_is_the_papers_and_no_number_of_features_is_taken_for_it():
    assert LeakyReLU(num_features=64).negative_slope == 0.01


@pytest.mark.parametrize("slope", [-0.1, math.nan])
def test_a_slope_out_of_range_is_refused(slope):
    with pytest.raises(ValueError, match=f"LeakyReLU needs negative_slope >= 0, got {slope}"):
        LeakyReLU(negative_slope=slope)
