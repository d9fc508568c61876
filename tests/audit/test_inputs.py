"""What an audit feeds a module: something on every side of whatever the module compares with."""

from __future__ import annotations

from functools import partial

import pytest

from clipbench.audit.inputs import FEATURES, audit_inputs, thresholds_of
from clipbench.audit.static import audit_gradients
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.masked import MaskedClip


@pytest.mark.parametrize("init", [0.3, 1.0, 30.0])
def test_every_channel_meets_inputs_on_both_sides_of_its_threshold(init):
    clip = LearnableClip(num_features=FEATURES, init=init, per="channel")
    x, threshold = audit_inputs(clip), thresholds_of(clip)["upper"]
    for beyond in (x > threshold, x < -threshold, x.abs() < threshold):
        assert beyond.any(dim=0).all()


@pytest.mark.parametrize("k", [2.0, 3.0, 4.0, 6.0])
def test_a_mask_of_outliers_finds_some_within_a_sample(k):
    make = partial(MaskedClip, num_features=FEATURES, mask="outlier", k=k)
    report = audit_gradients(make)
    assert report.verdict == "EXACT"
    assert not report.findings


def test_channels_of_a_usual_network_exist():
    make = partial(MaskedClip, num_features=FEATURES, mask="channels", channels=[0, 40])
    assert audit_gradients(make).verdict == "EXACT"
