"""The soft threshold against torch's and as the proximal map of the absolute value."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.soft_threshold import SoftThreshold

X = 2 * torch.randn(512, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(abs(x) > value["lower"])


def threshold_slope(clip, x, value, batch, at):
    return {"lower": -math.copysign(1.0, x) if abs(x) > value["lower"] else 0.0}


def is_saturated(clip, x, value, batch, at):
    return abs(x) <= value["lower"]


def test_it_equals_its_formula_and_softshrink_with_its_gradient():
    clip, ours, theirs = SoftThreshold(init=0.5).double(), X.clone(), X.clone()
    y = clip(ours.requires_grad_())
    expected = [math.copysign(max(abs(x) - 0.5, 0.0), x) for x in X.flatten().tolist()]
    assert y.flatten().tolist() == expected
    z = F.softshrink(theirs.requires_grad_(), 0.5)
    torch.testing.assert_close(y, z, rtol=0, atol=1e-15)
    y.sum().backward()
    z.sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_it_is_the_proximal_map_of_the_absolute_value():
    y = SoftThreshold(init=0.5).double()(X)

    def objective(z):
        return (z - X) ** 2 / 2 + 0.5 * z.abs()

    for step in (-0.3, -1e-3, 1e-3, 0.3):
        assert (objective(y + step) > objective(y)).all()


def test_at_the_threshold_nothing_gets_a_gradient():
    clip = SoftThreshold(init=0.5)
    x = torch.tensor([[-0.75, -0.5, 0.0, 0.5, 0.75, 1.0]], requires_grad=True)
    y = clip(x)
    y.sum().backward()
    assert y.tolist() == [[-0.25, 0, 0, 0, 0.25, 0.5]]
    assert x.grad.tolist() == [[1, 0, 0, 0, 1, 1]]
    assert clip.lower.raw.grad == -1
    assert torch.equal(clip.saturated(x), y == 0)


def test_a_constant_is_no_parameter():
    clip = SoftThreshold(learned=False)
    assert list(clip.parameters()) == []
    assert (clip.verdict, clip.slopes(X)) == ("FIXED", {})


def test_a_sigmoid_keeps_it_below_one():
    clip = SoftThreshold(positivity="sigmoid")
    clip.lower.set_value(7.0)
    assert 0.99 < clip.thresholds()["lower"].item() < 1
    with pytest.raises(ValueError, match="sigmoid threshold needs init >= "):
        SoftThreshold(init=1.5, positivity="sigmoid")
