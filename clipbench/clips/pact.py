"""PACT: ``y = min(max(x, 0), t)`` with a learned threshold ``t > 0``.

``dy/dx = 1[0 < x < t]`` and ``dy/dt = 1[x >= t]`` (Choi et al., 2018, arXiv 1805.06085). With
``bits`` the result is rounded to ``2^bits`` even levels from 0 to ``t``; the gradient passes
straight through the rounding and ``t`` in the step of the grid counts as constant, so that both
slopes stay as they are and are estimates.

No input pulls ``t`` down but those above it, so the method decays ``t`` like a weight, and here
that is the default. Public codes start it at 6, 8, 10 or 20. Normalised pre-activations hardly
reach these: the loss then gives no gradient, only decay moves ``t``, and without decay it stands
still. Here it starts at 3, which one standard normal number in 740 exceeds. Give ``init=10`` for
the usual start, or a data rule such as ``init=percentile:99.9``.

The formula does not keep ``t > 0``, and a negative one makes the output constant; ``positivity``
keeps it here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from torch import Tensor

from clipbench.clips.base import Verdict
from clipbench.clips.rounding import levels_of, to_levels
from clipbench.clips.threshold import Threshold
from clipbench.clips.upper import UpperClip


class PACT(UpperClip):
    """ReLU cut off at a learned threshold, rounded to a few bits if wanted.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99.9`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
        bits: number of bits of the output; None for no rounding.
    """

    threshold_decay: ClassVar[Literal["none", "weights"]] = "weights"
    verdict: Verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 3.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        bits: Annotated[int, Ge(1), Le(8)] | None = None,
    ) -> None:
        super().__init__(num_features=num_features)
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)
        self.levels = None if bits is None else levels_of(bits)
        if bits is not None:
            self.gradient, self.verdict = "surrogate", "SURROGATE"

    def forward(self, x: Tensor) -> Tensor:
        """Clip below zero and above the threshold, then round."""
        y = super().forward(x)
        return y if self.levels is None else to_levels(y, self.upper.for_input(x), self.levels)
