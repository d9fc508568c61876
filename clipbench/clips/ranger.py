"""Ranger: ReLU in training; afterwards ``y = min(max(x, 0), T)`` with the largest output seen.

``T`` is the largest output of the site over the training part, so that no clean training image
changes, and a fault that makes a value larger than any seen is held at ``T``. Chen, Li and
Pattabiraman, 2021 (arXiv 2003.13874), who restrict both ends of a range; after a ReLU the lower end
is zero. Nothing is learned: the control that every learned bound has to beat under faults.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.tie_rule import clip_at


class Ranger(Clip):
    """ReLU, held at the largest training output once training is over.

    Attributes:
        upper: the bound, a 0-d buffer, infinite until it is set.

    Args:
        num_features: not used.
    """

    bounded_after_training = True
    upper: Tensor

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features)
        self.register_buffer("upper", torch.tensor(math.inf))

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is negative, hold what is beyond the bound."""
        return clip_at(x, x.new_zeros(()), self.upper.to(x.dtype))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the bound, which no optimizer sees."""
        return {"upper": self.upper}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or beyond the bound."""
        return x >= self.upper

    @torch.no_grad()
    def set_bound(self, largest: Tensor) -> None:
        """Set the bound from the largest output over the training part, a 0-d tensor.

        Raises:
            ValueError: it is not finite, or negative.
        """
        if not bool(largest.isfinite() & (largest >= 0)):
            raise ValueError(
                f"{type(self).__name__} needs a finite largest output >= 0, got {largest.item()}."
            )
        self.upper.copy_(largest)
