"""SiLU: ``y = x s(x)`` with the logistic ``s``; ``dy/dx = s + x s (1 - s)``.

Elfwing, Uchibe and Doya, 2017 (arXiv 1702.03118). Smooth, so next to no output is exactly zero:
sparsity is about zero unless an epsilon is declared.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip


class SiLU(Clip):
    """SiLU (also Swish with beta 1), smooth and without a threshold."""

    def forward(self, x: Tensor) -> Tensor:
        """Gate the input by its own logistic."""
        return F.silu(x)
