"""Saturation is what the clip itself calls saturated, over the whole split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipbench.clips.learnable import LearnableClip
from clipbench.probes.observe import observe
from clipbench.probes.saturation import Saturation


def test_streaming_equals_all_inputs_at_once(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = Saturation()
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    bound = {"conv2": np.float32(0.4), "hidden": np.float32(0.1)}
    expected = {
        f"saturation/{site}": float(np.mean(np.abs(seen[site].inputs) >= value))
        for site, value in bound.items()
    }
    mean = {"saturation/mean": sum(expected.values()) / 3}
    assert probe.compute() == pytest.approx(expected | {"saturation/conv1": 0.0} | mean, abs=1e-15)
    assert 0 < expected["saturation/conv2"] < 1


def test_an_input_at_the_threshold_is_saturated() -> None:
    probe, x = Saturation(), torch.tensor([[-1.0, -0.5, 0.0, 1.0]])
    clip = LearnableClip(init=1.0)
    probe.update("a", clip, x, clip(x))
    assert probe.compute() == {"saturation/a": 0.5, "saturation/mean": 0.5}
    probe.reset()
    assert probe.compute() == {}
