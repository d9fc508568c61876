"""LSQ: a clip and a grid of ``2^bits`` levels whose step ``s > 0`` is learned.

With ``Q = 2^bits - 1``, ``u = x / s`` and ``round`` to the nearest integer, ties to even (Esser et
al., 2020, arXiv 1902.08153)::

    y     = s round(min(max(u, 0), Q))
    dy/dx = 1 where 0 < u < Q, else 0
    dy/ds = round(u) - u where 0 < u < Q, 0 where u <= 0, Q where u >= Q

The clip stands at ``s Q``, and the step gets a gradient from below the clip as well, so it learns
from any input above zero. Q being large, its gradient is large beside a weight's: the method
multiplies it by ``1 / sqrt(N Q)``. ``gradient_scale="elements"`` takes for N all elements that
share the step, batch included, as public codes do, so that the factor depends on the batch size;
``"features"`` leaves the batch out. An optimizer that normalises gradients, such as Adam, undoes
either.

The first step of the method is twice the mean of what is quantised, ``max(x, 0)``, over
``sqrt(Q)``: ``init=mean_abs:2``. The number 0.2 is about that for the standard normal at 4 bits; at
other widths the rule is the better start. The rules ``percentile`` and ``std`` say where the clip
stands.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.rounding import in_steps, levels_of, on_grid, scale_slope
from clipbench.clips.straight_through import with_gradient_of
from clipbench.clips.threshold import Threshold

_SCALES = ("elements", "features", "none")


class LSQ(Clip):
    """Clip and round to a grid with a learned step.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first step; or a data rule, ``mean_abs:2`` for the published one, or such as
            ``percentile:99.9`` for the place of the clip.
        per: one step for the layer, or one for each channel.
        positivity: how the step stays positive.
        bits: number of bits of the output.
        gradient_scale: what the gradient of the step is divided by the root of: number of levels
            times elements that share the step, the same of one sample, or nothing.

    Raises:
        ValueError: an argument is out of range.
    """

    gradient = "surrogate"
    verdict = "SURROGATE"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 0.2,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        bits: Annotated[int, Ge(1), Le(8)] = 4,
        gradient_scale: Literal["elements", "features", "none"] = "elements",
    ) -> None:
        super().__init__(num_features=num_features)
        if gradient_scale not in _SCALES:
            raise ValueError(
                f"LSQ needs gradient_scale to be one of {', '.join(_SCALES)}, "
                f"got {gradient_scale!r}."
            )
        self.levels = levels_of(bits)
        self.scaled_by = gradient_scale
        self.scale = Threshold(init, per=per, num_features=num_features, positivity=positivity)
        if self.scale.rule is not None:
            # Of a symmetric distribution, half the mean of |x| lies above zero.
            self._to_step(share=0.5 if self._by_mean else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Clip and round."""
        scale = self.scale.value()
        learning = scale * self.gradient_scale(x)
        scale = self.scale.fit(with_gradient_of(scale, learning), x)
        return on_grid(x, scale, *self._place(x, scale.detach()))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the step; the clip stands at ``2^bits - 1`` of them."""
        return {"scale": self.scale.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give the rounding error in steps, and all steps at and above the clip."""
        scale = self.scale.for_input(x)
        return {"scale": scale_slope(x, scale, *self._place(x, scale))}

    def gradient_scale(self, x: Tensor) -> float:
        """Give ``1 / sqrt(N Q)``, or 1 with ``gradient_scale="none"``."""
        if self.scaled_by == "none":
            return 1.0
        sharing = x.numel() // (x.shape[1] if self.scale.per == "channel" else 1)
        if self.scaled_by == "features":
            sharing //= x.shape[0]
        return float((sharing * self.levels) ** -0.5)

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above the clip, not those that are zero as in ReLU."""
        return x >= self.scale.for_input(x) * self.levels

    def calibrate(self, x: Tensor) -> None:
        """Set the step by the data rule, if there is one."""
        if self.scale.rule is not None:
            self.scale.calibrate(x.relu() if self._by_mean else x)
            self._to_step(share=1.0)

    @property
    def _by_mean(self) -> bool:
        return self.scale.rule is not None and self.scale.rule.name == "mean_abs"

    def _to_step(self, *, share: float) -> None:
        steps = self.levels**0.5 if self._by_mean else self.levels
        self.scale.set_value(self.scale.value() * (share / steps))

    def _place(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach()
        index = in_steps(x, scale).round().clamp(0, self.levels)
        return index, torch.minimum(x, scale * self.levels - x)
