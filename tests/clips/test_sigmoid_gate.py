"""Sigmoid gates: the soft one against its formula, the hard one against x 1[x > t]."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.sigmoid_gate import SigmoidGate, StraightThroughGate

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def logistic(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def threshold_slope(clip, x, value, batch, at):
    s = logistic((x - value["lower"]) / clip.temperature.now.item())
    return {"lower": -x * s * (1 - s) / clip.temperature.now.item()}


def active_slope(clip, x, value, batch, at):
    s = logistic((x - value["lower"]) / clip.temperature.now.item())
    return {"lower": -s * (1 - s) / clip.temperature.now.item()}


def is_saturated(clip, x, value, batch, at):
    return x <= value["lower"]


def input_slope(clip, x, value, batch, at):
    s = logistic((x - value["lower"]) / clip.temperature.now.item())
    return s + x * s * (1 - s) / clip.temperature.now.item()


def test_the_soft_gate_equals_its_formula_at_any_temperature():
    for temperature in (0.01, 0.1, 2.0):
        clip = SigmoidGate(init=0.2, temperature=temperature).double()
        threshold, width = clip.lower.raw.item(), clip.temperature.now.item()
        expected = [x * logistic((x - threshold) / width) for x in X.flatten().tolist()]
        assert clip(X).flatten().tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("init", [-0.5, 0.0, 0.1])
def test_the_hard_gate_is_exactly_the_jump_its_zeros_exact_and_the_tie_dropped(init, dtype):
    clip = StraightThroughGate(init=init).to(dtype)
    threshold = clip.lower.value().detach().to(dtype)
    x = torch.cat(
        [X.flatten().to(dtype), threshold.view(1), threshold.view(1).nextafter(x_up(dtype))]
    )
    y = clip(x.view(1, -1)).view(-1)
    assert torch.equal(y, torch.where(x > threshold, x, torch.zeros_like(x)))
    assert y[-2] == 0
    assert y[-1] == x[-1]


def x_up(dtype):
    return torch.tensor([1e3], dtype=dtype)


def test_the_soft_gate_approaches_the_hard_one_as_it_cools():
    hard = StraightThroughGate(init=0.1).double()(X)
    gaps = [
        (SigmoidGate(init=0.1, temperature=t).double()(X) - hard).abs().mean().item()
        for t in (0.3, 0.03, 0.003)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(ValueError, match="Width needs 0 < start < inf, got"):
        StraightThroughGate(temperature=temperature)
