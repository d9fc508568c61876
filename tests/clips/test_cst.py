"""CST: CReLU on both sides of zero."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.crelu import CReLU
from clipbench.clips.cst import CST

X = torch.randn(4096, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(0 < abs(x) - value["lower"] < value.get("magnitude", math.inf))


def threshold_slope(clip, x, value, batch, at):
    over, magnitude = abs(x) - value["lower"], value.get("magnitude", math.inf)
    sign = math.copysign(1.0, x)
    lower = {"lower": -sign if 0 < over < magnitude else 0.0}
    return lower if math.isinf(magnitude) else lower | {"magnitude": sign * (over >= magnitude)}


def is_saturated(clip, x, value, batch, at):
    over = abs(x) - value["lower"]
    return over <= 0 or over >= value.get("magnitude", math.inf)


def ties(clip, value):
    return [value["lower"] + value.get("magnitude", 0.0)]


def test_it_equals_its_formula():
    clip = CST(init=0.5, magnitude=0.75).double()
    expected = [math.copysign(min(max(abs(x) - 0.5, 0.0), 0.75), x) for x in X.flatten().tolist()]
    assert clip(X).flatten().tolist() == expected


def test_it_is_odd_and_crelu_above_zero():
    clip = CST(init=0.5, magnitude=0.75).double()
    assert torch.equal(clip(-X), -clip(X))
    assert torch.equal(clip(X.abs()), CReLU(init=0.5, magnitude=0.75).double()(X.abs()))


def test_at_all_four_ends_the_input_gets_nothing():
    clip = CST(init=0.5, magnitude=0.75)
    x = torch.tensor([[-2.0, -1.25, -1.0, -0.5, 0.0, 0.5, 1.25]], requires_grad=True)
    clip(x).sum().backward()
    assert x.grad.tolist() == [[0, 0, 1, 0, 0, 0, 0]]
    assert clip.lower.raw.grad == 1
    assert clip.magnitude.raw.grad == -1
    assert clip.saturated(x).tolist() == [[True, True, False, True, True, True, True]]


def test_without_a_magnitude_it_is_softshrink():
    clip = CST(init=0.5, magnitude=None).double()
    torch.testing.assert_close(clip(X), F.softshrink(X, 0.5), rtol=0, atol=1e-15)


def test_the_share_of_zeros_is_that_of_the_normal_between_the_thresholds():
    share = (CST(init=1.0).double()(X) == 0).double().mean().item()
    assert share == pytest.approx(2 * NormalDist().cdf(1.0) - 1, abs=0.01)


def test_constants_are_no_parameters():
    clip = CST(learned=False)
    assert list(clip.parameters()) == []
    assert (clip.verdict, clip.slopes(X)) == ("FIXED", {})
