"""SiLU against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.silu import SiLU


def input_slope(clip, x, value, batch, at):
    s = 1 / (1 + math.exp(-x))
    return s + x * s * (1 - s)


@pytest.mark.parametrize("x", [-5.0, -0.5, 0.0, 0.5, 5.0])
def test_it_equals_the_formula(x):
    y = SiLU()(torch.tensor([[x]], dtype=torch.float64))
    assert y.item() == pytest.approx(x / (1 + math.exp(-x)), rel=1e-12)


def test_the_input_is_left_as_it_was():
    x = torch.tensor([[-2.0, 3.0]])
    SiLU(num_features=2)(x)
    assert x.tolist() == [[-2.0, 3.0]]
