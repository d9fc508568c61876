"""PReLU: ``y = x`` for ``x > 0``, else ``a x`` with a learned slope ``a``.

``dy/dx`` is 1 or ``a``; ``dy/da = x 1[x < 0]`` (He, Zhang, Ren and Sun, 2015, arXiv 1502.01852).
The slope starts at 0.25, may take any sign and is not decayed, as in the paper: decay would pull it
towards ReLU. It is a learned activation but no clip: the control for "anything learned helps".
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip
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
        return F.prelu(x, self.slope.value().to(x.dtype))

    def thresholds(self) -> dict[str, Tensor]:
        """Give the slope."""
        return {"slope": self.slope.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give what is negative."""
        return {"slope": x.clamp(max=0)}
