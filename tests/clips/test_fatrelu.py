"""FATReLU: a jump at a threshold that nothing learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.fatrelu import FATReLU

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))


def input_slope(clip, x, value, batch, at):
    return float(x >= value["lower"])


def is_saturated(clip, x, value, batch, at):
    return x < value["lower"]


@pytest.mark.parametrize("threshold", [0.0, 0.5, 2.0])
def test_it_equals_its_formula(threshold):
    y = FATReLU(init=threshold)(X)
    assert y.flatten().tolist() == [x if x >= threshold else 0.0 for x in X.flatten().tolist()]


def test_an_input_at_the_threshold_passes_with_its_gradient():
    x = torch.tensor([[0.25, 0.5, 0.75]], requires_grad=True)
    clip = FATReLU(init=0.5)
    y = clip(x)
    y.sum().backward()
    assert y.tolist() == [[0, 0.5, 0.75]]
    assert x.grad.tolist() == [[0, 1, 1]]
    assert clip.saturated(x).tolist() == [[True, False, False]]


def test_at_zero_it_is_relu():
    assert torch.equal(FATReLU(init=0.0)(X), F.relu(X))


def test_nothing_is_learned_but_the_threshold_is_saved():
    clip, other = FATReLU(init=0.5), FATReLU(init=2.0)
    assert list(clip.parameters()) == []
    other.load_state_dict(clip.state_dict())
    assert other.thresholds()["lower"] == 0.5


def test_data_sets_it_once_per_channel():
    clip = FATReLU(num_features=3, init="percentile:50", per="channel")
    clip.calibrate(X * torch.tensor([1.0, 2.0, 4.0]))
    expected = X.abs().quantile(0.5, dim=0) * torch.tensor([1.0, 2.0, 4.0])
    torch.testing.assert_close(clip.thresholds()["lower"], expected)


def test_nan_stays_nan():
    assert FATReLU()(torch.tensor([[math.nan]])).isnan().all()


@pytest.mark.parametrize("threshold", [-0.1, math.nan])
def test_a_negative_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match="FATReLU needs init >= 0 or a data rule, got init="):
        FATReLU(init=threshold)
