"""LeakyReLU: ``y = x`` for ``x > 0``, else ``a x``; ``dy/dx`` is 1 or ``a``.

Maas, Hannun and Ng, 2013. The slope ``a`` is fixed at 0.01 as in the paper. Published tables use
0.1, 0.2 and 0.3 under the same name: a comparison has to say which.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip


class LeakyReLU(Clip):
    """ReLU with a small fixed slope below zero.

    Args:
        num_features: not used.
        negative_slope: slope below zero.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        negative_slope: Annotated[float, Ge(0)] = 0.01,
    ) -> None:
        super().__init__(num_features=num_features)
        if not negative_slope >= 0:
            raise ValueError(f"LeakyReLU needs negative_slope >= 0, got {negative_slope}.")
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Scale what is negative."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"negative_slope={self.negative_slope}"
