"""ReLU: ``y = max(x, 0)``; ``dy/dx = 1[x > 0]``, zero at zero (Nair and Hinton, 2010)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip


class ReLU(Clip):
    """ReLU, the reference every other clip is compared with."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep what is positive."""
        return F.relu(x)
