"""CReLU: formula, ties, the shifted ReLU as a special case, and what is refused."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.crelu import CReLU

X = torch.randn(4096, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(0 < x - value["lower"] < value.get("magnitude", math.inf))


def threshold_slope(clip, x, value, batch, at):
    over, magnitude = x - value["lower"], value.get("magnitude", math.inf)
    lower = {"lower": -1.0 if 0 < over < magnitude else 0.0}
    return lower if math.isinf(magnitude) else lower | {"magnitude": float(over >= magnitude)}


def is_saturated(clip, x, value, batch, at):
    over = x - value["lower"]
    return over <= 0 or over >= value.get("magnitude", math.inf)


def ties(clip, value):
    return [value["lower"] + value.get("magnitude", 0.0)]


def test_it_equals_its_formula():
    clip = CReLU(init=0.5, magnitude=0.75).double()
    expected = [min(max(x - 0.5, 0.0), 0.75) for x in X.flatten().tolist()]
    assert clip(X).flatten().tolist() == expected


def test_at_both_ends_the_input_gets_nothing():
    clip = CReLU(init=0.5, magnitude=0.75)
    x = torch.tensor([[0.5, 1.0, 1.25, 2.0]], requires_grad=True)
    clip(x).sum().backward()
    assert x.grad.tolist() == [[0, 1, 0, 0]]
    assert clip.lower.raw.grad == -1
    assert clip.magnitude.raw.grad == 2
    assert clip.saturated(x).tolist() == [[True, False, True, True]]


def test_without_a_magnitude_it_is_the_shifted_relu():
    clip = CReLU(init=0.5, magnitude=None).double()
    x = X.clone().requires_grad_()
    y = clip(x)
    y.sum().backward()
    assert torch.equal(y, F.relu(X - 0.5))
    assert torch.equal(x.grad, (X > 0.5).double())
    assert clip.lower.raw.grad == -(X > 0.5).sum()
    assert set(clip.thresholds()) == set(clip.slopes(X)) == {"lower"}
    assert torch.equal(clip.saturated(X), X <= 0.5)


def test_the_share_of_zeros_is_that_of_the_normal_below_the_threshold():
    share = (CReLU(init=1.0).double()(X) == 0).double().mean().item()
    assert share == pytest.approx(NormalDist().cdf(1.0), abs=0.01)


@pytest.mark.parametrize("magnitude", [None, 1.0])
def test_constants_are_no_parameters_and_take_no_gradient(magnitude):
    clip = CReLU(learned=False, magnitude=magnitude)
    assert list(clip.parameters()) == []
    assert clip.verdict == "FIXED"
    assert clip.slopes(X) == {}
    assert torch.equal(clip(X), CReLU(magnitude=magnitude)(X).detach())
    assert CReLU().verdict == "EXACT"


def test_each_channel_has_its_own_threshold_and_magnitude():
    clip = CReLU(num_features=2, per="channel")
    clip.lower.set_value(torch.tensor([0.5, 2.0]))
    clip.magnitude.set_value(torch.tensor([1.0, 4.0]))
    x = torch.full((1, 2, 1, 2), 3.0)
    assert clip(x).flatten().tolist() == [1, 1, 1, 1]
    clip(x).sum().backward()
    assert clip.lower.raw.grad.tolist() == [0, -2]
    assert clip.magnitude.raw.grad.tolist() == [2, 0]


@pytest.mark.parametrize("keys", [{"init": 0.0}, {"init": -1.0}, {"magnitude": 0.0}])
def test_numbers_out_of_range_are_refused(keys):
    with pytest.raises(ValueError, match=r"project threshold needs init >= 0.001"):
        CReLU(**keys)
