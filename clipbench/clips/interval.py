"""Two learned thresholds that must not cross.

A clamp whose lower bound lies above its upper one gives a constant, and neither bound knows which
way is back. Here a pair that has crossed, or come closer than ``GAP``, is read as the nearest pair
that has not, with slope one in both (as ``positivity`` reads a raw number outside its domain), and
is moved there after each optimizer step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.readable import is_readable
from clipbench.clips.straight_through import with_gradient_of
from clipbench.clips.threshold import Threshold

GAP = 1e-3


def ordered(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Give the nearest pair with ``lower <= upper - GAP``; both move by the same amount.

    Where the dtype cannot resolve ``GAP``, the two come out equal, never crossed. NaN stays NaN.

    Args:
        lower: finite values.
        upper: finite values that broadcast against them.
    """
    if _are_well_apart(lower, upper):
        return lower, upper
    low, high = lower.detach(), upper.detach()
    # Both from one middle: rounding keeps their order, which moving each by half would not.
    middle = (low + high) / 2
    low = torch.minimum(low, middle - GAP / 2)
    high = torch.maximum(high, middle + GAP / 2)
    return with_gradient_of(low, lower), with_gradient_of(high, upper)


@torch.no_grad()
def pull_apart(lower: Threshold, upper: Threshold) -> None:
    """Make two thresholds of positivity ``free`` the nearest pair that has not crossed."""
    if _are_well_apart(lower.raw, upper.raw):
        return
    low, high = ordered(lower.value(), upper.value())
    lower.set_value(low)
    upper.set_value(high)


def _are_well_apart(lower: Tensor, upper: Tensor) -> bool:
    """Say whether numbers that can be read are far from the gap; no is no answer."""
    return is_readable(lower) and is_readable(upper) and upper.item() - lower.item() > 2 * GAP


class IntervalClip(Clip):
    """What two learned thresholds share; whoever inherits from this makes them.

    Attributes:
        lower: of positivity ``free``.
        upper: the same.
    """

    lower: Threshold
    upper: Threshold

    def bounds(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give both, never crossed, shaped to broadcast against ``x``."""
        return ordered(self.lower.for_input(x), self.upper.for_input(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give both thresholds."""
        lower, upper = ordered(self.lower.value(), self.upper.value())
        return {"lower": lower, "upper": upper}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark both tails, and what is exactly at a threshold."""
        lower, upper = self.bounds(x)
        return (x <= lower) | (x >= upper)

    def project(self) -> None:
        """Bring every number back into its domain, and the thresholds apart."""
        super().project()
        pull_apart(self.lower, self.upper)
