"""Learnable clip: bound, identity below it, idempotence, and the gradient at and around the tie."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.clips.learnable import LearnableClip

POSITIVITIES = ["project", "abs", "softplus", "exp", "square"]
FINITE = st.floats(-1e4, 1e4, width=32)


def input_slope(clip, x, value, batch, at):
    return float(abs(x) < value["upper"])


def threshold_slope(clip, x, value, batch, at):
    return {"upper": float(x >= value["upper"]) - float(x <= -value["upper"])}


def is_saturated(clip, x, value, batch, at):
    return abs(x) >= value["upper"]


@settings(deadline=None, max_examples=50)
@given(
    values=st.lists(FINITE, min_size=1, max_size=10),
    init=st.floats(0.002, 1e3),
    positivity=st.sampled_from(POSITIVITIES),
)
def test_it_is_bounded_the_identity_below_the_bound_and_idempotent(values, init, positivity):
    clip = LearnableClip(init=init, positivity=positivity)
    x, upper = torch.tensor([values]), clip.thresholds()["upper"]
    y = clip(x)
    below = x.abs() < upper
    assert (y.abs() <= upper).all()
    assert torch.equal(y[below], x[below])
    assert torch.equal(clip(y), y)
    assert torch.equal(clip.saturated(x), ~below)


def test_the_threshold_takes_the_whole_gradient_at_both_ties():
    clip = LearnableClip(init=1.0)
    x = torch.tensor([[-1.0, 1.0, 0.999]], requires_grad=True)
    clip(x).backward(torch.tensor([[3.0, 5.0, 7.0]]))
    assert x.grad.tolist() == [[0.0, 0.0, 7.0]]
    assert clip.upper.raw.grad.item() == 5.0 - 3.0


def test_at_threshold_zero_an_input_at_both_bounds_cancels():
    clip = LearnableClip(positivity="abs")
    clip.upper.set_value(0.0)
    x = torch.tensor([[-2.0, 0.0, 3.0]])
    clip(x).backward(torch.tensor([[1.0, 10.0, 100.0]]))
    assert clip.upper.raw.grad.item() == 99.0
    assert clip.window(x)["upper"].tolist() == [[True, False, True]]


@pytest.mark.parametrize("positivity", POSITIVITIES)
def test_the_gradient_goes_through_the_map(positivity):
    clip = LearnableClip(init=0.5, positivity=positivity)
    clip(torch.tensor([[2.0, -2.0, 0.1]])).backward(torch.tensor([[4.0, 1.0, 9.0]]))
    slope = torch.autograd.grad(clip.upper.value(), clip.upper.raw)[0]
    assert clip.upper.raw.grad.item() == pytest.approx(3.0 * slope.item())


def test_each_channel_has_its_own_threshold():
    clip = LearnableClip(num_features=2, per="channel")
    clip.upper.set_value(torch.tensor([0.5, 2.0]))
    y = clip(torch.tensor([[[[-3.0, 3.0]], [[-3.0, 1.0]]]]))
    assert y.flatten().tolist() == [-0.5, 0.5, -2.0, 1.0]
    y.sum().backward()
    assert clip.upper.raw.grad.tolist() == [0.0, -1.0]


def test_a_data_rule_sets_the_threshold_from_the_pre_activations():
    clip = LearnableClip(num_features=2, init="percentile:100", per="channel")
    clip.calibrate(torch.tensor([[1.0, -4.0], [-3.0, 2.0]]))
    assert clip.thresholds()["upper"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("init", [0.0, -0.1])
def test_a_threshold_that_is_not_positive_is_refused(init):
    with pytest.raises(ValueError, match=f"got init={init}"):
        LearnableClip(init=init)
