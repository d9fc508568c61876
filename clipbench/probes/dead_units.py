"""Dead units: the share of units that gave exactly zero for every sample of the split.

A unit is a feature of ``(N, C)`` or a channel of ``(N, C, H, W)``; a channel is dead if it was zero
at every place of every image. It is not sparsity: at 90 % sparsity every unit may be alive.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe


class DeadUnits(Probe):
    """Measures ``dead_units/<site>``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._alive: dict[str, Tensor] = {}

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Mark the units that gave anything but zero in one batch."""
        if outputs.numel() == 0:
            return
        places = [0, *range(2, outputs.dim())]
        active = (outputs != 0).any(dim=places)  # (C,)
        self._alive[site] = self._alive[site] | active if site in self._alive else active

    def compute(self) -> dict[str, float]:
        """Give the share of units of every site that were never active."""
        if len(self._alive) == 0:
            return {}
        alive = torch.stack([torch.count_nonzero(units) for units in self._alive.values()]).tolist()
        return {
            f"dead_units/{site}": 1 - count / units.numel()
            for (site, units), count in zip(self._alive.items(), alive, strict=True)
        }
