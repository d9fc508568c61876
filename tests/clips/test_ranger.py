"""Ranger: ReLU before its bound, a clamp after, and what a bound may be."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.ranger import Ranger

X = torch.tensor([[-1.0, 0.0, 1.0, 2.0, 1e30]])


def input_slope(clip, x, value, batch, at):
    return float(0 < x < value["upper"])


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


def test_before_the_bound_is_set_it_is_relu_in_value_and_gradient():
    x, same = X.clone().requires_grad_(), X.clone().requires_grad_()
    clip = Ranger()
    clip(x).sum().backward()
    F.relu(same).sum().backward()
    assert torch.equal(clip(x), F.relu(X))
    assert torch.equal(x.grad, same.grad)
    assert clip.thresholds()["upper"].item() == math.inf
    assert not clip.saturated(X).any()


def test_afterwards_it_holds_what_is_beyond_the_bound():
    clip = Ranger()
    clip.set_bound(torch.tensor(1.5))
    assert clip(X).tolist() == [[0.0, 0.0, 1.0, 1.5, 1.5]]
    assert clip.saturated(X).tolist() == [[False, False, False, True, True]]
    assert clip.thresholds()["upper"].item() == 1.5


def test_the_bound_is_saved_and_no_parameter():
    clip, fresh = Ranger(), Ranger()
    clip.set_bound(torch.tensor(1.5))
    fresh.load_state_dict(clip.state_dict())
    assert torch.equal(fresh(X), clip(X))
    assert list(clip.parameters()) == []


def test_a_site_that_is_always_zero_is_held_at_zero():
    clip = Ranger()
    clip.set_bound(torch.tensor(0.0))
    assert clip(X).tolist() == [[0.0] * 5]


@pytest.mark.parametrize("largest", [math.nan, math.inf, -1.0])
def test_a_largest_output_that_cannot_be_is_refused(largest):
    with pytest.raises(
        ValueError, match=f"Ranger needs a finite largest output >= 0, got {largest}"
    ):
        Ranger().set_bound(torch.tensor(largest))
