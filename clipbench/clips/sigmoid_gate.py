"""Sigmoid gates: a learned lower threshold ``t`` that a smooth gate makes trainable.

With the logistic ``s = s((x - t) / temperature)``::

    SigmoidGate           y = x s
    StraightThroughGate   y = x 1[x > t]
    both                  dy/dx = s + x s (1 - s) / temperature
                          dy/dt = -x s (1 - s) / temperature

``published_sigmoid`` is the widely copied form, whose threshold never learns; these are its
repairs. The soft gate has exact gradients but leaks below the threshold and has no exact zeros; the
straight-through gate has the zeros, and the soft gradient in place of its own (after Bengio,
Leonard and Courville, 2013), which is biased. ``t`` may take any sign, and learns from inputs
within a few temperatures of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.straight_through import with_gradient_of
from clipbench.clips.threshold import Threshold
from clipbench.clips.tie_rule import keep_positive
from clipbench.clips.width import Width


class SigmoidGate(Clip):
    """Soft gate: the input times a sigmoid of its distance to a learned threshold.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, of any sign, or a data rule such as ``percentile:50``.
        per: one threshold for the layer, or one for each channel.
        temperature: width of the gate, in units of the input.
        temperature_end: width at the end of training, reached geometrically; None for the same.
    """

    verdict: Verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: float | str = 0.1,
        per: Literal["layer", "channel"] = "layer",
        temperature: Annotated[float, Gt(0)] = 0.1,
        temperature_end: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__(num_features=num_features)
        self.temperature = Width(temperature, end=temperature_end)
        self.lower = Threshold(init, per=per, num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Fade out what is below the threshold."""
        return x * self._gate(x)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"lower": self.lower.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give zero where the gate is shut or open to the last digit, and at zero."""
        gate = self._gate(x)
        return {"lower": -(x * (1 - gate) * gate) / self.temperature.for_input(x)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or below the threshold."""
        return x <= self.lower.for_input(x)

    def _gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid((x - self.lower.for_input(x)) / self.temperature.for_input(x))


class StraightThroughGate(SigmoidGate):
    """Hard gate: zero up to a learned threshold, trained by the gradient of the soft gate.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, of any sign, or a data rule such as ``percentile:50``.
        per: one threshold for the layer, or one for each channel.
        temperature: width of the surrogate, in units of the input.
        temperature_end: width at the end of training, reached geometrically; None for the same.
    """

    gradient = "surrogate"
    verdict = "SURROGATE"

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is at or below the threshold."""
        soft = super().forward(x)
        with torch.no_grad():
            hard = keep_positive(x, x - self.lower.for_input(x))
        return with_gradient_of(hard, soft)

    def active(self, x: Tensor) -> Tensor:
        """Give 1 above the threshold; the gradient is that of the gate."""
        gate = self._gate(x.detach())
        return with_gradient_of((x > self.lower.for_input(x)).to(x.dtype), gate)
