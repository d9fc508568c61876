"""Clipping by value against torch's own, and its laws."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from clipbench.grad_clips.value import ByValue

GRADIENTS = [torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor(-7.0)]


def by_value(gradients, **settings):
    return ByValue(**settings)(gradients, weights=[], state={})[0]


@pytest.mark.parametrize("clip_value", [0.01, 0.5, 100.0])
def test_it_equals_torch_which_works_in_place(clip_value):
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in GRADIENTS]
    for parameter, gradient in zip(parameters, GRADIENTS, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_value_(parameters, clip_value)
    for ours, parameter in zip(by_value(GRADIENTS, clip_value=clip_value), parameters, strict=True):
        assert torch.equal(ours, parameter.grad)


def test_it_is_bounded_the_identity_below_the_bound_and_idempotent():
    once = by_value(GRADIENTS, clip_value=0.5)
    for clipped, gradient in zip(once, GRADIENTS, strict=True):
        below = gradient.abs() <= 0.5
        assert (clipped.abs() <= 0.5).all()
        assert torch.equal(clipped[below], gradient[below])
    twice = by_value(once, clip_value=0.5)
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))


@pytest.mark.parametrize("clip_value", [0.0, -0.5, math.nan])
def test_a_value_out_of_range_is_refused(clip_value):
    with pytest.raises(ValueError, match=f"ByValue needs clip_value > 0, got {clip_value}"):
        ByValue(clip_value=clip_value)
