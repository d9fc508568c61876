"""FT-ClipAct: ReLU in training; afterwards ``y = x 1[0 < x <= T]``, which drops what is beyond.

``dy/dx = 1[0 < x <= T]``. Hoang, Hanif and Shafique, 2020 (arXiv 1912.00941): a value larger than
any seen in training is taken for a fault and replaced by zero, where ``ranger`` holds it at the
bound. ``T`` starts as the largest output of the site over the training part; the paper goes on to
search for the bounds that withstand faults best, which is no part of training.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.ranger import Ranger


class FTClipAct(Ranger):
    """ReLU, zero beyond the largest training output once training is over.

    Args:
        num_features: not used.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop what is negative and what is beyond the bound."""
        return torch.where(x > self.upper.to(x.dtype), 0.0, F.relu(x))
