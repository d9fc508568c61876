"""Thresholds are recorded as the clips give them, one number a layer or a summary of channels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from clipbench.clips.relu import ReLU
from clipbench.probes.thresholds import threshold_histograms, threshold_scalars


def test_every_threshold_has_its_tag(net: Any) -> None:
    net.conv2.clip.upper.set_value(torch.tensor([0.25, 0.5, 1.0, 2.25]))
    net.hidden.clip.upper.set_value(0.75)
    assert threshold_scalars(net) == pytest.approx(
        {
            "threshold/conv2/upper/mean": 1.0,
            "threshold/conv2/upper/min": 0.25,
            "threshold/conv2/upper/max": 2.25,
            "threshold/hidden/upper": 0.75,
        }
    )


def test_the_value_is_the_effective_one(net: Any) -> None:
    with torch.no_grad():
        net.hidden.clip.upper.raw.fill_(-5.0)
    value = net.hidden.clip.thresholds()["upper"].item()
    assert value >= 0
    assert threshold_scalars(net)["threshold/hidden/upper"] == pytest.approx(value)


def test_only_channels_have_a_histogram(net: Any) -> None:
    net.conv2.clip.upper.set_value(torch.tensor([0.25, 0.5, 0.5, 2.25]))
    histograms = threshold_histograms(net)
    assert histograms.keys() == {"threshold/conv2/upper"}
    histogram = histograms["threshold/conv2/upper"]
    assert (histogram["min"], histogram["max"], histogram["num"]) == (0.25, 2.25, 4)
    assert histogram["counts"][0] == 1
    assert histogram["counts"][8] == 2
    assert histogram["counts"][-1] == 1


def test_no_threshold_gives_no_tag() -> None:
    model = nn.Module()
    model.clip = ReLU()
    assert threshold_scalars(model) == {}
    assert threshold_histograms(model) == {}


def test_nothing_is_changed_or_kept_for_autograd(net: Any) -> None:
    before = [parameter.clone() for parameter in net.parameters()]
    threshold_scalars(net)
    threshold_histograms(net)
    assert all(map(torch.equal, before, net.parameters()))
    assert all(parameter.grad is None for parameter in net.parameters())
