"""Swish: ``y = x s(beta x)`` with the logistic ``s`` and a learned ``beta``.

``dy/dx = s + beta x s (1 - s)`` and ``dy/dbeta = x^2 s (1 - s)`` (Ramachandran, Zoph and Le, 2017,
arXiv 1710.05941). With ``beta = 1`` it is ``silu``, with ``beta = 0`` it is ``x / 2``, and a large
``beta`` comes close to ReLU. Any sign is allowed, and nothing decays ``beta``: decay would pull it
towards the line. A learned activation but no clip, like ``prelu``.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class Swish(Clip):
    """SiLU with a learned steepness.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first ``beta``, of any sign.
        per: one ``beta`` for the layer, or one for each channel.
    """

    verdict = "EXACT"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: float = 1.0,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)
        self.beta = Threshold(init, per=per, num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Gate the input by the logistic of its multiple."""
        return x * torch.sigmoid(self.beta.for_input(x) * x)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the steepness."""
        return {"beta": self.beta.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give what is never negative, and zero at zero."""
        gate = torch.sigmoid(self.beta.for_input(x) * x)
        return {"beta": x * ((1 - gate) * gate) * x}
