"""Two-sided clip: two tails, two thresholds, any signs, never crossed."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.learnable import LearnableClip
from clipbench.clips.two_sided import TwoSidedClip

X = torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(value["lower"] < x < value["upper"])


def threshold_slope(clip, x, value, batch, at):
    return {"lower": float(x <= value["lower"]), "upper": float(x >= value["upper"])}


def is_saturated(clip, x, value, batch, at):
    return x <= value["lower"] or x >= value["upper"]


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.2, 2.0), (0.25, 0.75), (-2.0, -1.0)])
def test_value_and_gradients_equal_a_slow_loop_whatever_the_signs(low, high):
    clip = TwoSidedClip()
    clip.lower.set_value(low)
    clip.upper.set_value(high)
    clip.project()
    values = [-3.0, low, (low + high) / 2, high, 3.0]
    x = torch.tensor([values], requires_grad=True)
    y = clip(x)
    y.backward(torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]]))
    assert y.flatten().tolist() == pytest.approx([min(max(v, low), high) for v in values])
    assert x.grad.tolist() == [[0.0, 0.0, 4.0, 0.0, 0.0]]
    assert clip.lower.raw.grad.item() == 3.0
    assert clip.upper.raw.grad.item() == 24.0
    assert clip.saturated(x).tolist() == [[True, True, False, True, True]]


def test_it_starts_as_the_clip_with_one_threshold():
    for init in (0.5, "percentile:80", "std:1"):
        clip, one = TwoSidedClip(init=init).double(), LearnableClip(init=init).double()
        torch.testing.assert_close(clip(X), one(X))
        clip.calibrate(X)
        one.calibrate(X)
        torch.testing.assert_close(clip(X), one(X))


def test_each_channel_is_calibrated_on_its_own():
    clip = TwoSidedClip(num_features=2, per="channel", init="percentile:100")
    clip.calibrate(X.float())
    largest = X.float().abs().amax(dim=0)
    assert torch.equal(clip.thresholds()["upper"], largest)
    assert torch.equal(clip.thresholds()["lower"], -largest)


def test_gradient_descent_brings_a_crossed_pair_back():
    clip = TwoSidedClip()
    with torch.no_grad():
        clip.lower.raw.fill_(1.0)
        clip.upper.raw.fill_(-1.0)
    x = X.float()
    before = clip(x)
    assert before.isfinite().all()
    optimizer = torch.optim.SGD(clip.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (clip(x) - x).square().mean().backward()
        optimizer.step()
        clip.project()
    assert (clip(x) - x).square().mean() < 0.5 * (before - x).square().mean()
    assert clip.thresholds()["lower"] < clip.thresholds()["upper"]


@pytest.mark.parametrize("init", [0.0, -1.0])
def test_a_start_that_is_not_positive_is_refused(init):
    with pytest.raises(ValueError, match=f"TwoSidedClip needs init > 0, got init={init}"):
        TwoSidedClip(init=init)
