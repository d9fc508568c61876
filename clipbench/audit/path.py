"""The path a parameter is moved along, and what its gradient promises on the way.

It runs from ``p - H`` to ``p + H`` and stays short enough not to change the sign of ``p``, and in
the domain that a clip keeps its threshold in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipbench.audit.losses import Losses
from clipbench.clips.threshold import Threshold

# How often a path is doubled along which nothing changes, though there is a gradient.
LONGER = 3


@dataclass(frozen=True)
class Stretch:
    """A path: its middle, of the shape of the parameter, and half its length."""

    middle: Tensor
    half: float

    def at(self, losses: Losses, share: float) -> Tensor:
        """Give the place at a share of the half path from the middle, from -1 to 1."""
        return self.middle + share * self.half * losses.direction

    def change(self, losses: Losses) -> Tensor:
        """Give by how much each loss changes along the path."""
        return losses.values(self.at(losses, 1)) - losses.values(self.at(losses, -1))

    def promises(self, losses: Losses, points: int) -> tuple[Tensor, Tensor]:
        """Integrate autograd's slope, and that by central differences, over the path."""
        promised = local = torch.zeros(len(losses.weights), dtype=self.middle.dtype)
        for share in ((2 * torch.arange(points) + 1) / points - 1).tolist():
            point = self.at(losses, share)
            slope = losses.slopes(point)
            promised = promised + 2 * self.half / points * (0.0 if slope is None else slope)
            local = local + 2 * self.half / points * losses.differences(point)
        return promised, local

    def shorter(self, times: float) -> Stretch:
        """Give the same path, so many times as short."""
        return Stretch(self.middle, self.half / times)


def stretch_for(module: nn.Module, name: str, losses: Losses, *, has_gradient: bool) -> Stretch:
    """Choose the path of a parameter.

    Where no loss changes along it, though there is a gradient, it is doubled a few times: a
    rounding of the parameter itself jumps only once in a while.
    """
    own, owner = module.get_parameter(name).detach(), module.get_submodule(name.rpartition(".")[0])
    low, high = owner.domain if isinstance(owner, Threshold) else (-math.inf, math.inf)
    for doubled in range(LONGER + 1 if has_gradient else 1):
        half = _half(own) * 2**doubled
        stretch = Stretch(own.clamp(low + half, high - half), half)
        if stretch.change(losses).any() or 4 * half > high - low:
            break
    return stretch


def _half(value: Tensor) -> float:
    size = value.abs().amin().item()
    return size / 2 if size > 0 else 0.25
