"""QCFS: clip after floor after shift, and the ties that rounding makes of whole steps."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.qcfs import QCFS

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3


def input_slope(clip, x, value, batch, at):
    return float(0 < math.floor(x * clip.steps / value["upper"] + 0.5) < clip.steps)


def threshold_slope(clip, x, value, batch, at):
    upper = value["upper"]
    z = math.floor(x * clip.steps / upper + 0.5) / clip.steps
    if z <= 0:
        return {"upper": 0.0}
    return {"upper": 1.0 if z >= 1 else z - x / upper}


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


def ties(clip, value):
    steps = (0.5, 1.5, clip.steps - 0.5)
    return [value["upper"] * step / clip.steps for step in steps]


@pytest.mark.parametrize("steps", [1, 4, 7, 32])
def test_it_equals_its_formula(steps):
    clip = QCFS(init=2.7, steps=steps).double()
    upper = clip.upper.raw.item()
    levels = [math.floor(x * steps / upper + 0.5) / steps for x in X.flatten().tolist()]
    expected = [upper * min(max(z, 0), 1) for z in levels]
    assert clip(X).flatten().tolist() == pytest.approx(expected, abs=1e-12)


def test_the_first_and_the_last_step_belong_to_the_bounds():
    clip = QCFS(init=4.0, steps=4).double()  # steps of 1
    x = torch.tensor([[-0.6, 0.0, 0.4, 0.5, 3.3, 3.5, 9.0]], dtype=torch.float64)
    y = clip(x.requires_grad_())
    assert y.tolist() == [[0.0, 0.0, 0.0, 1.0, 3.0, 4.0, 4.0]]
    y.backward(torch.tensor([[1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 10.0]], dtype=torch.float64))
    assert x.grad.tolist() == [[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]
    expected = (0.25 - 0.5 / 4) + (0.75 - 3.3 / 4) + 20
    assert clip.upper.raw.grad.item() == pytest.approx(expected)


def test_with_many_steps_it_approaches_the_clip_without_steps():
    clipped = X.clamp(0, 4)
    gaps = [(QCFS(steps=steps).double()(X) - clipped).abs().max().item() for steps in (4, 40, 400)]
    for gap, steps in zip(gaps, (4, 40, 400), strict=True):
        assert gap <= 4 / steps / 2 * (1 + 1e-9)
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("steps", [0, -1])
def test_no_step_at_all_is_refused(steps):
    with pytest.raises(ValueError, match=f"QCFS needs steps >= 1, got {steps}"):
        QCFS(steps=steps)
