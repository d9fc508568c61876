"""ReLU6 is torch's, and loses its gradient at both ends."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from clipbench.clips.relu6 import ReLU6


def input_slope(clip, x, value, batch, at):
    return float(0 < x < 6)


def is_saturated(clip, x, value, batch, at):
    return x >= 6


def ties(clip, value):
    return [6.0]


def test_it_is_the_relu6_of_torch():
    x = torch.linspace(-10, 10, 81).view(1, -1)
    assert torch.equal(ReLU6()(x), F.relu6(x))


def test_only_what_reaches_six_is_saturated():
    x = torch.tensor([[-1.0, 0.0, 3.0, 6.0, 7.0]], requires_grad=True)
    clip = ReLU6(num_features=5)
    clip(x).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0, 1.0, 0.0, 0.0]]
    assert clip.saturated(x).tolist() == [[False, False, False, True, True]]
