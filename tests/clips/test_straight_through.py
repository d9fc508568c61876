"""Straight-through steps: the forward to the bit, the backward as asked for."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.straight_through import carrying, rectangle


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_carrying_changes_no_bit_and_adds_the_slope(dtype):
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(100, generator=generator).to(dtype).requires_grad_()
    slope = (1e4 * torch.randn(100, generator=generator)).to(dtype).requires_grad_()
    by = torch.tensor(0.3, dtype=dtype, requires_grad=True)
    y = carrying(value, by=by, slope=slope)
    assert torch.equal(y, value)
    grads = torch.autograd.grad(y.sum(), [value, by, slope], allow_unused=True)
    assert torch.equal(grads[0], torch.ones_like(value))
    torch.testing.assert_close(grads[1], slope.detach().sum())
    assert grads[2] is None


def test_what_learns_may_broadcast():
    by = torch.zeros(3, 1, requires_grad=True)
    slope = torch.arange(12.0).reshape(2, 3, 2)
    carrying(torch.zeros(2, 3, 2), by=by, slope=slope).sum().backward()
    assert by.grad.flatten().tolist() == slope.sum(dim=(0, 2)).tolist()


@pytest.mark.parametrize("width", [0.1, 1.0, 4.0])
def test_the_rectangle_has_its_width_and_area_one(width):
    distance = torch.linspace(-8, 8, 200_001, dtype=torch.float64)
    window = rectangle(distance, torch.tensor(width, dtype=torch.float64))
    assert window.sum().item() * 16 / 200_000 == pytest.approx(1, rel=1e-3)
    assert set(window.unique().tolist()) == {0.0, 1 / width}


def test_the_rectangle_is_open():
    distance = torch.tensor([-0.5, -0.25, 0.0, 0.25, 0.5])
    assert rectangle(distance, torch.tensor(0.5)).tolist() == [0, 0, 2, 0, 0]


@pytest.mark.parametrize("width", [0.0, 1e-45, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_width_of_nothing_is_finite(width, dtype):
    window = rectangle(torch.tensor([0.0, 1.0], dtype=dtype), torch.tensor(width, dtype=dtype))
    assert window.isfinite().all()
    assert window[1] == 0
    assert width > 0 or window[0] == 0
