"""TQT: a clip and a grid whose step is a power of two, by a threshold learned in octaves.

The learned number is ``log2 t``. With ``Q = 2^bits - 1``, ``u = x / s`` and ``round`` to the
nearest integer, ties to even (Jain, Gural, Wu and Dick, 2020, arXiv 1903.08066)::

    s       = 2^ceil(log2 t) / 2^bits
    y       = s min(max(round(u), 0), Q)
    dy/dx   = 1 where 0 <= round(u) <= Q, else 0
    dy/dt   = (s / t) (round(u) - u where 0 <= round(u) <= Q, else 0 below and Q above)
    dy/d(log2 t) = t ln 2 dy/dt

The gradient passes straight through ``ceil`` too, as if ``s`` were proportional to ``t``. What is
seen of ``t`` is its octave: it drifts until it crosses a power of two, and then the clip, at
``s Q``, halves or doubles. An optimizer step changes ``t`` by a share of itself, whatever its size.
Unlike LSQ, the method clips what is already rounded: an input that rounds to the first or the last
level is inside.

The first threshold is a number or a data rule. It starts at 3, inside an octave: at 4 the first
step up would double the clip.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.rounding import in_steps, levels_of, on_grid, scale_slope
from clipbench.clips.straight_through import with_gradient_of
from clipbench.clips.threshold import Threshold


class TQT(Clip):
    """Clip and round to a grid whose step is a learned power of two.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99.9`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        bits: number of bits of the output.

    Raises:
        ValueError: an argument is out of range.
    """

    gradient = "surrogate"
    verdict = "SURROGATE"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 3.0,
        per: Literal["layer", "channel"] = "layer",
        bits: Annotated[int, Ge(1), Le(8)] = 4,
    ) -> None:
        super().__init__(num_features=num_features)
        self.levels = levels_of(bits)
        self.upper = Threshold(init, per=per, num_features=num_features, positivity="exp2")

    def forward(self, x: Tensor) -> Tensor:
        """Clip and round."""
        scale = self._scale(x)
        return on_grid(x, scale, *self._place(x, scale.detach()))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold; the clip stands just below the power of two at or above it."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give the rounding error, and all steps above the last level, by the share of the step."""
        scale, upper = self._scale(x).detach(), self.upper.for_input(x)
        return {"upper": scale_slope(x, scale, *self._place(x, scale)) * (scale / upper)}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above the clip, not those that are zero as in ReLU."""
        return x >= self._scale(x) * self.levels

    def _scale(self, x: Tensor) -> Tensor:
        upper = self.upper.value()
        # In the precision of the threshold: one rounded to bfloat16 may change octave.
        octave = upper.detach().log2().ceil().exp2()
        soft = upper * (octave / upper.detach())
        return self.upper.fit(with_gradient_of(octave, soft) / (self.levels + 1), x)

    def _place(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        rounded = in_steps(x.detach(), scale).round()
        index = rounded.clamp(0, self.levels)
        return index, 1 - (rounded - index).abs()
