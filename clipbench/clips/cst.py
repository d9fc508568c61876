"""CST: a soft threshold cut off at a magnitude, ``y = sign(x) min(max(|x| - t, 0), m)``.

``dy/dx = 1[t < |x| < t + m]``, ``dy/dt = -sign(x) 1[t < |x| < t + m]`` and
``dy/dm = sign(x) 1[|x| >= t + m]`` with ``t, m > 0`` (Price, Daultry Ball, Lam, Jones and Tanner,
2024, arXiv 2402.16184): CReLU on both sides of zero. For N(0, 1) inputs a share 2 Phi(t) - 1 of the
outputs is zero. Both thresholds get the difference of two sides, as in ``learnable``.

As for ``crelu``, the paper's constants are ``learned: false``; the default learns both.
"""

from __future__ import annotations

from torch import Tensor

from clipbench.clips.crelu import CReLU
from clipbench.clips.shrink import shrink, shrink_slopes


class CST(CReLU):
    """Soft threshold with a limit to the size of its output.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first lower threshold, or a data rule such as ``percentile:85``.
        magnitude: the first limit of the size of the output; None for no limit.
        learned: whether threshold and magnitude are learned.
        per: one threshold and magnitude for the layer, or one for each channel.
        positivity: how they stay positive.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Shrink towards zero, and clip at the magnitude."""
        return shrink(x, *self._values(x))

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give minus the sign between the ends for the threshold, the sign beyond them."""
        return shrink_slopes(x, *self._values(x)) if self.lower.learned else {}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what is at or beyond an end, on either side."""
        return super().saturated(x.abs())
