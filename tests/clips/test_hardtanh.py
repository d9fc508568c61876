"""Hard tanh is torch's, and loses its gradient at both ends."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from clipbench.clips.hardtanh import Hardtanh


def input_slope(clip, x, value, batch, at):
    return float(-1 < x < 1)


def is_saturated(clip, x, value, batch, at):
    return abs(x) >= 1


def ties(clip, value):
    return [1.0]


def test_it_is_the_hardtanh_of_torch():
    x = torch.linspace(-3, 3, 49).view(1, -1)
    assert torch.equal(Hardtanh()(x), F.hardtanh(x))


def test_both_ends_count_as_saturated():
    x = torch.tensor([[-2.0, -1.0, 0.5, 1.0, 2.0]], requires_grad=True)
    clip = Hardtanh(num_features=5)
    clip(x).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0, 1.0, 0.0, 0.0]]
    assert clip.saturated(x).tolist() == [[True, True, False, True, True]]
