"""GELU against its formula, by the error function and by tanh."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.gelu import GELU

POINTS = [-5.0, -0.5, 0.0, 0.5, 5.0]


def by_erf(x):
    share = (1 + math.erf(x / math.sqrt(2))) / 2
    return x * share, share + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def by_tanh(x):
    root = math.sqrt(2 / math.pi)
    t = math.tanh(root * (x + 0.044715 * x**3))
    inner = root * (1 + 3 * 0.044715 * x * x)
    return x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * inner / 2


def input_slope(clip, x, value, batch, at):
    return (by_erf if clip.approximate == "none" else by_tanh)(x)[1]


@pytest.mark.parametrize("x", POINTS)
@pytest.mark.parametrize(("form", "formula"), [("none", by_erf), ("tanh", by_tanh)])
def test_value_and_slope_equal_the_formula(form, formula, x):
    value = torch.tensor([[x]], dtype=torch.float64, requires_grad=True)
    y = GELU(approximate=form)(value)
    y.sum().backward()
    expected, slope = formula(x)
    assert y.item() == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert value.grad.item() == pytest.approx(slope, rel=1e-12, abs=1e-15)


def test_another_form_is_refused():
    with pytest.raises(ValueError, match="approximate to be one of none, tanh, got 'exact'"):
        GELU(approximate="exact")
