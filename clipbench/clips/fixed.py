"""Fixed clamp: ``y = min(max(x, min), max)`` with constant bounds; ``dy/dx = 1[min < x < max]``.

An input exactly at a bound gets no gradient (see ``tie_rule``). That is how ``hardtanh``
treats it; ``torch.clamp`` with the same numbers gives it all, so a network moved from one to the
other trains differently. With ``min=0, max=6`` this is ReLU6.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip


class FixedClamp(Clip):
    """Clamp between constant bounds that nothing learns.

    Args:
        num_features: not used.
        min: lower bound, or None for no bound.
        max: upper bound, or None for no bound.

    Raises:
        ValueError: neither bound is given, or ``min < max`` does not hold.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        min: float | None = None,
        max: float | None = None,
    ) -> None:
        super().__init__(num_features=num_features)
        if min is None and max is None:
            raise ValueError("FixedClamp needs min or max, got min=None and max=None.")
        self.min = -math.inf if min is None else min
        self.max = math.inf if max is None else max
        if not self.min < self.max:
            raise ValueError(f"FixedClamp needs min < max, got min={min} and max={max}.")

    def forward(self, x: Tensor) -> Tensor:
        """Clamp."""
        return F.hardtanh(x, self.min, self.max)

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what is at or beyond a bound."""
        return (x <= self.min) | (x >= self.max)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"min={self.min}, max={self.max}"
