"""SReLU against its three lines, and the clips it contains."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.srelu import SReLU
from clipbench.clips.two_sided import TwoSidedClip

X = torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2


def input_slope(clip, x, value, batch, at):
    if x >= value["upper"]:
        return value["upper_slope"]
    return value["lower_slope"] if x <= value["lower"] else 1.0


def threshold_slope(clip, x, value, batch, at):
    low, high = value["lower"], value["upper"]
    return {
        "lower": 1 - value["lower_slope"] if x <= low else 0.0,
        "upper": 1 - value["upper_slope"] if x >= high else 0.0,
        "lower_slope": x - low if x < low else 0.0,
        "upper_slope": x - high if x > high else 0.0,
    }


def is_saturated(clip, x, value, batch, at):
    return x <= value["lower"] or x >= value["upper"]


def lines(x, *, low, high, below, above):
    if x >= high:
        return high + above * (x - high), above
    return (low + below * (x - low), below) if x <= low else (x, 1.0)


@pytest.mark.parametrize(("below", "above"), [(0.25, 0.5), (0.0, 0.0), (-0.5, 2.0), (1.0, 1.0)])
def test_value_and_input_gradient_are_those_of_the_line_ties_included(below, above):
    clip = SReLU(lower=-0.5, init=1.25, lower_slope=below, upper_slope=above).double()
    values = [*X.flatten().tolist(), -0.5, 1.25]
    x = torch.tensor([values], dtype=torch.float64, requires_grad=True)
    y = clip(x)
    y.sum().backward()
    expected = [lines(v, low=-0.5, high=1.25, below=below, above=above) for v in values]
    assert y.flatten().tolist() == pytest.approx([value for value, _ in expected], rel=1e-12)
    assert x.grad.flatten().tolist() == [slope for _, slope in expected]


def test_it_contains_leaky_relu_and_the_two_sided_clip():
    leaky = SReLU(lower_slope=0.1, upper_slope=1.0).double()
    torch.testing.assert_close(leaky(X), F.leaky_relu(X, 0.1), rtol=1e-6, atol=1e-7)
    flat = SReLU(lower=-1.0, lower_slope=0.0, upper_slope=0.0).double()
    assert torch.equal(flat(X), TwoSidedClip(init=1.0).double()(X))


def test_between_the_thresholds_it_is_the_identity_to_the_last_digit():
    x = X.clamp(0.01, 0.99)
    assert torch.equal(SReLU().double()(x), x)


def test_calibration_sets_the_upper_threshold_and_keeps_it_above_the_lower():
    clip = SReLU(lower=0.5, init="percentile:90")
    clip.calibrate(X.float())
    expected = X.abs().flatten().quantile(0.9).item()
    assert clip.thresholds()["upper"].item() == pytest.approx(expected, rel=1e-5)
    clip.calibrate(X.float() / 1e3)
    assert clip.thresholds()["lower"] < clip.thresholds()["upper"]


def test_thresholds_that_start_crossed_are_refused():
    with pytest.raises(ValueError, match="SReLU needs lower < init, got lower=2.0 and init=1.0"):
        SReLU(lower=2.0)
