"""QCFS: a learned clip on a grid of a few steps, for networks that will spike.

The quantisation clip-floor-shift function of Bu et al., 2022 (arXiv 2303.04347), with ``T`` steps
and ``z = floor(x T / t + 1/2) / T``::

    y     = t min(max(z, 0), 1)
    dy/dx = 1 where 0 < z < 1, else 0
    dy/dt = z - x / t where 0 < z < 1, 0 where z <= 0, 1 where z >= 1

The gradient passes straight through ``floor``. The output is the mean rate of a neuron that fires
at ``t``, over T time steps. Unlike LSQ, what is clipped is already rounded, so that the whole first
and last step, and not single inputs, are ties. The tie rule here gives them to the bounds. The
authors' code leaves them to ``torch.clamp``, which gives them to the input: its sum over a batch is
another one. An input half-way between two steps goes to the upper one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.rounding import in_steps, on_grid, scale_slope
from clipbench.clips.threshold import Threshold


class QCFS(Clip):
    """Clip to a learned threshold and round to a few even steps below it.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, or a data rule such as ``percentile:99.9`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
        steps: number of steps from zero to the threshold.

    Raises:
        ValueError: an argument is out of range.
    """

    gradient = "surrogate"
    verdict = "SURROGATE"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 4.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        steps: Annotated[int, Ge(1)] = 8,
    ) -> None:
        super().__init__(num_features=num_features)
        if steps < 1:
            raise ValueError(f"QCFS needs steps >= 1, got {steps}.")
        self.steps = steps
        self.upper = Threshold(init, per=per, num_features=num_features, positivity=positivity)

    def forward(self, x: Tensor) -> Tensor:
        """Round, then clip."""
        scale = self.upper.for_input(x) / self.steps
        return on_grid(x, scale, *self._place(x, scale.detach()))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give the rounding error by the threshold, and 1 on the last step and above."""
        scale = self.upper.for_input(x) / self.steps
        return {"upper": scale_slope(x, scale, *self._place(x, scale)) / self.steps}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above the threshold, not those that are zero as in ReLU."""
        return x >= self.upper.for_input(x)

    def _place(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        index = (in_steps(x.detach(), scale) + 0.5).floor().clamp(0, self.steps)
        return index, index * (self.steps - index)
