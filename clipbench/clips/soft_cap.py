"""Soft cap: ``y = t tanh(x / t)`` with a learned ``t > 0``.

With ``v = x / t``: ``dy/dx = 1 - tanh(v)^2`` and ``dy/dt = tanh(v) - v (1 - tanh(v)^2)``. With a
constant ``t`` it is the soft cap of Gemma 2, 50 on attention scores and 30 on logits (2024); here
the cap is learned. It never saturates exactly, so every input but zero moves the threshold: the
control for "the threshold learned because it always had a gradient".
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class SoftCap(Clip):
    """Smooth clamp to plus or minus a learned threshold.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive, and away from zero, by which it divides.

    Raises:
        ValueError: an argument is out of range.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 2.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "softplus", "exp"] = "project",
    ) -> None:
        super().__init__(num_features=num_features)
        if positivity not in ("project", "softplus", "exp"):
            raise ValueError(
                f"SoftCap needs positivity to be project, softplus or exp, got {positivity!r}."
            )
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)

    def forward(self, x: Tensor) -> Tensor:
        """Squash."""
        upper = self.upper.for_input(x)
        return upper * torch.tanh(x / upper)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give an odd function that runs from -1 to 1."""
        ratio = x / self.upper.for_input(x)
        squashed = torch.tanh(ratio)
        return {"upper": squashed - ratio * (1 - squashed * squashed)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs that the cap would cut off if it were hard."""
        return x.abs() >= self.upper.for_input(x)
