"""The specimen as published: ReLU or -1e9, and a threshold that never learns."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.published_mask import PublishedMask

X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def input_slope(clip, x, value, batch, at):
    return float(x > 0 and value["upper"] > 0)


def threshold_slope(clip, x, value, batch, at):
    return {"upper": 0.0}


@pytest.mark.parametrize("threshold", [1e-3, 0.1, 50.0])
def test_above_zero_it_is_relu_and_what_is_masked_becomes_minus_zero(threshold):
    x = X.clone().requires_grad_()
    y = PublishedMask(init=threshold)(x)
    y.backward(X)
    assert torch.equal(y, X.relu())
    assert torch.equal(torch.signbit(y), X <= 0)
    assert torch.equal(x.grad, X.relu())


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1e-9])
def test_at_and_below_zero_every_positive_input_is_filled(threshold):
    x = X.clone().requires_grad_()
    y = PublishedMask(init=threshold)(x)
    y.sum().backward()
    assert torch.equal(y, torch.where(X > 0, -1e9, -0.0))
    assert (x.grad == 0).all()


@pytest.mark.parametrize("threshold", [0.1, -0.1])
def test_the_threshold_has_no_gradient_and_does_not_move(threshold):
    clip = PublishedMask(init=threshold)
    optimizer = torch.optim.SGD(clip.parameters(), lr=10.0)
    clip(X.clone().requires_grad_()).square().sum().backward()
    optimizer.step()
    assert clip.upper.raw.grad is None
    assert clip.thresholds()["upper"].item() == pytest.approx(threshold)
