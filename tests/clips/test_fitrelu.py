"""FitReLU against its formula, and a bound for each neuron."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.fitrelu import FitReLU

X = torch.linspace(-2, 5, 71, dtype=torch.float64).view(1, -1)


def logistic(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def input_slope(clip, x, value, batch, at):
    s = logistic(clip.k * (value["upper"] - x))
    return s - clip.k * x * s * (1 - s) if x > 0 else 0.0


def threshold_slope(clip, x, value, batch, at):
    s = logistic(clip.k * (value["upper"] - x))
    return {"upper": clip.k * x * s * (1 - s) if x > 0 else 0.0}


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


@pytest.mark.parametrize("k", [1.0, 20.0])
def test_it_equals_the_formula(k):
    y = FitReLU(init=3.0, k=k).double()(X)
    expected = [max(v * logistic(k * (3 - v)), 0.0) for v in X.flatten().tolist()]
    assert y.flatten().tolist() == pytest.approx(expected, rel=1e-12)


def test_what_is_far_beyond_the_bound_is_dropped_and_what_is_far_below_kept():
    clip = FitReLU(init=3.0)
    x = torch.tensor([[-1.0, 0.0, 1.0, 2.0, 10.0, 1e30]])
    torch.testing.assert_close(clip(x), torch.tensor([[0.0, 0.0, 1.0, 2.0, 0.0, 0.0]]))


@pytest.mark.parametrize("shape", [(64, 3), (64, 3, 2, 4)])
def test_each_neuron_starts_at_its_largest_input_and_learns_alone(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    clip = FitReLU(num_features=3, per="neuron", init="percentile:100")
    clip.calibrate(x)
    bounds = clip.thresholds()["upper"]
    assert torch.equal(bounds, x.abs().amax(dim=0))
    clip(x).sum().backward()
    gradient = clip.upper.raw.grad
    torch.testing.assert_close(gradient, clip.slopes(x)["upper"].sum(dim=0).detach())
    alone = torch.zeros(shape)
    alone[:, 1] = x[:, 1]
    clip.zero_grad()
    clip(alone).sum().backward()
    assert torch.equal(clip.upper.raw.grad[1], gradient[1])
    assert not clip.upper.raw.grad[0].any()


def test_bounds_of_neurons_come_back_from_a_saved_state():
    clip, fresh = (FitReLU(per="neuron", init="percentile:100") for _ in range(2))
    x = torch.randn((8, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    clip.calibrate(x)
    fresh.load_state_dict(clip.state_dict())
    assert torch.equal(fresh(x), clip(x))


def test_a_number_for_each_neuron_is_refused():
    with pytest.raises(ValueError, match="per='neuron' needs init to be a data rule"):
        FitReLU(per="neuron")


@pytest.mark.parametrize("k", [0.0, -1.0, math.nan, math.inf])
def test_a_steepness_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match="FitReLU needs 0 < k < inf, got"):
        FitReLU(k=k)
