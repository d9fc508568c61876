"""Pairs of thresholds that must not cross: the nearest valid pair, in order, with slope one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.clips.interval import GAP, ordered, pull_apart
from clipbench.clips.srelu import SReLU
from clipbench.clips.threshold import Threshold
from clipbench.clips.two_sided import TwoSidedClip

FINITE = st.floats(-1e6, 1e6, width=32)


def threshold(value):
    return Threshold(value, per="layer", num_features=None, positivity="free")


@settings(deadline=None)
@given(lower=FINITE, upper=FINITE, dtype=st.sampled_from([torch.float32, torch.float64]))
def test_the_pair_never_crosses_and_one_that_has_not_stays_as_it_is(lower, upper, dtype):
    pair = torch.tensor([lower, upper], dtype=dtype)
    low, high = ordered(pair[0], pair[1])
    assert low <= high
    if upper - lower >= 1.01 * GAP:
        torch.testing.assert_close(torch.stack([low, high]), pair)
    elif dtype == torch.float64:
        assert high - low == pytest.approx(GAP, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.5, 100.0])
def test_a_crossed_pair_is_the_nearest_one_that_has_not(shift):
    low, high = ordered(torch.tensor(1.0 + shift), torch.tensor(0.5 + shift))
    middle = 0.75 + shift
    assert low.item() == pytest.approx(middle - GAP / 2)
    assert high.item() == pytest.approx(middle + GAP / 2)


@pytest.mark.parametrize("upper", [-1.0, 0.0, 1.0])
def test_both_keep_their_gradient_crossed_or_not(upper):
    pair = torch.tensor([0.0, upper], requires_grad=True)
    low, high = ordered(pair[0], pair[1])
    (3 * low + 5 * high).backward()
    assert pair.grad.tolist() == [3.0, 5.0]


def test_pulling_apart_moves_a_crossed_pair_only():
    lower, upper = threshold(2.0), threshold(1.0)
    pull_apart(lower, upper)
    assert lower.raw.item() == pytest.approx(1.5 - GAP / 2)
    assert upper.raw.item() == pytest.approx(1.5 + GAP / 2)
    before = (lower.raw.item(), upper.raw.item())
    pull_apart(lower, upper)
    assert (lower.raw.item(), upper.raw.item()) == pytest.approx(before, abs=1e-7)
    lower, upper = threshold(-0.3), threshold(0.7)
    kept = (lower.raw.item(), upper.raw.item())
    pull_apart(lower, upper)
    assert (lower.raw.item(), upper.raw.item()) == kept


@pytest.mark.parametrize("kind", [TwoSidedClip, SReLU])
def test_after_a_step_the_raw_numbers_of_a_clip_themselves_are_apart_and_in_their_domain(kind):
    clip = kind(num_features=2, per="channel")
    clip.lower.raw.data.copy_(torch.tensor([2.0, -0.5]))
    clip.upper.raw.data.copy_(torch.tensor([1.0, 2e6]))
    clip.project()
    assert clip.lower.raw.tolist() == pytest.approx([1.5 - GAP / 2, -0.5])
    assert clip.upper.raw.tolist() == pytest.approx([1.5 + GAP / 2, 1e6])


def test_nan_is_not_hidden():
    low, high = ordered(torch.tensor(torch.nan), torch.tensor(1.0))
    assert low.isnan()
    assert high.isnan()
