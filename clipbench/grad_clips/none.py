"""No gradient clipping: the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight


@dataclass(frozen=True)
class NoClip(GradClip):
    """Leave gradients as they are."""

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Give the same gradients in a new list."""
        return list(gradients), dict(state)
