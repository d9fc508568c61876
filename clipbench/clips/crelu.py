"""CReLU: a shifted ReLU cut off at a magnitude, ``y = min(max(x - t, 0), m)`` with ``t, m > 0``.

``dy/dx = 1[t < x < t + m]``, ``dy/dt`` is minus that, and ``dy/dm = 1[x >= t + m]`` (Price,
Daultry Ball, Lam, Jones and Tanner, 2024, arXiv 2402.16184). For N(0, 1) inputs a share Phi(t) of
the outputs is zero. The paper shows that the shifted ReLU without ``m`` is unstable at
initialisation on the edge of chaos and that clipping the magnitude cures it; ``magnitude: null``
gives that shifted ReLU, for which ``t`` is one more bias.

There ``t`` and ``m`` are constants, which is ``learned: false`` here; by default both are learned.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.shrink import excess, excess_slopes
from clipbench.clips.threshold import Threshold


class CReLU(Clip):
    """Shifted ReLU with a limit to its output.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first lower threshold, or a data rule such as ``percentile:70``, which counts both
            tails: of symmetric inputs 15 in 100 pass.
        magnitude: the first limit of the output; None for no limit.
        learned: whether threshold and magnitude are learned.
        per: one threshold and magnitude for the layer, or one for each channel.
        positivity: how they stay positive.
    """

    verdict: Verdict = "EXACT"
    magnitude: Threshold | None

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 1.0,
        magnitude: Annotated[float, Gt(0)] | None = 1.0,
        learned: bool = True,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
    ) -> None:
        super().__init__(num_features=num_features)

        def threshold(first: float | str) -> Threshold:
            return Threshold(
                first, per=per, num_features=num_features, positivity=positivity, learned=learned
            )

        self.lower = threshold(init)
        self.magnitude = None if magnitude is None else threshold(magnitude)
        if not learned:
            self.verdict = "FIXED"

    def forward(self, x: Tensor) -> Tensor:
        """Shift, and clip at zero and at the magnitude."""
        return excess(x, *self._values(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold and, where there is one, the magnitude."""
        lower = {"lower": self.lower.value()}
        return lower if self.magnitude is None else lower | {"magnitude": self.magnitude.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give -1 between the ends for the threshold, 1 at and above the upper end."""
        return excess_slopes(x, *self._values(x)) if self.lower.learned else {}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what is at or beyond either end."""
        lower, magnitude = self._values(x)
        below = x <= lower
        return below if magnitude is None else below | (x - lower >= magnitude)

    def _values(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        magnitude = None if self.magnitude is None else self.magnitude.for_input(x)
        return self.lower.for_input(x), magnitude
