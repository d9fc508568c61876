"""PReLU against its formula."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.prelu import PReLU


def input_slope(clip, x, value, batch, at):
    return 1.0 if x > 0 else value["slope"]


def threshold_slope(clip, x, value, batch, at):
    return {"slope": x if x < 0 else 0.0}


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.25, 2.0])
def test_any_slope_scales_what_is_negative(slope):
    x = torch.tensor([[-2.0, 3.0]], requires_grad=True)
    y = PReLU(init=slope)(x)
    y.sum().backward()
    assert y.tolist() == [[-2.0 * slope, 3.0]]
    assert x.grad.tolist() == [[slope, 1.0]]


def test_each_channel_has_its_own_slope():
    clip = PReLU(num_features=2, per="channel")
    clip.slope.set_value(torch.tensor([0.5, -1.0]))
    x = torch.full((1, 2, 1, 2), -4.0)
    y = clip(x)
    assert y.flatten().tolist() == [-2.0, -2.0, 4.0, 4.0]
    y.sum().backward()
    assert clip.slope.raw.grad.tolist() == [-8.0, -8.0]


def test_it_starts_and_decays_as_in_the_paper():
    assert PReLU().thresholds()["slope"].item() == 0.25
    assert PReLU.threshold_decay == "none"
