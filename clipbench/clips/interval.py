"""Two learned thresholds that must not cross.

A clamp whose lower bound lies above its upper one gives a constant, and neither bound knows which
way is back. Here a pair that has crossed, or come closer than ``GAP``, is read as the nearest pair
that has not, with slope one in both (as ``positivity`` reads a raw number outside its domain), and
is moved there after each optimizer step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.threshold import Threshold

GAP = 1e-3


def ordered(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Give the nearest pair with ``lower <= upper - GAP``; both move by the same amount.

    Where the dtype cannot resolve ``GAP``, the two come out equal, never crossed. NaN stays NaN.

    Args:
        lower: finite values.
        upper: finite values that broadcast against them.
    """
    low, high = lower.detach(), upper.detach()
    # Both from one middle: rounding keeps their order, which moving each by half would not.
    middle = (low + high) / 2
    low = torch.minimum(low, middle - GAP / 2)
    high = torch.maximum(high, middle + GAP / 2)
    return low + (lower - lower.detach()), high + (upper - upper.detach())


@torch.no_grad()
def pull_apart(lower: Threshold, upper: Threshold) -> None:
    """Make two thresholds of positivity ``free`` the nearest pair that has not crossed."""
    low, high = ordered(lower.value(), upper.value())
    lower.set_value(low)
    upper.set_value(high)
