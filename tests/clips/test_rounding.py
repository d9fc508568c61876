"""Rounding: exact forwards, straight-through gradients, and the gradient of a learned step."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.rounding import levels_of, on_grid, to_levels

X = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("bits", "levels"), [(1, 1), (2, 3), (4, 15), (8, 255)])
def test_the_largest_integer_of_so_many_bits(bits, levels):
    assert levels_of(bits) == levels


@pytest.mark.parametrize("bits", [0, 9, -1])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be from 1 to 8, got {bits}"):
        levels_of(bits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("upper", [0.1, 0.7, 3.0, 12.3])
@pytest.mark.parametrize("levels", [1, 3, 15, 255])
def test_rounding_to_levels_is_bounded_exact_at_both_ends_and_nearest(dtype, upper, levels):
    end = torch.tensor(upper, dtype=dtype)
    y = torch.cat([X.to(dtype) * end, end.view(1), torch.zeros(1, dtype=dtype)])
    rounded = to_levels(y, end, levels)
    assert rounded[-2] == end
    assert rounded[-1] == 0
    assert ((rounded >= 0) & (rounded <= end)).all()
    assert len(rounded.unique()) <= levels + 1
    # Half a step, and what the arithmetic of the dtype itself is off by.
    half = upper / levels / 2 + 4 * upper * torch.finfo(dtype).eps
    assert ((rounded - y).abs().double() <= half).all()


def test_rounding_passes_the_gradient_on_and_gives_the_upper_end_none():
    y, upper = X.clone().requires_grad_(), torch.tensor(1.0, requires_grad=True)
    to_levels(y, upper, 3).sum().backward()
    assert (y.grad == 1).all()
    assert upper.grad is None


def test_ties_go_to_the_even_level():
    y = torch.tensor([0.5, 1.5, 2.5])
    assert to_levels(y, 3.0, 3).tolist() == [0.0, 2.0, 2.0]


def test_on_a_grid_the_step_gets_the_rounding_error_inside_and_the_index_outside():
    x = torch.tensor([-1.0, 0.3, 0.5, 9.0], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([0.0, 1.0, 2.0, 7.0], dtype=torch.float64)
    room = torch.tensor([-1.0, 0.1, 2.0, 0.0], dtype=torch.float64)
    y = on_grid(x, scale, index, room)
    assert y.tolist() == [0.0, 0.25, 0.5, 1.75]
    (y * torch.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 10.0, 100.0, 0.0]
    assert scale.grad.item() == pytest.approx(10 * (1 - 0.3 / 0.25) + 100 * 0.0 + 1000 * 7)
