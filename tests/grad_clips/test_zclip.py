"""ZClip against its rule in plain Python, and what it does to a spike."""

from __future__ import annotations

import math
import random
from statistics import fmean, pvariance

import pytest
import torch

from clipbench.grad_clips.zclip import ZClip


def norms_after(clip, norms):
    """Give the norm after clipping at each step, where the gradients have these norms."""
    state, after = clip.init(total_steps=len(norms)), []
    direction = torch.tensor([0.6, 0.8], dtype=torch.float64)
    for norm in norms:
        (answer,), state = clip([norm * direction], weights=[], state=state)
        after.append(answer.norm().item())
    return after, state


def slow(norms, *, alpha=0.97, z_thresh=2.5, warmup_steps=25, max_norm=None):
    """Follow the rule with a list for the warm-up and floats after."""
    collected, mean, variance, after = [], 0.0, 0.0, []
    for norm in norms:
        limit = math.inf
        if len(collected) < warmup_steps:
            collected.append(norm)
            mean, variance = fmean(collected), pvariance(collected)
        else:
            deviation = math.sqrt(variance)
            z = (norm - mean) / (deviation + 1e-6)
            if z > z_thresh:
                limit = mean + z_thresh * deviation / (z / z_thresh)
            seen = min(norm, limit)
            mean = alpha * mean + (1 - alpha) * seen
            variance = alpha * variance + (1 - alpha) * (seen - mean) ** 2
        bound = limit if max_norm is None else min(limit, max_norm)
        after.append(norm * min(1.0, bound / (norm + 1e-6)))
    return after, mean, variance


def noisy(count, *, spikes=()):
    source = random.Random(0)
    norms = [2.0 + 0.3 * source.gauss(0, 1) for _ in range(count)]
    for step, factor in spikes:
        norms[step] *= factor
    return norms


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"alpha": 0.8, "z_thresh": 1.5, "warmup_steps": 2},
        {"max_norm": 1.9},
        {"z_thresh": 0.5, "max_norm": 2.2},
    ],
    ids=str,
)
def test_it_equals_a_slow_reference(settings):
    norms = noisy(120, spikes=[(10, 5.0), (40, 3.0), (41, 100.0), (90, 2.0), (100, 0.01)])
    expected, mean, variance = slow(norms, **settings)
    found, state = norms_after(ZClip(**settings), norms)
    assert found == pytest.approx(expected, rel=1e-4)
    assert any(a < 0.9 * b for a, b in zip(found, norms, strict=True)), "something was clipped"
    assert state["mean"].item() == pytest.approx(mean, rel=1e-4)
    assert state["variance"].item() == pytest.approx(variance, rel=1e-3)


def test_warm_up_gives_the_plain_mean_and_variance_and_clips_nothing():
    norms = noisy(25, spikes=[(12, 1000.0)])
    found, state = norms_after(ZClip(), norms)
    assert found == pytest.approx(norms, rel=1e-9)
    assert state["mean"].item() == pytest.approx(fmean(norms), rel=1e-5)
    assert state["variance"].item() == pytest.approx(pvariance(norms), rel=1e-5)


def test_the_further_out_the_nearer_to_the_mean():
    start = noisy(25)
    ends = [norms_after(ZClip(), [*start, spike])[0][-1] for spike in (4.0, 8.0, 80.0, 8e5)]
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == pytest.approx(fmean(start), rel=1e-4)
    assert ends[0] > 1.05 * fmean(start)


def test_a_small_norm_is_never_clipped():
    norms = [*noisy(25), 1e-4]
    assert norms_after(ZClip(), norms)[0][-1] == pytest.approx(1e-4, rel=1e-9)


def test_a_spike_enters_the_statistics_as_what_it_was_clipped_to():
    start = noisy(25)
    with_spike = norms_after(ZClip(), [*start, 1e6])[1]
    assert with_spike["mean"].item() == pytest.approx(fmean(start), rel=1e-4)


def test_the_bound_by_norm_is_off_unless_set_and_unseen_by_the_statistics():
    norms = noisy(60)
    free, bounded = norms_after(ZClip(), norms), norms_after(ZClip(max_norm=1.0), norms)
    assert max(free[0]) > 2.0
    assert bounded[0] == pytest.approx([1.0] * 60, rel=1e-4), "from the first step on"
    assert all(torch.equal(free[1][name], bounded[1][name]) for name in free[1])


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"alpha": 0.0}, r"alpha in \(0, 1\), got 0.0"),
        ({"alpha": 1.0}, r"alpha in \(0, 1\), got 1.0"),
        ({"alpha": math.nan}, r"alpha in \(0, 1\), got nan"),
        ({"z_thresh": 0.0}, "z_thresh > 0, got 0.0"),
        ({"warmup_steps": 1}, "warmup_steps >= 2, got 1"),
        ({"max_norm": 0.0}, "max_norm > 0 or None, got 0.0"),
        ({"max_norm": math.nan}, "max_norm > 0 or None, got nan"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong, rule):
    with pytest.raises(ValueError, match=f"ZClip needs {rule}"):
        ZClip(**wrong)
