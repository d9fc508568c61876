"""A unit is dead if it was zero for every sample, wherever the batches were cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipbench.clips.relu import ReLU
from clipbench.probes.dead_units import DeadUnits
from clipbench.probes.observe import observe


def test_streaming_equals_all_outputs_at_once(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = DeadUnits()
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    expected = {}
    for site, at in seen.items():
        units = np.moveaxis(at.outputs, 1, 0).reshape(at.outputs.shape[1], -1)
        expected[f"dead_units/{site}"] = float(np.mean(np.all(units == 0, axis=1)))
    assert probe.compute() == pytest.approx(expected, abs=1e-15)
    assert expected["dead_units/conv1"] == 0.5


def test_one_activity_in_any_batch_is_life() -> None:
    probe = DeadUnits()
    for unit in (0, 2):
        outputs = torch.zeros(3, 4)
        outputs[1, unit] = -1e-30
        probe.update("a", ReLU(), outputs, outputs)
    assert probe.compute() == {"dead_units/a": 0.5}


def test_a_channel_lives_by_a_single_place() -> None:
    outputs = torch.zeros(2, 2, 3, 3)
    outputs[1, 1, 2, 0] = 1.0
    probe = DeadUnits()
    probe.update("a", ReLU(), outputs, outputs)
    assert probe.compute() == {"dead_units/a": 0.5}
