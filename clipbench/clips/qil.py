"""QIL: an interval with learned centre ``c`` and half width ``d > 0``, mapped to 0 .. 1.

With ``u = (x - (c - d)) / (2 d)`` (Jung et al., 2019, arXiv 1808.05779)::

    y     = min(max(u, 0), 1)
    dy/dx = 1 / (2 d), dy/dc = -1 / (2 d), dy/dd = -(x - c) / (2 d^2)    where 0 < u < 1, else 0

What is at or below ``c - d`` becomes zero and what is at or above ``c + d`` becomes one, so the
method learns where to prune and where to clip. The bounds of the output are constants, and no
input outside the interval gives either number a gradient. With ``bits`` the output is rounded to
``2^bits`` even levels and the gradient passes straight through.

This is the method's transform of activations, whose output is not on the scale of its input: the
slope in the input is ``1 / (2 d)``. Its transform of weights is not part of this.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from torch import Tensor

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.rounding import levels_of, to_levels
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import clip_at


class QIL(Clip):
    """Map a learned interval to 0 .. 1 and clip what is outside.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first upper end of the interval, or a data rule for it such as
            ``percentile:99.9`` or ``std:3``.
        lower: the first lower end, below the upper one.
        per: one interval for the layer, or one for each channel.
        positivity: how the half width stays positive; no map that reaches zero.
        bits: number of bits of the output, at least 2: one alone has no use for the width; None for
            no rounding.

    Raises:
        ValueError: an argument is out of range, or ``lower < init`` does not hold.
    """

    verdict: Verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 3.0,
        lower: float = 0.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "softplus", "exp"] = "project",
        bits: Annotated[int, Ge(2), Le(8)] | None = None,
    ) -> None:
        super().__init__(num_features=num_features)
        self.lower = lower
        self.center = Threshold(init, per=per, num_features=num_features, positivity="free")
        upper = self.center.value().detach()
        if not lower < float(upper.flatten()[0]):
            raise ValueError(f"QIL needs lower < init, got lower={lower} and init={init}.")
        self.half_width = Threshold(1.0, per=per, num_features=num_features, positivity=positivity)
        self._reach(upper)
        self.levels = None if bits is None else levels_of(bits)
        if bits is not None:
            self.gradient, self.verdict = "surrogate", "SURROGATE"

    def forward(self, x: Tensor) -> Tensor:
        """Map the interval to 0 .. 1, clip, then round."""
        y = clip_at(self._position(x), x.new_zeros(()), x.new_ones(()))
        return y if self.levels is None else to_levels(y, 1.0, self.levels)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the centre and the half width of the interval."""
        return {"center": self.center.value(), "half_width": self.half_width.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give nothing outside the interval, and nothing to the half width at the centre."""
        center, half_width = self.center.for_input(x), self.half_width.for_input(x)
        inside = ~self.saturated(x)
        return {
            "center": inside * (-0.5 / half_width),
            "half_width": inside * ((center - x) / (2 * half_width.square())),
        }

    def saturated(self, x: Tensor) -> Tensor:
        """Mark both ends of the interval and what is outside."""
        position = self._position(x)
        return (position <= 0) | (position >= 1)

    def calibrate(self, x: Tensor) -> None:
        """Set the interval by the data rule for its upper end, if there is one."""
        if self.center.rule is not None:
            self.center.calibrate(x)
            self._reach(self.center.value().detach())

    def _position(self, x: Tensor) -> Tensor:
        # From the centre, so that an input there is 1/2 exactly.
        half_width = self.half_width.for_input(x)
        return 0.5 + (x - self.center.for_input(x)) / (2 * half_width)

    def _reach(self, upper: Tensor) -> None:
        self.half_width.set_value((upper - self.lower) / 2)
        self.center.set_value(self.lower + self.half_width.value().detach())
