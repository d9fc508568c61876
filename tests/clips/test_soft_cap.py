"""Soft cap against its formula and its limits."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.soft_cap import SoftCap

X = torch.linspace(-6, 6, 49, dtype=torch.float64).view(1, -1)


def threshold_slope(clip, x, value, batch, at):
    v = x / value["upper"]
    return {"upper": math.tanh(v) - v * (1 - math.tanh(v) ** 2)}


def is_saturated(clip, x, value, batch, at):
    return abs(x) >= value["upper"]


@pytest.mark.parametrize("cap", [0.5, 2.0, 10.0])
def test_value_and_input_gradient_equal_the_formula(cap):
    x = X.clone().requires_grad_()
    y = SoftCap(init=cap).double()(x)
    y.sum().backward()
    values = X.flatten().tolist()
    assert y.flatten().tolist() == pytest.approx([cap * math.tanh(v / cap) for v in values])
    assert x.grad.flatten().tolist() == pytest.approx([1 - math.tanh(v / cap) ** 2 for v in values])
    assert (y.abs() <= cap).all()


def test_every_input_but_zero_moves_the_threshold():
    marks = SoftCap().double().window(X)["upper"]
    assert torch.equal(marks, X != 0)


def test_a_wide_cap_is_the_identity():
    torch.testing.assert_close(SoftCap(init=1e5).double()(X), X, rtol=1e-7, atol=0)


@pytest.mark.parametrize("positivity", ["abs", "square", "free"])
def test_a_map_that_reaches_zero_is_refused(positivity):
    with pytest.raises(ValueError, match=f"project, softplus or exp, got '{positivity}'"):
        SoftCap(positivity=positivity)
