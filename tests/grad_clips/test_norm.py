"""Clipping by norm against torch's own, and its laws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from clipbench.grad_clips.norm import ByNorm

NORM_TYPES = [0.5, 1.0, 2.0, 3.0, math.inf]


def some_gradients(scale=1.0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(s, generator=generator).to(dtype) for s in ((4, 3), (5,), ())]


def by_norm(gradients, **settings):
    return ByNorm(**settings)(gradients, weights=[], state={})[0]


def slow_norm(gradients, norm_type):
    values = [abs(v) for g in gradients for v in g.flatten().tolist()]
    if norm_type == math.inf:
        return max(values)
    return sum(v**norm_type for v in values) ** (1 / norm_type)


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("norm_type", NORM_TYPES)
def test_it_equals_torch_which_works_in_place(norm_type, max_norm):
    gradients = some_gradients()
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
    for ours, parameter in zip(
        by_norm(gradients, max_norm=max_norm, norm_type=norm_type), parameters, strict=True
    ):
        torch.testing.assert_close(ours, parameter.grad)


@settings(deadline=None, max_examples=60)
@given(
    scale=st.floats(1e-3, 1e3),
    max_norm=st.floats(1e-2, 1e2),
    norm_type=st.sampled_from(NORM_TYPES),
)
def test_the_norm_is_bounded_the_direction_kept_and_a_second_time_changes_little(
    scale, max_norm, norm_type
):
    gradients = some_gradients(scale, torch.float64)
    once = by_norm(gradients, max_norm=max_norm, norm_type=norm_type)
    before, after = slow_norm(gradients, norm_type), slow_norm(once, norm_type)
    assert after <= max_norm
    assert after == pytest.approx(min(before, max_norm), rel=2e-4)
    factor = (once[1] / gradients[1]).tolist()
    assert factor == pytest.approx([factor[0]] * 5)
    twice = by_norm(once, max_norm=max_norm, norm_type=norm_type)
    torch.testing.assert_close(twice[0], once[0], rtol=2e-4, atol=0.0)


def test_well_below_the_bound_nothing_changes_at_all():
    gradients = some_gradients()
    for ours, gradient in zip(by_norm(gradients, max_norm=100.0), gradients, strict=True):
        assert torch.equal(ours, gradient)


def test_the_norm_is_taken_over_all_gradients_together():
    assert by_norm([torch.tensor(3.0), torch.tensor(4.0)], max_norm=1.0)[0].item() == pytest.approx(
        0.6
    )


def test_each_gradient_keeps_its_dtype():
    # A single number is where torch would promote.
    dtypes = (torch.bfloat16, torch.float32, torch.float64)
    mixed = [torch.ones(shape, dtype=dtype) for dtype in dtypes for shape in ((), (2,))]
    assert [g.dtype for g in by_norm(mixed, max_norm=0.1)] == [g.dtype for g in mixed]


def test_a_norm_that_is_not_finite_shows():
    gradients = [torch.tensor([math.nan, 1.0]), torch.tensor(1.0)]
    assert all(g.isnan().all() for g in by_norm(gradients, max_norm=1.0))


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"ByNorm needs max_norm > 0, got {wrong}"):
        ByNorm(max_norm=wrong)
    with pytest.raises(ValueError, match=f"ByNorm needs norm_type > 0, got {wrong}"):
        ByNorm(max_norm=1.0, norm_type=wrong)
