"""Learnable clip: ``y = min(max(x, -t), t)`` with a learned threshold ``t > 0``.

``dy/dx = 1[-t < x < t]`` and ``dy/dt = 1[x >= t] - 1[x <= -t]``: the threshold gets the difference
of two tails, and an input at the bound counts as saturated. The hard clamp as it is often copied
starts at 0.1, which starves the next layer, and collapses to a constant once ``t`` is negative;
here ``t`` starts at 1 and ``positivity`` keeps it valid. Two-sided relative of PACT (Choi et al.,
2018), without its ReLU and its decay.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import clip_size


class LearnableClip(Clip):
    """Hard clamp to plus or minus a learned threshold.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 1.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
    ) -> None:
        super().__init__(num_features=num_features)
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)

    def forward(self, x: Tensor) -> Tensor:
        """Clip both tails."""
        return clip_size(x, self.upper.for_input(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give 1 above and -1 below; an input at both bounds, at threshold zero, cancels."""
        upper = self.upper.for_input(x)
        return {"upper": (x >= upper).to(x.dtype) - (x <= -upper).to(x.dtype)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark the tails."""
        return x.abs() >= self.upper.for_input(x)
