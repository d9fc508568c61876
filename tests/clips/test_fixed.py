"""Fixed clamp: bounds, ties, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.fixed import FixedClamp

BOUNDS = [(-1.0, 1.0), (0.0, 6.0), (None, 2.0), (-0.5, None), (-3, 4)]


def input_slope(clip, x, value, batch, at):
    return float(clip.min < x < clip.max)


def is_saturated(clip, x, value, batch, at):
    return x <= clip.min or x >= clip.max


def ties(clip, value):
    return [clip.min, clip.max]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_values_gradients_and_saturation_equal_a_slow_loop_ties_included(low, high):
    lower = -math.inf if low is None else low
    upper = math.inf if high is None else high
    values = [-9.0, -1.0, -0.5, -0.3, 0.0, 0.3, 1.0, 2.0, 6.0, 9.0]
    x = torch.tensor([values], dtype=torch.float64, requires_grad=True)
    clip = FixedClamp(min=low, max=high)
    y = clip(x)
    y.sum().backward()
    assert y.tolist() == [[min(max(v, lower), upper) for v in values]]
    assert x.grad.tolist() == [[float(lower < v < upper) for v in values]]
    assert clip.saturated(x).tolist() == [[v <= lower or v >= upper for v in values]]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_clamping_twice_changes_nothing(low, high):
    clip = FixedClamp(min=low, max=high)
    y = clip(torch.linspace(-10, 10, 41).view(1, -1))
    assert torch.equal(clip(y), y)


def test_it_learns_nothing():
    assert list(FixedClamp(max=1.0).parameters()) == []


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.nan)]
)
def test_bounds_that_do_not_increase_are_refused(low, high):
    with pytest.raises(
        ValueError, match=f"FixedClamp needs min < max, got min={low} and max={high}"
    ):
        FixedClamp(min=low, max=high)


def test_no_bound_at_all_is_refused():
    with pytest.raises(ValueError, match="FixedClamp needs min or max"):
        FixedClamp()


def test_nan_is_not_hidden():
    assert FixedClamp(min=-1.0, max=1.0)(torch.tensor([[math.nan]])).isnan().all()
