"""ReLU against its formula."""

from __future__ import annotations

import torch

from clipbench.clips.relu import ReLU


def input_slope(clip, x, value, batch, at):
    return float(x > 0)


def test_positive_inputs_pass_and_zero_counts_as_below():
    x = torch.tensor([[-2.0, -0.0, 0.0, 3.0]], requires_grad=True)
    y = ReLU()(x)
    y.backward(torch.full_like(x, 5.0))
    assert y.tolist() == [[0.0, 0.0, 0.0, 3.0]]
    assert x.grad.tolist() == [[0.0, 0.0, 0.0, 5.0]]


def test_the_input_is_left_as_it_was():
    x = torch.tensor([[-2.0, 3.0]])
    ReLU()(x)
    assert x.tolist() == [[-2.0, 3.0]]
