"""SReLU: three lines, of slope ``a`` below ``l``, one between, and ``b`` above ``u``, all learned.

::

    y = u + b (x - u)  for x >= u        dy/du = (1 - b) 1[x >= u],  dy/db = (x - u) 1[x > u]
    y = x              for l < x < u
    y = l + a (x - l)  for x <= l        dy/dl = (1 - a) 1[x <= l],  dy/da = (x - l) 1[x < l]

and ``dy/dx`` is the slope of the line, that of the outer one where two meet (Jin et al., 2016,
arXiv 1512.07030). There each channel may have its own (``per: channel``), and is frozen as a leaky
ReLU for the first epochs; here ``init`` may be a data rule, and all four learn from the first step.
A slope of exactly one would give its threshold no gradient, so the upper one starts at a half.
Nothing in the formula keeps the thresholds from crossing; ``interval`` does.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.clips.interval import IntervalClip, pull_apart
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import clip_at


class SReLU(IntervalClip):
    """The identity between two learned thresholds, lines of learned slope beyond them.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first upper threshold, or a data rule such as ``percentile:90``.
        lower: the first lower threshold, below the upper one.
        lower_slope: the first slope below.
        upper_slope: the first slope above.
        per: one of each for the layer, or for each channel.

    Raises:
        ValueError: an argument is out of range.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 1.0,
        lower: float = 0.0,
        lower_slope: float = 0.25,
        upper_slope: float = 0.5,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)

        def free(first: float | str) -> Threshold:
            return Threshold(first, per=per, num_features=num_features, positivity="free")

        self.lower, self.upper = free(lower), free(init)
        self.lower_slope, self.upper_slope = free(lower_slope), free(upper_slope)
        if not bool((self.lower.value() < self.upper.value()).all()):
            raise ValueError(f"SReLU needs lower < init, got lower={lower} and init={init}.")

    def forward(self, x: Tensor) -> Tensor:
        """Bend the line at both thresholds."""
        lower, upper = self.bounds(x)
        inside = clip_at(x, lower, upper)
        below, above = self.lower_slope.for_input(x), self.upper_slope.for_input(x)
        # Between the thresholds what is multiplied is exactly zero.
        return inside + torch.where(x >= upper, above, below) * (x - inside)

    def thresholds(self) -> dict[str, Tensor]:
        """Give both thresholds and both slopes."""
        slopes = {"lower_slope": self.lower_slope.value(), "upper_slope": self.upper_slope.value()}
        return {**super().thresholds(), **slopes}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give what turns the line for a threshold, and the distance beyond it for a slope."""
        lower, upper = self.bounds(x)
        below, above = self.lower_slope.for_input(x), self.upper_slope.for_input(x)
        return {
            "lower": (x <= lower) * (1 - below),
            "upper": (x >= upper) * (1 - above),
            "lower_slope": (x - lower).clamp(max=0),
            "upper_slope": (x - upper).clamp(min=0),
        }

    def calibrate(self, x: Tensor) -> None:
        """Set the upper threshold by its data rule, if it has one, and keep it above the lower."""
        super().calibrate(x)
        pull_apart(self.lower, self.upper)
