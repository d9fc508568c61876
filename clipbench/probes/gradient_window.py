"""Gradient window: the share of elements that give a threshold a gradient.

A threshold whose window is empty cannot learn, whatever its learning rate; one whose window is wide
takes a gradient that is a sum over many elements.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe
from clipbench.probes.shares import Shares


class GradientWindow(Probe):
    """Measures ``gradient_window/<site>/<name>`` for every threshold of every clip."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._shares = Shares()

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Count the elements of one batch inside each window."""
        for name, inside in clip.window(inputs).items():
            marked = torch.count_nonzero(inside)
            self._shares.add(f"gradient_window/{site}/{name}", marked=marked, seen=inside.numel())

    def compute(self) -> dict[str, float]:
        """Give the share of every threshold."""
        return self._shares.shares()
