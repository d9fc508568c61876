"""The ramp in place of FATReLU's jump."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.fatrelu import FATReLU
from clipbench.clips.fatrelu_piecewise import PiecewiseFATReLU

X = torch.randn(512, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    t, c = value["lower"], clip.compression
    return 1.0 if x >= t else c if x > t - t / c else 0.0


def threshold_slope(clip, x, value, batch, at):
    t, c = value["lower"], clip.compression
    return {"lower": 1 - c if t - t / c < x < t else 0.0}


def is_saturated(clip, x, value, batch, at):
    return x <= value["lower"] - value["lower"] / clip.compression


def ties(clip, value):
    width = value["lower"] / clip.compression
    return [value["lower"] - width, value["lower"] - width / 2]


@pytest.mark.parametrize("compression", [1.5, 2.0, 50.0])
def test_it_equals_its_three_pieces(compression):
    t, c = 0.75, compression
    expected = [
        x if x >= t else c * (x - (t - t / c)) if x > t - t / c else 0.0
        for x in X.flatten().tolist()
    ]
    y = PiecewiseFATReLU(init=t, compression=c).double()(X)
    assert y.flatten().tolist() == pytest.approx(expected, abs=1e-14)


def test_both_ends_of_the_ramp_belong_outside_it():
    clip = PiecewiseFATReLU(init=1.0, compression=4.0)
    x = torch.tensor([[0.5, 0.75, 0.875, 1.0, 2.0]], requires_grad=True)
    y = clip(x)
    y.sum().backward()
    assert y.tolist() == [[0, 0, 0.5, 1, 2]]
    assert x.grad.tolist() == [[0, 0, 4, 1, 1]]
    assert clip.lower.raw.grad == -3
    assert torch.equal(clip.saturated(x), y == 0)


def test_it_never_falls_and_never_jumps():
    x = torch.linspace(-1, 2, 3001, dtype=torch.float64).view(-1, 1)
    steps = PiecewiseFATReLU(compression=5.0).double()(x).diff(dim=0)
    assert (steps >= 0).all()
    assert steps.max().item() <= 5 * 1e-3 + 1e-12


def test_a_steep_ramp_is_fatrelu():
    hard = FATReLU(init=0.5).double()(X)
    gaps = [
        (PiecewiseFATReLU(init=0.5, compression=c).double()(X) - hard).abs().sum().item()
        for c in (2.0, 10.0, 1e4)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-2


@pytest.mark.parametrize("compression", [1.0, 0.5, math.inf, math.nan])
def test_a_compression_out_of_range_is_refused(compression):
    with pytest.raises(ValueError, match="PiecewiseFATReLU needs 1 < compression < inf, got"):
        PiecewiseFATReLU(compression=compression)
