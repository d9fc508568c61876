"""Top-k: keep the ``k`` largest elements of each sample and set the rest to zero.

``dy/dx`` is 1 for what is kept and 0 for the rest; nothing is learned. Makhzani and Frey (2013,
arXiv 1312.5663) keep the k highest activities of a hidden layer, Xiao, Zhong and Zheng (2020, arXiv
1905.10510) put the same in place of ReLU in whole networks, as k-winners-take-all. Here ``k`` is
``density`` times the elements of a sample, over channels and positions together, rounded to the
nearest, and at least 1: the sparsity is exact, which makes this the reference for every learned
threshold.

Largest, not largest in size: a density above the share of positive inputs keeps negative ones.
Among equal elements torch chooses, and their number is still ``k``.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from clipbench.clips.base import Clip


class TopK(Clip):
    """Keep the largest elements of each sample, an exact share of them.

    Args:
        num_features: not used.
        density: share of elements kept, in (0, 1].

    Raises:
        ValueError: the density is out of range.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        density: Annotated[float, Gt(0), Le(1)] = 0.2,
    ) -> None:
        super().__init__(num_features=num_features)
        if not 0 < density <= 1:
            raise ValueError(f"TopK needs 0 < density <= 1, got {density}.")
        self.density = density

    def forward(self, x: Tensor) -> Tensor:
        """Keep the winners."""
        rows = x.flatten(1)
        k = max(1, round(self.density * rows.shape[1]))
        values, places = rows.topk(k, dim=1, sorted=False)
        return torch.zeros_like(rows).scatter(1, places, values).view(x.shape)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"density={self.density}"
