"""PReLU: ``y = x`` for ``x > 0``, else ``a x`` with a learned slope ``a``.

``dy/dx`` is 1 or ``a``; ``dy/da = x 1[x < 0]`` (He, Zhang, Ren and Sun, 2015, arXiv 1502.01852).
The slope starts at 0.25, may take any sign and is not decayed, as in the paper: decay would pull it
towards ReLU. It is a learned activation but no clip: the control for "anything learned helps".
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip
from clipbench.clips.flat import dot
from clipbench.clips.readable import are_numbers
from clipbench.clips.threshold import Threshold


class PReLU(Clip):
    """ReLU with a learned slope below zero.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first slope.
        per: one slope for the layer, or one for each channel.
    """

    threshold_decay: ClassVar[Literal["none", "weights"]] = "none"
    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: float = 0.25,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)
        self.slope = Threshold(init, per=per, num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Scale what is negative by the learned slope."""
        slope = self.slope.value().to(x.dtype)
        return _Bend.apply(x, slope) if are_numbers(slope, beside=x) else F.prelu(x, slope)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the slope."""
        return {"slope": self.slope.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give what is negative."""
        return {"slope": x.clamp(max=0)}


class _Bend(torch.autograd.Function):
    """PReLU by one slope that is as good as a number.

    torch's own writes what each element would give to the slope before it sums.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, slope)
        return F.leaky_relu(x, slope.item())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (grad,) = grads
        x, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # in a second derivative
            return torch.where(x > 0, grad, slope * grad), (grad * x.clamp(max=0)).sum()
        buffer, aten = torch.empty_like(x), torch.ops.aten
        below = aten.hardtanh_backward.grad_input(grad, x, -math.inf, 0.0, grad_input=buffer)
        to_slope = dot(below, x) if ctx.needs_input_grad[1] else None
        aten.leaky_relu_backward.grad_input(grad, x, slope.item(), False, grad_input=buffer)
        return buffer, to_slope
