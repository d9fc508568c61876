"""Swish against its formula and its special cases."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.swish import Swish

X = torch.linspace(-4, 4, 33, dtype=torch.float64).view(1, -1)


def logistic(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def input_slope(clip, x, value, batch, at):
    s = logistic(value["beta"] * x)
    return s + value["beta"] * x * s * (1 - s)


def threshold_slope(clip, x, value, batch, at):
    s = logistic(value["beta"] * x)
    return {"beta": x * x * s * (1 - s)}


@pytest.mark.parametrize("beta", [-2.0, 0.0, 1.0, 3.0])
def test_it_equals_the_formula(beta):
    y = Swish(init=beta).double()(X)
    expected = [v * logistic(beta * v) for v in X.flatten().tolist()]
    assert y.flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_it_is_silu_half_the_input_or_nearly_relu():
    torch.testing.assert_close(Swish(init=1.0).double()(X), F.silu(X))
    torch.testing.assert_close(Swish(init=0.0).double()(X), X / 2)
    torch.testing.assert_close(Swish(init=1e3).double()(X), F.relu(X))


def test_nothing_decays_it():
    assert Swish.threshold_decay == "none"
