"""QIL: an interval mapped to 0 .. 1, its ends, its start and its rounding."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.qil import QIL

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2


def input_slope(clip, x, value, batch, at):
    inside = abs(x - value["center"]) < value["half_width"]
    return 1 / (2 * value["half_width"]) if inside else 0.0


def threshold_slope(clip, x, value, batch, at):
    center, half = value["center"], value["half_width"]
    if not center - half < x < center + half:
        return {"center": 0.0, "half_width": 0.0}
    return {"center": -1 / (2 * half), "half_width": -(x - center) / (2 * half * half)}


def is_saturated(clip, x, value, batch, at):
    return abs(x - value["center"]) >= value["half_width"]


def ties(clip, value):
    # Only where sums of the two are exact does the interval end at a number.
    if clip.half_width.positivity != "project":
        return []
    return [value["center"] - value["half_width"], value["center"] + value["half_width"]]


@pytest.mark.parametrize("bits", [None, 1, 3])
@pytest.mark.parametrize(("lower", "upper"), [(0.0, 3.0), (0.5, 0.75), (-2.0, 1.0)])
def test_it_equals_its_formula(lower, upper, bits):
    clip = QIL(init=upper, lower=lower, bits=bits).double()
    expected = [min(max((x - lower) / (upper - lower), 0.0), 1.0) for x in X.flatten().tolist()]
    if bits is not None:
        expected = [round(y * (2**bits - 1)) / (2**bits - 1) for y in expected]
    assert clip(X).flatten().tolist() == pytest.approx(expected, abs=1e-12)


def test_the_interval_starts_between_its_ends():
    thresholds = QIL(init=2.0, lower=0.5).thresholds()
    assert thresholds["center"].item() == pytest.approx(1.25)
    assert thresholds["half_width"].item() == pytest.approx(0.75)


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_a_data_rule_sets_the_upper_end_and_leaves_the_lower(per):
    clip = QIL(num_features=2, init="percentile:100", lower=0.5, per=per)
    clip.calibrate(torch.tensor([[-4.0, 1.0], [2.0, 1.5]]))
    center, half_width = clip.thresholds().values()
    expected = [4.0, 1.5] if per == "channel" else [4.0]
    assert (center + half_width).flatten().tolist() == pytest.approx(expected)
    assert (center - half_width).flatten().tolist() == pytest.approx([0.5] * len(expected))


def test_a_rule_that_falls_below_the_lower_end_leaves_a_narrow_interval_at_it():
    clip = QIL(init="percentile:100", lower=2.0)
    clip.calibrate(torch.tensor([[0.5, -0.5]]))
    center, half_width = (number.item() for number in clip.thresholds().values())
    assert half_width == pytest.approx(1e-3)
    assert center - half_width == pytest.approx(2.0)


def test_at_both_ends_and_outside_nothing_gets_a_gradient():
    clip = QIL(init=3.0, lower=1.0)
    x = torch.tensor([[0.0, 1.0, 2.0, 2.5, 3.0, 4.0]], requires_grad=True)
    y = clip(x)
    assert y.tolist() == [[0.0, 0.0, 0.5, 0.75, 1.0, 1.0]]
    y.backward(torch.tensor([[9.0, 9.0, 1.0, 10.0, 9.0, 9.0]]))
    assert x.grad.tolist() == [[0.0, 0.0, 0.5, 5.0, 0.0, 0.0]]
    assert clip.center.raw.grad.item() == pytest.approx(-5.5)
    assert clip.half_width.raw.grad.item() == pytest.approx(-10 * 0.5 / 2)
    assert clip.saturated(x).tolist() == [[True, True, False, False, True, True]]


def test_only_rounding_makes_the_gradient_an_estimate():
    assert (QIL().gradient, QIL().verdict) == ("exact", "EXACT")
    assert (QIL(bits=4).gradient, QIL(bits=4).verdict) == ("surrogate", "SURROGATE")


@pytest.mark.parametrize("lower", [3.0, 4.0])
def test_an_interval_that_ends_before_it_begins_is_refused(lower):
    with pytest.raises(ValueError, match=f"QIL needs lower < init, got lower={lower}"):
        QIL(lower=lower)
