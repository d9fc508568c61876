"""Saturation: the share of a clip's inputs at or beyond a threshold, as the clip tells it."""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe
from clipbench.probes.shares import Shares


class Saturation(Probe):
    """Measures ``saturation/<site>``, 0 for clips that cannot saturate, and ``saturation/mean``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._shares = Shares()

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Count the saturated inputs of one batch."""
        marked = torch.count_nonzero(clip.saturated(inputs))
        self._shares.add(f"saturation/{site}", marked=marked, seen=inputs.numel())

    def compute(self) -> dict[str, float]:
        """Give the share of every site and the mean of sites, in which each counts once."""
        shares = self._shares.shares()
        if len(shares) == 0:
            return {}
        return shares | {"saturation/mean": sum(shares.values()) / len(shares)}
