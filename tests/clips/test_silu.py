"""SiLU against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.silu import SiLU


@pytest.mark.parametrize("x", [-5.0, -0.5, 0.0, 0.5, 5.0])
def test_value_and_slope_equal_the_formula(x):
    value = torch.tensor([[x]], dtype=torch.float64, requires_grad=True)
    y = SiLU()(value)
    y.sum().backward()
    s = 1 / (1 + math.exp(-x))
    assert y.item() == pytest.approx(x * s)
    assert value.grad.item() == pytest.approx(s + x * s * (1 - s))


def test_the_input_is_left_as_it_was():
    x = torch.tensor([[-2.0, 3.0]])
    SiLU(num_features=2)(x)
    assert x.tolist() == [[-2.0, 3.0]]
