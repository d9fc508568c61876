"""Two-sided clip: ``y = min(max(x, l), u)`` with learned ``l < u`` of any sign.

``dy/dx = 1[l < x < u]``, ``dy/dl = 1[x <= l]`` and ``dy/du = 1[x >= u]``: PACT's gradient (Choi et
al., 2018) at both ends, each threshold with its own tail, where ``learnable`` gives one threshold
the difference of the two. Nothing but the gradient keeps the pair from crossing; ``interval`` does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor

from clipbench.clips.data_rule import parse_rule
from clipbench.clips.interval import IntervalClip
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import clip_at


class TwoSidedClip(IntervalClip):
    """Hard clamp between two learned thresholds.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first upper threshold, or a data rule such as ``percentile:99``; the lower one
            starts at minus it.
        per: one pair for the layer, or one for each channel.

    Raises:
        ValueError: an argument is out of range.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 1.0,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)
        first = parse_rule(init).of_normal() if isinstance(init, str) else init
        if not first > 0:
            raise ValueError(f"TwoSidedClip needs init > 0, got init={init}.")
        self.lower = Threshold(-first, per=per, num_features=num_features, positivity="free")
        self.upper = Threshold(init, per=per, num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Clip both tails."""
        return clip_at(x, *self.bounds(x))

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give 1 in the tail of each threshold."""
        lower, upper = self.bounds(x)
        return {"lower": (x <= lower).to(x.dtype), "upper": (x >= upper).to(x.dtype)}

    def calibrate(self, x: Tensor) -> None:
        """Set the upper threshold by its data rule, if it has one, and the lower to minus it."""
        super().calibrate(x)
        if self.upper.rule is not None:
            self.lower.set_value(-self.upper.value())
