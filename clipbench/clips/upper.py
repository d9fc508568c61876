"""What clips between zero and an upper threshold ``t > 0`` share: ``y = min(max(x, 0), t)``.

``dy/dx = 1[0 < x < t]`` and ``dy/dt = 1[x >= t]``: an input at the bound counts as saturated.
"""

from __future__ import annotations

from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import clip_at


class UpperClip(Clip):
    """ReLU cut off at a threshold ``upper``, which whoever inherits from this makes.

    Attributes:
        upper: the threshold, learned or not.
    """

    upper: Threshold

    def forward(self, x: Tensor) -> Tensor:
        """Clip below zero and above the threshold."""
        return clip_at(x, x.new_zeros(()), self.upper.for_input(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give 1 at and above the threshold; nothing where nobody learns it."""
        if not self.upper.learned:
            return {}
        return {"upper": (x >= self.upper.for_input(x)).to(x.dtype)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above the threshold, not those that are zero as in ReLU."""
        return x >= self.upper.for_input(x)
