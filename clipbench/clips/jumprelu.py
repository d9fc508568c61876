"""JumpReLU: ``y = x 1[x > t]`` with a learned ``t > 0``, trained straight through.

The derivative by ``t`` is zero almost everywhere. In its place stands that of a window of width
``w`` around the jump, of height ``t`` (Rajamanoharan et al., 2024, arXiv 2407.14435)::

    dy/dt = -(t / w) K((x - t) / w),   K(u) = 1[|u| < 1/2]
    dy/dx = 1[x > t]

so ``x`` does not feel the jump, and an input exactly at ``t`` is dropped. The step by itself, which
a penalty on the number of active elements needs, gets ``-(1 / w) K``.

Where we differ: by default the bandwidth is in units of the standard deviation of the input over
the batch, all channels together, because a width that suits one layer is nothing or everything in
another. ``relative: false`` makes it the number itself, as in the paper. It plays no part in the
forward pass, which therefore depends on no other sample.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.straight_through import carrying, rectangle
from clipbench.clips.threshold import Threshold
from clipbench.clips.width import Width


class JumpReLU(Clip):
    """Zero up to a learned threshold and the input above it, by a straight-through window.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:50``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
        bandwidth: width of the window.
        bandwidth_end: width at the end of training, reached geometrically; None for the same.
        relative: whether the width is in standard deviations of the input, or the number itself.
    """

    gradient = "surrogate"
    verdict: Verdict = "SURROGATE"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 0.1,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        bandwidth: Annotated[float, Gt(0)] = 0.5,
        bandwidth_end: Annotated[float, Gt(0)] | None = None,
        relative: bool = True,
    ) -> None:
        super().__init__(num_features=num_features)
        self.lower = Threshold(init, per=per, num_features=num_features, positivity=positivity)
        self.bandwidth = Width(bandwidth, end=bandwidth_end)
        self.relative = relative

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is at or below the threshold."""
        lower = self.lower.for_input(x)
        kept = torch.where(x <= lower, 0, x)  # not x > lower, which would turn NaN into zero
        return carrying(kept, by=lower, slope=-lower * self._window(x, lower))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"lower": self.lower.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give minus the height of the jump over the bandwidth, inside the window."""
        lower = self.lower.for_input(x)
        return {"lower": -lower * self._window(x, lower)}

    def active(self, x: Tensor) -> Tensor:
        """Give 1 above the threshold; the gradient is that of the window, of height one."""
        lower = self.lower.for_input(x)
        step = (x.detach() > lower).to(x.dtype)
        return carrying(step, by=lower, slope=-self._window(x, lower))

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or below the threshold."""
        return x <= self.lower.for_input(x)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"relative={self.relative}"

    def _window(self, x: Tensor, lower: Tensor) -> Tensor:
        width = self.bandwidth.now
        if self.relative:
            wide = x.detach().to(torch.promote_types(x.dtype, torch.float32))
            width = width * wide.std(correction=0)
        return rectangle(x.detach() - lower, width.to(x.dtype))
