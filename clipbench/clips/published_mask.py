"""Specimen: the widely copied "custom mask" threshold, whose threshold cannot learn.

``y = x`` where ``s(t m) > 0.5``, else ``-1e9 m``, with the logistic ``s`` and the mask ``m = 1[x >
0]``. For ``t > 0`` this is ReLU, bit for bit but for the sign of zero (what is masked becomes -1e9
times 0, which is -0.0); for ``t <= 0`` every positive input becomes -1e9. ``dy/dx`` is 1 or 0,
``dy/dt`` does not exist.

As in ``published_sigmoid`` the threshold feeds a comparison only and its gradient stays None: what
trains is ReLU under another name. Own code with the semantics of the copies; kept so that an audit
has something to convict. The repair is ``masked``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold

FILL = -1e9


class PublishedMask(Clip):
    """Specimen: the copied custom-mask threshold, which gets no gradient; masked is its repair.

    Args:
        num_features: not used.
        init: the threshold, which training leaves as it is.
    """

    gradient = "none"
    verdict = "NO_GRADIENT"

    def __init__(self, *, num_features: int | None = None, init: float = 0.1) -> None:
        super().__init__(num_features=num_features)
        self.upper = Threshold(init, per="layer", num_features=num_features, positivity="free")

    def forward(self, x: Tensor) -> Tensor:
        """Act as ReLU, or fill what is positive, by the sign of the threshold."""
        mask = (x > 0).to(x.dtype)
        gate = torch.sigmoid(self.upper.for_input(x) * mask)
        return torch.where(gate > 0.5, x, FILL * mask)

    def thresholds(self) -> dict[str, Tensor]:
        """Give the threshold."""
        return {"upper": self.upper.value()}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give zeros: no input gives the threshold a gradient."""
        return {"upper": torch.zeros_like(x)}
