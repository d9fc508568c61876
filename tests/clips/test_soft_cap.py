"""Soft cap against its formula and its limits."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.soft_cap import SoftCap

X = torch.linspace(-6, 6, 49, dtype=torch.float64).view(1, -1)


def input_slope(clip, x, value, batch, at):
    return 1 - math.tanh(x / value["upper"]) ** 2


def threshold_slope(clip, x, value, batch, at):
    v = x / value["upper"]
    return {"upper": math.tanh(v) - v * (1 - math.tanh(v) ** 2)}


def is_saturated(clip, x, value, batch, at):
    return abs(x) >= value["upper"]


@pytest.mark.parametrize("cap", [0.5, 2.0, 10.0])
def test_it_equals_the_formula_and_stays_below_the_cap(cap):
    y = SoftCap(init=cap).double()(X)
    expected = [cap * math.tanh(v / cap) for v in X.flatten().tolist()]
    assert y.flatten().tolist() == pytest.approx(expected, rel=1e-12)
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
