"""The width of a smooth or straight-through step, constant or annealed over a run.

A narrow step is close to the jump it stands for and gives few elements a gradient; a wide one the
reverse. From ``start`` to ``end`` the width runs geometrically, ``start (end / start)^p`` with the
progress ``p`` of the run, so that it loses the same share in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Width(nn.Module):
    """A positive number that only the progress of the run changes.

    Attributes:
        now: the width at this point of the run, a 0-d buffer, float32 or float64.

    Args:
        start: width at the beginning.
        end: width at the end of the run; None for the same.

    Raises:
        ValueError: a width is not positive and finite.
    """

    now: Tensor

    def __init__(self, start: float, *, end: float | None = None) -> None:
        super().__init__()
        for name, number in (("start", start), ("end", start if end is None else end)):
            if not 0 < number < float("inf"):
                raise ValueError(f"Width needs 0 < {name} < inf, got {number}.")
        self.start, self.end = start, start if end is None else end
        # A buffer, so that a compiled step and a checkpoint see the width of now.
        self.register_buffer("now", torch.tensor(float(start)))

    @property
    def changes(self) -> bool:
        """Whether the progress of a run makes a difference."""
        return self.start != self.end

    def for_input(self, x: Tensor) -> Tensor:
        """Give the width in the dtype of ``x``."""
        return self.now.to(x.dtype)

    @torch.no_grad()
    def anneal(self, progress: float) -> None:
        """Set the width for a share of the run that is done, from 0 to 1."""
        self.now.fill_(self.start * (self.end / self.start) ** progress)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"start={self.start}, end={self.end}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Width:
        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.element_size() >= 4 else tensor.to(moved.device)

        return super()._apply(move, recurse)


def annealed(module: nn.Module) -> list[Width]:
    """Find the widths in ``module`` that change over a run."""
    return [part for part in module.modules() if isinstance(part, Width) and part.changes]
