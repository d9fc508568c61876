"""Quantiles of what a clip is given: where a threshold would have to stand to clip a given share.

How exact they are stands in ``even_sample``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.even_sample import EvenSample
from clipbench.probes.observe import Probe

QUANTILES = {"q01": 0.01, "q50": 0.5, "q90": 0.9, "q99": 0.99, "q999": 0.999}


class ActivationQuantiles(Probe):
    """Measures ``activation_quantile/<site>/{q01,q50,q90,q99,q999}`` of the inputs of each clip."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._samples: dict[str, EvenSample] = {}

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Sample the inputs of one batch."""
        if inputs.numel() > 0:
            self._samples.setdefault(site, EvenSample()).add(inputs)

    def compute(self) -> dict[str, float]:
        """Give five quantiles for every site."""
        if len(self._samples) == 0:
            return {}
        shares = list(QUANTILES.values())
        rows = torch.stack([sample.quantiles(shares) for sample in self._samples.values()]).tolist()
        return {
            f"activation_quantile/{site}/{name}": value
            for site, row in zip(self._samples, rows, strict=True)
            for name, value in zip(QUANTILES, row, strict=True)
        }
