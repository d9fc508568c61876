"""Sparsity: the share of exact zeros in what a clip gives, in evaluation mode, before any pooling.

Three averages are told apart: of one site (``sparsity/<site>``), of the sites (``sparsity/mean``,
each site counts once) and of all elements (``sparsity/elements``, large layers count more). What
enters the next layer after a pooling is not what left the clip: max-pooling keeps fewer zeros. It
has its own tag, ``sparsity_next/<site>``.

Smooth clips such as SiLU give no exact zero. ``sparsity_epsilon/<site>`` is the share of elements
with ``|y| <= epsilon``, for every clip, so that both kinds can be compared at a declared epsilon.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe
from clipbench.probes.shares import Shares


class Sparsity(Probe):
    """Measures the share of exact zeros, and of elements within epsilon of zero.

    Args:
        epsilon: Largest ``|y|`` that ``sparsity_epsilon`` counts, in the units of the activations.
    """

    def __init__(self, *, epsilon: Annotated[float, Ge(0)] = 1e-3) -> None:
        if not epsilon >= 0:
            raise ValueError(f"Sparsity needs epsilon >= 0, got epsilon={epsilon}.")
        self.epsilon = epsilon
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._shares = Shares()

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Count the zeros and near zeros of one batch."""
        self._shares.add(f"sparsity/{site}", marked=_zeros(outputs), seen=outputs.numel())
        near = torch.count_nonzero(_at_least_float32(outputs).abs() <= self.epsilon)
        self._shares.add(f"sparsity_epsilon/{site}", marked=near, seen=outputs.numel())

    def update_pooled(self, site: str, outputs: Tensor) -> None:
        """Count the zeros of one batch after pooling."""
        self._shares.add(f"sparsity_next/{site}", marked=_zeros(outputs), seen=outputs.numel())

    def compute(self) -> dict[str, float]:
        """Give the shares of every site and the two averages over sites."""
        totals = self._shares.totals()
        shares = {tag: marked / seen for tag, (marked, seen) in totals.items()}
        own = [tag for tag in totals if tag.startswith("sparsity/")]
        if len(own) == 0:
            return shares
        marked, seen = (sum(column) for column in zip(*(totals[tag] for tag in own), strict=True))
        mean = sum(shares[tag] for tag in own) / len(own)
        return shares | {"sparsity/mean": mean, "sparsity/elements": marked / seen}


def _zeros(values: Tensor) -> Tensor:
    return values.numel() - torch.count_nonzero(values)


def _at_least_float32(values: Tensor) -> Tensor:
    # In half precision epsilon itself would be rounded.
    return values.to(torch.promote_types(values.dtype, torch.float32))
