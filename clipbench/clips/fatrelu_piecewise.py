"""Piecewise FATReLU: the jump of FATReLU spread over a ramp, with a learned ``t > 0``.

With the compression ``c > 1``::

    y = 0                    x <= t - t/c
    y = c (x - (t - t/c))    on the ramp between
    y = x                    x >= t

``dy/dx`` is 0, ``c`` and 1; ``dy/dt = 1 - c`` on the ramp and 0 elsewhere, exactly. It is
continuous, and FATReLU (Kurtz et al., 2020) as ``c`` grows; the form is that of the sparseml
library, where ``t`` does not learn. An input exactly at an end of the ramp belongs outside it. A
steep ramp gives few elements a gradient, and those a large one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class PiecewiseFATReLU(Clip):
    """ReLU with a learned threshold, below which a steep ramp leads down to zero.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:70``.
        compression: slope of the ramp, above 1; its width is the threshold divided by it.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.

    Raises:
        ValueError: the compression is not above 1, or not finite.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 0.5,
        compression: Annotated[float, Gt(1)] = 2.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
    ) -> None:
        super().__init__(num_features=num_features)
        if not 1 < compression < float("inf"):
            raise ValueError(f"PiecewiseFATReLU needs 1 < compression < inf, got {compression}.")
        self.lower = Threshold(init, per=per, num_features=num_features, positivity=positivity)
        self.compression = compression

    def forward(self, x: Tensor) -> Tensor:
        """Keep what is above the threshold, and lead down to zero below it."""
        return F.relu(self._before_zero(x))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold, the upper end of the ramp."""
        return {"lower": self.lower.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give one less the compression on the ramp."""
        on_ramp = (x < self.lower.for_input(x)) & (self._before_zero(x) > 0)
        return {"lower": on_ramp.to(x.dtype) * (1 - self.compression)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what becomes zero."""
        return self._before_zero(x) <= 0

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"compression={self.compression}"

    def _before_zero(self, x: Tensor) -> Tensor:
        # The two upper pieces in one: the ramp loses a further c - 1 for each unit below t.
        return x - (self.compression - 1) * F.relu(self.lower.for_input(x) - x)
