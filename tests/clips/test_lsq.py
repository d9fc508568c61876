"""LSQ: its grid, the gradient of its step at and around the bounds, its scaling and its start."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.lsq import LSQ

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_slope(clip, x, value, batch, at):
    return float(0 < x < value["scale"] * clip.levels)


def threshold_slope(clip, x, value, batch, at):
    u = x / value["scale"]
    if u <= 0:
        return {"scale": 0.0}
    beyond = x >= value["scale"] * clip.levels
    return {"scale": float(clip.levels) if beyond else round(u) - u}


def is_saturated(clip, x, value, batch, at):
    return x >= value["scale"] * clip.levels


def ties(clip, value):
    return [value["scale"] * steps for steps in (0.5, 1.5, clip.levels - 0.5, clip.levels)]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_it_equals_its_formula(bits):
    clip, top = LSQ(init=0.17, bits=bits).double(), 2**bits - 1
    step = clip.scale.raw.item()
    expected = [step * round(min(max(x / step, 0), top)) for x in X.flatten().tolist()]
    assert clip(X).flatten().tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_its_output_is_on_the_grid_and_is_left_alone_the_second_time(dtype):
    clip = LSQ(bits=3).to(dtype)
    y = clip(X.to(dtype) * 2)
    step = clip.scale.for_input(y)
    assert torch.equal(y, step * (y / step).round())
    assert y.max() == step * 7
    assert torch.equal(clip(y), y)


def test_the_step_takes_everything_at_both_bounds_and_the_rounding_error_between():
    clip = LSQ(init=0.25, bits=2, gradient_scale="none")
    x = torch.tensor([[-0.25, 0.0, 0.25, 0.35, 0.75, 5.0]], requires_grad=True)
    clip(x).backward(torch.tensor([[1.0, 1.0, 1.0, 1.0, 10.0, 100.0]]))
    assert x.grad.tolist() == [[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]
    assert clip.scale.raw.grad.item() == pytest.approx((1 - 1.4) + 3 * 110)


@pytest.mark.parametrize(
    ("settings", "shape", "sharing"),
    [
        ({"gradient_scale": "none"}, (8, 4), None),
        ({"gradient_scale": "elements"}, (8, 4), 32),
        ({"gradient_scale": "features"}, (8, 4), 4),
        ({"gradient_scale": "elements"}, (8, 4, 3, 3), 288),
        ({"gradient_scale": "features"}, (8, 4, 3, 3), 36),
        ({"gradient_scale": "elements", "per": "channel"}, (8, 4, 3, 3), 72),
        ({"gradient_scale": "features", "per": "channel"}, (8, 4, 3, 3), 9),
    ],
)
def test_the_gradient_is_scaled_by_how_many_elements_share_a_step(settings, shape, sharing):
    clip = LSQ(num_features=4, bits=3, **settings).double()
    plain = LSQ(num_features=4, bits=3, **{**settings, "gradient_scale": "none"}).double()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = 1.0 if sharing is None else 1 / math.sqrt(sharing * 7)
    assert clip.gradient_scale(x) == pytest.approx(expected)
    for one in (clip, plain):
        one(x).sum().backward()
    torch.testing.assert_close(clip.scale.raw.grad, plain.scale.raw.grad * expected)
    assert torch.equal(clip(x), plain(x))


def test_the_published_rule_is_twice_the_mean_of_what_is_quantised_by_the_root_of_the_levels():
    clip = LSQ(init="mean_abs:2", bits=4)
    x = torch.tensor([[-8.0, 1.0], [2.0, 5.0]])
    clip.calibrate(x)
    assert clip.thresholds()["scale"].item() == pytest.approx(2 * (8 / 4) / math.sqrt(15))


@pytest.mark.parametrize(("rule", "clip_point"), [("percentile:100", 8.0), ("std:1", 5.0)])
def test_the_other_rules_place_the_clip(rule, clip_point):
    clip = LSQ(init=rule, bits=4)
    clip.calibrate(torch.tensor([[8.0, -2.0]]))
    assert clip.thresholds()["scale"].item() * 15 == pytest.approx(clip_point)


@pytest.mark.parametrize("rule", ["mean_abs:2", "percentile:99", "std:3"])
def test_before_any_data_a_rule_gives_about_what_normal_data_would(rule):
    clip = LSQ(init=rule, bits=4)
    before = clip.thresholds()["scale"].item()
    clip.calibrate(torch.randn(100_000, 1, generator=torch.Generator().manual_seed(2)))
    assert clip.thresholds()["scale"].item() == pytest.approx(before, rel=0.03)


def test_the_first_step_is_about_what_the_published_rule_gives_for_normal_data():
    assert LSQ().scale.raw.item() == pytest.approx(
        LSQ(init="mean_abs:2").scale.raw.item(), rel=0.05
    )


def test_a_number_is_not_calibrated():
    clip = LSQ(init=0.5)
    clip.calibrate(X)
    assert clip.thresholds()["scale"].item() == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 0}, "bits must be from 1 to 8, got 0"),
        ({"gradient_scale": "batch"}, "elements, features, none, got 'batch'"),
        ({"init": 0.0}, "got init=0.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LSQ(**settings)
