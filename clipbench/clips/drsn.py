"""DRSN: a soft threshold for each channel of each sample, found by a small network.

With the mean ``a_c`` of ``|x|`` over the positions of channel ``c``::

    s = logistic(FC(ReLU(BN(FC(a)))))     one number in (0, 1) for each channel
    t_c = s_c a_c
    y = sign(x) max(|x| - t_c, 0)

(Zhao et al., 2020, deep residual shrinkage network with channel-wise thresholds). The threshold
lies between zero and the mean it is a share of, by construction. What is learned are the two fully
connected layers and the norm, with exact gradients, through ``t`` and ``a`` to the input as well;
there is no threshold to follow over a run. An input exactly at its threshold counts as dropped.

Where we differ: it stands at every activation site instead of at the end of a residual block. An
input ``(N, C)`` has no positions to average over, and ``|x|`` as its own mean would only scale it,
``y = (1 - s) x``: there ``t_c`` is ``s_c`` times the mean of ``|x|`` over the features of the
sample, and the small network sees ``|x|``.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from clipbench.clips.base import Clip, Verdict
from clipbench.clips.shrink import shrink


class DRSN(Clip):
    """Soft threshold for each channel of each sample, from a small learned network.

    Adds 2 C^2 + 4 C parameters for C channels, which decay as weights do. The norm inside uses
    batch statistics in training and its running ones in evaluation.

    Args:
        num_features: number of channels.

    Raises:
        ValueError: the number of channels is not given.
    """

    threshold_decay: ClassVar[Literal["none", "weights"]] = "weights"
    verdict: Verdict = "EXACT"

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features)
        if num_features is None:
            raise ValueError("DRSN needs num_features, got None.")
        self.squeeze = _layer(num_features, seed=0)
        self.norm = nn.BatchNorm1d(num_features)
        self.excite = _layer(num_features, seed=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shrink each channel towards zero by its threshold."""
        return shrink(x, self._lower(x))

    def saturated(self, x: Tensor) -> Tensor:
        """Mark what becomes zero."""
        return x.abs() <= self._lower(x)

    def _lower(self, x: Tensor) -> Tensor:
        size = x.abs().flatten(2).mean(dim=2) if x.dim() > 2 else x.abs()  # (N, C)
        mean = size if x.dim() > 2 else size.mean(dim=1, keepdim=True)
        hidden = F.relu(self.norm(self.squeeze(size.to(self.squeeze.weight.dtype))))
        scale = torch.sigmoid(self.excite(hidden)).to(x.dtype)
        return (scale * mean).view(*x.shape[:2], *[1] * (x.dim() - 2))


def _layer(size: int, *, seed: int) -> nn.Linear:
    """Make a layer with fixed numbers, until a model draws its own: no global generator is used."""
    layer = skip_init(nn.Linear, size, size)
    assert isinstance(layer, nn.Linear)
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(size, size, generator=generator, dtype=torch.float32, device="cpu")
    with torch.no_grad():
        layer.weight.copy_(numbers / math.sqrt(size))
        layer.bias.zero_()
    return layer
