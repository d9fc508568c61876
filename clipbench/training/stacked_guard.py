"""The finite check of a stack: one seed's divergence never touches the others.

As with one seed, a CPU reads the numbers before each update and a GPU keeps flags that are read now
and then. Until its flag is read, a seed that was not finite keeps the weights it had: the others
move on, so the update as a whole is made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer


class LeaveAtOnce:
    """Reads every step: for devices where that is free."""

    def lost(self, numbers: Tensor, *, step: int) -> dict[int, int]:
        """Return which places of ``numbers (k,)`` are not finite, with the step."""
        return {
            place: step
            for place, number in enumerate(numbers.tolist())
            if not math.isfinite(number)
        }

    def poll(self) -> dict[int, int]:
        """Return nothing: every step has been read already."""
        return {}

    def keep(self, places: Sequence[int]) -> None:
        """Do nothing: nothing is remembered."""

    def update(self, optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
        """Make the update; whoever was not finite has left."""
        optimizer.step()


class LeaveWhenRead:
    """Keeps a flag a seed on the device; a flagged seed keeps its weights."""

    def __init__(self, seeds: int, device: torch.device) -> None:
        self._step = torch.full((seeds,), -1, dtype=torch.int64, device=device)

    def lost(self, numbers: Tensor, *, step: int) -> dict[int, int]:
        """Flag the places that are not finite; none is read."""
        bad = ~torch.isfinite(numbers) & (self._step < 0)
        self._step = torch.where(bad, step, self._step)
        return {}

    def poll(self) -> dict[int, int]:
        """Return which places are flagged, with the step of each; this reads the device."""
        return {place: step for place, step in enumerate(self._step.tolist()) if step >= 0}

    def keep(self, places: Sequence[int]) -> None:
        """Forget the seeds at all other places."""
        self._step = self._step[list(places)]

    @torch.no_grad()
    def update(self, optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
        """Make the update of the seeds without a flag."""
        before = [parameter.clone() for parameter in parameters]
        optimizer.step()
        stopped = self._step >= 0
        for parameter, old in zip(parameters, before, strict=True):
            mask = stopped.view(-1, *[1] * (parameter.dim() - 1))
            torch.where(mask, old, parameter, out=parameter)


Guard = LeaveAtOnce | LeaveWhenRead


def guard_for(device: torch.device, *, seeds: int) -> Guard:
    """Return the guard that costs least on this device."""
    return LeaveAtOnce() if device.type == "cpu" else LeaveWhenRead(seeds, device)
