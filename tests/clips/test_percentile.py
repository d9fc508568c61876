"""Percentile clip: what it takes from data, and that nothing moves it."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.percentile import PercentileClip

X = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))


def input_slope(clip, x, value, batch, at):
    return float(0 < x < value["upper"])


def is_saturated(clip, x, value, batch, at):
    return x >= value["upper"]


def test_it_keeps_the_percentile_of_the_first_batch_and_learns_nothing():
    clip = PercentileClip(init="percentile:90")
    clip.calibrate(X)
    expected = X.abs().flatten().quantile(0.9).item()
    assert clip.thresholds()["upper"].item() == pytest.approx(expected)
    assert list(clip.parameters()) == []
    assert torch.equal(clip(X), X.clamp(0.0, clip.upper.raw.item()))


def test_each_channel_has_its_own():
    clip = PercentileClip(num_features=3, per="channel", init="percentile:100")
    clip.calibrate(X)
    assert torch.equal(clip.thresholds()["upper"], X.abs().amax(dim=0))


def test_a_number_stays_a_number():
    clip = PercentileClip(init=1.5)
    clip.calibrate(X)
    assert clip.thresholds()["upper"].item() == 1.5


def test_what_was_calibrated_is_in_a_saved_state():
    clip, fresh = PercentileClip(), PercentileClip()
    clip.calibrate(X)
    fresh.load_state_dict(clip.state_dict())
    assert torch.equal(fresh.thresholds()["upper"], clip.thresholds()["upper"])
