"""Smooth PACT: ``y = sp(x) - sp(x - t)`` with a softplus ``sp`` and a learned ``t > 0``.

With the temperature ``w`` and the logistic ``s``::

    sp(v) = w log(1 + exp(v / w))
    dy/dx = s(x / w) - s((x - t) / w)
    dy/dt = s((x - t) / w)

As ``w`` goes to zero it becomes ``min(max(x, 0), t)``. The threshold gets a gradient before an
input has reached it: a control made for this comparison, from the clip of Choi et al., 2018, to
tell a ``pact`` that had no gradient to start from, from one that learned something bad. It is about
``w log 2`` at zero, and never exactly zero.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold
from clipbench.clips.width import Width

# Where torch's softplus becomes its argument: from here on it is, to the last digit of float64.
_LINEAR = 40.0


class SmoothPACT(Clip):
    """ReLU cut off at a learned threshold, with both corners rounded.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
        temperature: width of the corners, in units of the input.
        temperature_end: width at the end of training, reached geometrically; None for the same.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 3.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        temperature: Annotated[float, Gt(0)] = 0.25,
        temperature_end: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__(num_features=num_features)
        self.temperature = Width(temperature, end=temperature_end)
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)

    def forward(self, x: Tensor) -> Tensor:
        """Clip below zero and above the threshold, smoothly."""
        width, upper = self.temperature.for_input(x), self.upper.for_input(x)
        before = self._softplus(x / width) - self._softplus((x - upper) / width)
        # The same by sp(v) = v + sp(-v), where the difference of two large numbers would cancel.
        after = self._softplus(-x / width) - self._softplus((upper - x) / width)
        return torch.where(x < upper / 2, width * before, upper + width * after)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give a rise from zero far below the threshold to one far above it."""
        beyond = (x - self.upper.for_input(x)) / self.temperature.for_input(x)
        return {"upper": torch.sigmoid(beyond)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above the threshold."""
        return x >= self.upper.for_input(x)

    @staticmethod
    def _softplus(x: Tensor) -> Tensor:
        return F.softplus(x, threshold=_LINEAR)
