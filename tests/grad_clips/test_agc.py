"""AGC against plain Python, one unit at a time, and who is left out."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.grad_clips.agc import AGC
from clipbench.grad_clips.base import Weight


def drawn(shape, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def clipped(gradient, value, *, kind="weights", **settings):
    (answer,), _ = AGC(**settings)([gradient], weights=[Weight(value, kind)], state={})
    return answer


def slow(gradient, value, *, clipping, eps):
    """Clip each row, or the whole of what has no rows, with lists of floats."""
    if gradient.dim() < 2:
        units = [(gradient.reshape(-1).tolist(), value.reshape(-1).tolist())]
    else:
        rows = zip(gradient.flatten(1).tolist(), value.flatten(1).tolist(), strict=True)
        units = list(rows)
    answer = []
    for g, w in units:
        norm = math.sqrt(sum(v * v for v in g))
        limit = clipping * max(math.sqrt(sum(v * v for v in w)), eps)
        answer += [v * limit / norm for v in g] if norm > limit else g
    return torch.tensor(answer, dtype=torch.float64).view(gradient.shape)


@pytest.mark.parametrize("shape", [(4, 3), (5, 2, 3, 3), (6, 2, 3), (5,), ()], ids=str)
@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0])
def test_it_equals_a_slow_reference(shape, scale):
    gradient, value = drawn(shape, 0, scale), drawn(shape, 1)
    expected = slow(gradient, value, clipping=0.05, eps=1e-3)
    answer = clipped(gradient, value, clipping=0.05)
    torch.testing.assert_close(answer, expected, rtol=1e-12, atol=0.0)


def test_each_row_is_bounded_by_its_own_weights():
    gradient = torch.tensor([[3.0, 4.0], [3.0, 4.0], [0.003, 0.004]])
    value = torch.tensor([[0.0, 100.0], [0.0, 10.0], [0.0, 1.0]])
    expected = torch.tensor([[0.6, 0.8], [0.06, 0.08], [0.003, 0.004]])
    torch.testing.assert_close(clipped(gradient, value, clipping=0.01), expected)


def test_at_the_bound_nothing_changes():
    gradient, value = torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0]])
    assert torch.equal(clipped(gradient, value, clipping=0.5), gradient)


def test_weights_of_zero_can_still_move():
    gradient = torch.tensor([3.0, 4.0])
    answer = clipped(gradient, torch.zeros(2), clipping=0.1, eps=0.01)
    assert answer.norm().item() == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("kind", "settings", "left_out"),
    [
        ("weights", {}, False),
        ("biases", {}, False),
        ("head", {}, True),
        ("thresholds", {}, True),
        ("head", {"exclude_head": False}, False),
        ("thresholds", {"exclude_thresholds": False}, False),
        ("head", {"exclude_thresholds": False}, True),
        ("thresholds", {"exclude_head": False}, True),
    ],
)
def test_who_is_left_out_is_a_matter_of_place(kind, settings, left_out):
    gradient = torch.full((3, 2), 10.0)
    answer = clipped(gradient, torch.ones(3, 2), kind=kind, **settings)
    assert torch.equal(answer, gradient) == left_out


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"AGC needs clipping > 0, got {wrong}"):
        AGC(clipping=wrong)
    with pytest.raises(ValueError, match=f"AGC needs eps > 0, got {wrong}"):
        AGC(eps=wrong)
