"""FitReLU: ``y = max(x s(k (t - x)), 0)`` with the logistic ``s`` and a learned bound ``t > 0``.

With ``s = s(k (t - x))``::

    dy/dx = 1[x > 0] (s - k x s (1 - s))
    dy/dt = 1[x > 0] k x s (1 - s)

Ghavami, Sadati, Fang and Shannon, 2021 (FitAct, arXiv 2112.13544). It is no saturating clip: what
lies far beyond the bound goes to zero, so that a wrong, very large value is dropped. The bound
learns from inputs within a few ``1 / k`` of it. The paper bounds each neuron and trains the bounds
after the network; here they are trained with it, and a bound for each neuron starts from a data
rule: ``per: neuron`` with ``init: percentile:100`` starts at the largest absolute input that the
first batch shows.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class FitReLU(Clip):
    """ReLU that fades to zero beyond a learned bound.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first bound, or a data rule such as ``percentile:100``.
        per: one bound for the layer, one for each channel, or one for each neuron, which takes a
            data rule.
        positivity: how the bound stays positive.
        k: steepness of the fall, in units of one over the input.

    Raises:
        ValueError: an argument is out of range.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 3.0,
        per: Literal["layer", "channel", "neuron"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        k: Annotated[float, Gt(0)] = 20.0,
    ) -> None:
        super().__init__(num_features=num_features)
        if not 0 < k < float("inf"):
            raise ValueError(f"FitReLU needs 0 < k < inf, got k={k}.")
        self.k = k
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is negative or far beyond the bound."""
        # Infinity times a shut gate would be NaN, and dropping what is too large is the point.
        return F.relu(x).clamp(max=torch.finfo(x.dtype).max) * self._gate(x)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the bound."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give a bump at the bound, of the height of the input times ``k / 4``."""
        gate = self._gate(x)
        return {"upper": F.relu(x) * ((1 - gate) * gate) * self.k}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or beyond the bound."""
        return x >= self.upper.for_input(x)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"k={self.k}"

    def _gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.k * (self.upper.for_input(x) - x))
