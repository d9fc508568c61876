"""The effective thresholds of a model as records: no hook, straight from the parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipbench.clips.base import sites
from clipbench.probes.running_histogram import RunningHistogram, records
from clipbench.records.histogram import Histogram


def threshold_scalars(model: nn.Module) -> dict[str, float]:
    """Give every threshold under ``threshold/<site>/<name>``, with one read of the device.

    One threshold a layer is one number; one a channel becomes ``/mean``, ``/min`` and ``/max``.
    """
    numbers = threshold_tensors(model)
    if len(numbers) == 0:
        return {}
    return dict(zip(numbers, torch.stack(list(numbers.values())).tolist(), strict=True))


def threshold_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Give the same numbers as 0-d tensors where they are, without reading the device."""
    numbers: dict[str, Tensor] = {}
    for tag, value in _thresholds(model).items():
        numbers |= by_tag(tag, value)
    return numbers


def by_tag(tag: str, value: Tensor) -> dict[str, Tensor]:
    """Give a number of a layer under its tag; of one a channel the mean, least and greatest."""
    if value.dim() == 0:
        return {tag: value}
    return {f"{tag}/mean": value.mean(), f"{tag}/min": value.amin(), f"{tag}/max": value.amax()}


def threshold_histograms(model: nn.Module) -> dict[str, Histogram]:
    """Give a histogram of every threshold that has one value a channel, under the same tags."""
    running: dict[str, RunningHistogram] = {}
    for tag, value in _thresholds(model).items():
        if value.dim() > 0:
            running[tag] = RunningHistogram(value)
            running[tag].add(value)
    return records(running)


def _thresholds(model: nn.Module) -> dict[str, Tensor]:
    with torch.no_grad():
        return {
            f"threshold/{site}/{name}": value.detach()
            for site, clip in sites(model).items()
            for name, value in clip.thresholds().items()
        }
