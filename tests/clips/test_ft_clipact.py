"""FT-ClipAct: ReLU before its bound, zero beyond it after."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from clipbench.clips.ft_clipact import FTClipAct

X = torch.tensor([[-1.0, 0.0, 1.0, 1.5, 2.0, 1e30]])


def input_slope(clip, x, value, batch, at):
    return float(0 < x <= value["upper"])


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


def test_before_the_bound_is_set_it_is_relu_in_value_and_gradient():
    x, same = X.clone().requires_grad_(), X.clone().requires_grad_()
    clip = FTClipAct()
    clip(x).sum().backward()
    F.relu(same).sum().backward()
    assert torch.equal(clip(x), F.relu(X))
    assert torch.equal(x.grad, same.grad)
    assert clip.thresholds()["upper"].item() == math.inf


def test_afterwards_it_drops_what_is_beyond_the_bound_and_keeps_the_bound():
    clip = FTClipAct()
    clip.set_bound(torch.tensor(1.5))
    x = X.clone().requires_grad_()
    y = clip(x)
    y.sum().backward()
    assert y.tolist() == [[0.0, 0.0, 1.0, 1.5, 0.0, 0.0]]
    assert x.grad.tolist() == [[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]


def test_nan_is_not_hidden():
    assert FTClipAct()(torch.tensor([[math.nan]])).isnan().all()
