"""Soft threshold: ``y = sign(x) max(|x| - t, 0)`` with a learned ``t > 0``.

``dy/dx = 1[|x| > t]`` and ``dy/dt = -sign(x) 1[|x| > t]``: the proximal map of ``t |x|`` (Donoho,
1995, for wavelet coefficients), with exact zeros up to ``t`` and everything else moved by ``t``
towards zero. torch's ``softshrink`` is the same with a constant ``t``; here that is
``learned: false``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.shrink import shrink, shrink_slopes
from clipbench.clips.threshold import Threshold


class SoftThreshold(Clip):
    """Shrink towards zero by a learned threshold, with exact zeros up to it.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:85``.
        learned: whether the threshold is learned.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive; ``sigmoid`` keeps it below one as well.
    """

    verdict: Verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 0.5,
        learned: bool = True,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "sigmoid", "square"] = "project",
    ) -> None:
        super().__init__(num_features=num_features)
        self.lower = Threshold(
            init, per=per, num_features=num_features, positivity=positivity, learned=learned
        )
        if not learned:
            self.verdict = "FIXED"

    def forward(self, x: Tensor) -> Tensor:
        """Shrink towards zero."""
        return shrink(x, self.lower.for_input(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"lower": self.lower.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give minus the sign of what is beyond the threshold."""
        return shrink_slopes(x, self.lower.for_input(x)) if self.lower.learned else {}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what becomes zero."""
        return x.abs() <= self.lower.for_input(x)
