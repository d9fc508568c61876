"""Smooth PACT against its formula, and against the clip it approaches."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.smooth_pact import SmoothPACT

X = torch.linspace(-6, 6, 49, dtype=torch.float64).view(1, -1)


def logistic(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softplus(z):
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def input_slope(clip, x, value, batch, at):
    width = clip.temperature.start
    return logistic(x / width) - logistic((x - value["upper"]) / width)


def threshold_slope(clip, x, value, batch, at):
    return {"upper": logistic((x - value["upper"]) / clip.temperature.start)}


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


@pytest.mark.parametrize("width", [0.0625, 0.25, 2.0])
def test_it_equals_the_formula(width):
    y = SmoothPACT(init=2.0, temperature=width).double()(X)
    values = X.flatten().tolist()
    expected = [width * (softplus(v / width) - softplus((v - 2) / width)) for v in values]
    assert y.flatten().tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_it_approaches_the_hard_clip_as_it_cools():
    hard = X.clamp(0.0, 2.0)
    for width in (0.5, 0.05, 0.005):
        gap = (SmoothPACT(init=2.0, temperature=width).double()(X) - hard).abs().max()
        # Farthest at zero, where it is the softplus of nothing.
        assert gap.item() == pytest.approx(width * math.log(2), rel=0.05)


def test_it_stays_between_zero_and_the_threshold():
    y = SmoothPACT(init=2.0).double()(X * 10)
    assert (y >= 0).all()
    assert (y <= 2).all()


def test_the_threshold_has_a_gradient_before_an_input_reaches_it():
    clip = SmoothPACT(init=2.0)
    clip(torch.tensor([[1.5]])).sum().backward()
    assert clip.upper.raw.grad > 0.1
