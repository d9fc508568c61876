"""STR: a soft threshold whose raw number decays with the weights."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.soft_threshold import SoftThreshold
from clipbench.clips.str import STR

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(abs(x) > value["lower"])


def threshold_slope(clip, x, value, batch, at):
    return {"lower": -math.copysign(1.0, x) if abs(x) > value["lower"] else 0.0}


def is_saturated(clip, x, value, batch, at):
    return abs(x) <= value["lower"]


def test_it_is_the_soft_threshold_at_the_logistic_of_its_parameter():
    clip = STR().double()
    for raw in (-2.0, 0.0, 3.0):
        torch.nn.init.constant_(clip.lower.raw, raw)
        threshold = 1 / (1 + math.exp(-raw))
        expected = [math.copysign(max(abs(x) - threshold, 0.0), x) for x in X.flatten().tolist()]
        assert clip(X).flatten().tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_parameter_gets_the_slope_of_the_logistic():
    clip, plain = STR(init=0.25).double(), SoftThreshold(init=0.25).double()
    (clip(X) ** 2).sum().backward()
    (plain(X) ** 2).sum().backward()
    expected = 0.25 * 0.75 * plain.lower.raw.grad.item()
    assert clip.lower.raw.grad.item() == pytest.approx(expected)


def test_decay_raises_a_small_threshold_towards_one_half():
    assert STR.threshold_decay == "weights"
    clip = STR()
    values = []
    for _ in range(200):
        values.append(clip.thresholds()["lower"].item())
        clip.lower.raw.data.mul_(0.95)
    assert values[0] == pytest.approx(0.1)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("init", [0.0, 1.0, 2.0])
def test_a_start_outside_zero_to_one_is_refused(init):
    with pytest.raises(ValueError, match=r"sigmoid threshold needs init >= .* and <= 1, got"):
        STR(init=init)
