"""Specimen: the widely copied "sigmoid" threshold, whose threshold cannot learn.

``y = x`` where ``s(t m) > 0.5``, else -1e9, with the logistic ``s`` and a mask ``m`` of ones: the
identity for ``t > 0``, and -1e9 everywhere for ``t <= 0``. ``dy/dx`` is 1 or 0, ``dy/dt`` does not
exist.

The threshold feeds a comparison only. A comparison has no derivative, so autograd never reaches the
threshold and its gradient stays None: it keeps its first value while the loss falls, and the
network learns around an identity. Own code with the semantics of the copies; kept so that an audit
has something to convict. The repair is ``sigmoid_gate``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold

FILL = -1e9


class PublishedSigmoid(Clip):
    """Specimen: the copied sigmoid threshold, which gets no gradient; sigmoid_gate is its repair.

    Args:
        num_features: not used.
        init: the threshold, which training leaves as it is.
    """

    gradient = "none"
    verdict = "NO_GRADIENT"

    def __init__(self, *, num_features: int | None = None, init: float = 0.1) -> None:
        super().__init__(num_features=num_features)
        self.lower = Threshold(init, per="layer", num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Keep all or fill all, by the sign of the threshold."""
        mask = torch.ones_like(x)
        gate = torch.sigmoid(self.lower.for_input(x) * mask)
        return torch.where(gate > 0.5, x, FILL)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"lower": self.lower.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give zeros: no input gives the threshold a gradient."""
        return {"lower": torch.zeros_like(x)}
