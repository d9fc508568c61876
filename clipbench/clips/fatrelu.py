"""FATReLU: ``y = x`` for ``x >= T``, else 0, with a threshold ``T >= 0`` that nothing learns.

``dy/dx = 1[x >= T]`` (forced activation threshold; Kurtz et al., 2020, PMLR 119): a ReLU with more
zeros. The threshold's own derivative is zero almost everywhere, so it is chosen, or set from data
once; ``fatrelu_piecewise`` and ``jumprelu`` are the forms that learn it. An input exactly at ``T``
passes, and with it its gradient: at ``T = 0`` this is ReLU but for the gradient at zero.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class FATReLU(Clip):
    """ReLU that drops everything below a fixed threshold.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the threshold, or a data rule such as ``percentile:70`` that sets it once.
        per: one threshold for the layer, or one for each channel.

    Raises:
        ValueError: the threshold is negative.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Ge(0)] | str = 0.5,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)
        if not isinstance(init, str) and not init >= 0:
            raise ValueError(f"FATReLU needs init >= 0 or a data rule, got init={init}.")
        # Free because zero is allowed, and nothing ever moves it.
        self.lower = Threshold(
            init, per=per, num_features=num_features, positivity="free", learned=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is below the threshold."""
        return torch.where(x < self.lower.for_input(x), 0, x)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"lower": self.lower.value()}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what is dropped, to which an input at the threshold does not belong."""
        return x < self.lower.for_input(x)
