"""JumpReLU: the jump forward, its window backward, and the scale of the window."""

from __future__ import annotations

import math
from statistics import NormalDist, pstdev

import pytest
import torch

from clipbench.clips.jumprelu import JumpReLU

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def width_of(clip, batch):
    return clip.bandwidth.start * (pstdev(batch.flatten().tolist()) if clip.relative else 1)


def input_slope(clip, x, value, batch, at):
    return float(x > value["lower"])


def threshold_slope(clip, x, value, batch, at):
    return {"lower": value["lower"] * active_slope(clip, x, value, batch, at)["lower"]}


def active_slope(clip, x, value, batch, at):
    inside = abs(x - value["lower"]) < width_of(clip, batch) / 2
    return {"lower": -1 / width_of(clip, batch) if inside else 0.0}


def is_saturated(clip, x, value, batch, at):
    return x <= value["lower"]


def gradient_of(clip, x):
    (gradient,) = torch.autograd.grad(clip(x).sum(), clip.lower.raw)
    return gradient.item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_exactly_the_jump_and_the_input_does_not_feel_it(dtype):
    clip = JumpReLU(init=0.25).to(dtype)
    x = torch.cat([X.flatten(), torch.tensor([0.25, -0.25, 0.0])]).to(dtype).requires_grad_()
    y = clip(x.view(1, -1)).view(-1)
    y.sum().backward()
    assert y.tolist() == [v if v > 0.25 else 0.0 for v in x.tolist()]
    assert torch.equal(x.grad, (x > 0.25).to(dtype))


def test_nan_stays_nan():
    assert JumpReLU()(torch.tensor([[math.nan]])).isnan().all()


def test_a_fixed_bandwidth_has_the_formula_of_the_paper():
    clip = JumpReLU(init=0.25, bandwidth=0.3, relative=False).double()
    slopes = [
        threshold_slope(clip, x, {"lower": 0.25}, X, ())["lower"] for x in X.flatten().tolist()
    ]
    assert 0 < slopes.count(0.0) < len(slopes)
    assert gradient_of(clip, X) == pytest.approx(sum(slopes))


def test_on_average_it_is_the_slope_of_the_mean_output():
    # E[x 1[x > t]] of the standard normal is its density at t, whose slope is -t times it.
    clip = JumpReLU(init=0.7, bandwidth=0.2).double()
    count = 200_000
    normal = NormalDist()
    x = torch.tensor([normal.inv_cdf((i + 0.5) / count) for i in range(count)]).double()
    estimate = gradient_of(clip, x.view(-1, 1)) / count
    # float32 tables of the normal and the curvature of its density over the window
    assert estimate == pytest.approx(-0.7 * normal.pdf(0.7), rel=0.01)


@pytest.mark.parametrize(("relative", "same"), [(True, True), (False, False)])
def test_a_relative_window_keeps_its_share_at_any_scale(relative, same):
    shares = [
        JumpReLU(init=0.25 * scale, relative=relative)
        .double()
        .window(X * scale)["lower"]
        .double()
        .mean()
        .item()
        for scale in (1.0, 16.0)
    ]
    assert shares[0] > 0
    assert (shares[0] == shares[1]) == same


def test_the_output_of_a_sample_does_not_depend_on_the_others():
    clip = JumpReLU().double()
    assert torch.equal(clip(X)[:1], clip(X[:1]))


def test_a_constant_batch_gives_no_gradient_and_no_nan():
    clip = JumpReLU(init=0.5)
    x = torch.full((4, 3), 0.5)
    assert gradient_of(clip, x) == 0
    assert clip.slopes(x)["lower"].isfinite().all()


def test_it_narrows_over_a_run():
    clip = JumpReLU(init=0.25, bandwidth=1.0, bandwidth_end=0.01).double()
    first = clip.window(X)["lower"].sum()
    clip.bandwidth.anneal(1.0)
    assert clip.window(X)["lower"].sum() < first


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.inf])
def test_a_bandwidth_out_of_range_is_refused(bandwidth):
    with pytest.raises(ValueError, match="Width needs 0 < start < inf, got"):
        JumpReLU(bandwidth=bandwidth)
