"""The specimen as published: an identity or -1e9, and a threshold that never learns."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.published_sigmoid import PublishedSigmoid

X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def input_slope(clip, x, value, batch, at):
    return float(value["lower"] > 0)


def threshold_slope(clip, x, value, batch, at):
    return {"lower": 0.0}


@pytest.mark.parametrize("threshold", [1e-3, 0.1, 50.0])
def test_above_zero_it_is_the_identity(threshold):
    x = X.clone().requires_grad_()
    y = PublishedSigmoid(init=threshold)(x)
    y.backward(X)
    assert torch.equal(y, X)
    assert torch.equal(x.grad, X)


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1e-9])
def test_at_and_below_zero_everything_is_filled_and_tiny_numbers_count_as_zero(threshold):
    x = X.clone().requires_grad_()
    y = PublishedSigmoid(init=threshold)(x)
    y.sum().backward()
    assert (y == -1e9).all()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("threshold", [0.1, -0.1])
def test_the_threshold_has_no_gradient_and_does_not_move(threshold):
    clip = PublishedSigmoid(init=threshold)
    optimizer = torch.optim.SGD(clip.parameters(), lr=10.0)
    clip(X.clone().requires_grad_()).square().sum().backward()
    optimizer.step()
    assert clip.lower.raw.grad is None
    assert clip.thresholds()["lower"].item() == pytest.approx(threshold)
