"""PACT: the clip of the formula, its rounding, its ties and its policy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.pact import PACT

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3


def input_slope(clip, x, value, batch, at):
    return float(0 < x < value["upper"])


def threshold_slope(clip, x, value, batch, at):
    return {"upper": float(x >= value["upper"])}


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


@pytest.mark.parametrize("init", [0.25, 1.0, 3.0])
def test_it_equals_the_published_form_with_absolute_values(init):
    clip = PACT(init=init).double()
    expected = [0.5 * (abs(x) - abs(x - init) + init) for x in X.flatten().tolist()]
    assert clip(X).flatten().tolist() == pytest.approx(expected, abs=1e-12)


def test_at_six_it_is_relu6():
    assert torch.equal(PACT(init=6.0).double()(X * 3), F.relu6(X * 3))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_with_bits_it_equals_the_published_rounding(bits):
    clip, levels = PACT(init=2.5, bits=bits).double(), 2**bits - 1
    clipped = [min(max(x, 0.0), 2.5) for x in X.flatten().tolist()]
    expected = [round(y * levels / 2.5) * 2.5 / levels for y in clipped]
    assert clip(X).flatten().tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bits", [None, 3])
def test_rounding_changes_no_gradient_and_the_bound_takes_the_tie(bits):
    clip = PACT(init=1.0, bits=bits)
    x = torch.tensor([[-1.0, 0.0, 0.4, 1.0, 2.0]], requires_grad=True)
    clip(x).backward(torch.tensor([[1.0, 2.0, 3.0, 5.0, 7.0]]))
    assert x.grad.tolist() == [[0.0, 0.0, 3.0, 0.0, 0.0]]
    assert clip.upper.raw.grad.item() == 12.0


def test_only_rounding_makes_the_gradient_an_estimate():
    assert (PACT().gradient, PACT().verdict) == ("exact", "EXACT")
    assert (PACT(bits=4).gradient, PACT(bits=4).verdict) == ("surrogate", "SURROGATE")


def test_its_threshold_is_decayed_like_a_weight():
    assert PACT.threshold_decay == "weights"


def test_normalised_inputs_reach_its_threshold_from_a_data_rule_but_not_from_the_usual_start():
    far, near = PACT(init=10.0).double(), PACT(init="percentile:99").double()
    near.calibrate(X / 3)
    for clip, reached in ((far, False), (near, True)):
        clip((X / 3).abs()).sum().backward()
        assert bool(clip.upper.raw.grad > 0) is reached


def test_only_what_reaches_the_threshold_is_saturated():
    x = torch.tensor([[-1.0, 0.0, 2.9, 3.0, 4.0]])
    assert PACT().saturated(x).tolist() == [[False, False, False, True, True]]


@pytest.mark.parametrize("bits", [0, 9])
def test_a_number_of_bits_out_of_range_is_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be from 1 to 8, got {bits}"):
        PACT(bits=bits)
