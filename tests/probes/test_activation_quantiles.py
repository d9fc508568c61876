"""Quantiles are exact while the sample holds everything, and within the stated error beyond."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipbench.clips.relu import ReLU
from clipbench.probes import even_sample
from clipbench.probes.activation_quantiles import QUANTILES, ActivationQuantiles
from clipbench.probes.observe import observe


def _measure(batches: list[Tensor]) -> dict[str, float]:
    probe = ActivationQuantiles()
    for batch in batches:
        probe.update("a", ReLU(), batch, batch)
    return {tag.rpartition("/")[2]: value for tag, value in probe.compute().items()}


def test_small_splits_are_exact(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = ActivationQuantiles()
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    expected = {
        f"activation_quantile/{site}/{name}": float(np.quantile(at.inputs.astype(np.float64), q))
        for site, at in seen.items()
        for name, q in QUANTILES.items()
    }
    assert probe.compute() == pytest.approx(expected, rel=1e-12)


def _ranks(values: np.ndarray, measured: dict[str, float]) -> dict[str, float]:
    return {name: float(np.mean(values <= value)) for name, value in measured.items()}


# Channels on scales of their own, images on scales of their own, rows in ascending order: a sample
# that fell into step with any dimension would be far off.
def _structured(count: int, channels: int, size: int) -> Tensor:
    values = torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(0))
    values *= torch.arange(1.0, channels + 1).view(1, -1, 1, 1)
    values += 3 * torch.arange(size).view(1, 1, -1, 1)
    return values * torch.linspace(0.5, 2, count).view(-1, 1, 1, 1)


@pytest.mark.parametrize("shape", [(500, 8, 16), (77, 6, 11), (64, 32, 16)])
@pytest.mark.parametrize("batch_size", [32, 50])
def test_large_splits_stay_within_the_stated_error(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], batch_size: int
) -> None:
    size = 2**13
    monkeypatch.setattr(even_sample, "SAMPLE_SIZE", size)
    values = _structured(*shape)
    assert values.numel() > 4 * size
    measured = _measure(list(values.split(batch_size)))
    ranks = _ranks(values.numpy().ravel(), measured)
    for name, q in QUANTILES.items():
        # Three of the standard deviations that the module states.
        assert abs(ranks[name] - q) < 3 * math.sqrt(q * (1 - q) / (size / 2))


def test_batches_weigh_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_sample, "SAMPLE_SIZE", 1000)
    ones, zeros = torch.ones(100, 90), torch.zeros(100, 1)
    measured = _measure([*ones.split(10), *zeros.split(10)])
    assert measured["q01"] < 1
    assert measured["q50"] == 1
