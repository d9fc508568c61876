"""The inputs an audit feeds a module, and the losses it forms from what comes out.

Inputs are a quadrature of the standard normal, half of them spread so far that every threshold is
within reach. Losses are means of ``w(x) f(x)`` with several smooth weights ``w``, so that a
gradient that is right for one loss only by cancellation is wrong for another.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip
from clipbench.models.initialize import normal_nodes

FEATURES = 4
ELEMENTS = 2**14
FREQUENCIES = (0.0, 0.4, 0.9, 1.7)


def audit_inputs(module: nn.Module) -> Tensor:
    """Give float64 inputs ``(N, C)`` on both sides of every threshold of ``module``."""
    features = features_of(module)
    nodes = normal_nodes(features)
    rows = max(ELEMENTS // features, 16)
    chosen = nodes[:: max(1, len(nodes) // rows)][:rows].clone()
    chosen[1::2] *= reach(module)
    return chosen


def thresholds_of(module: nn.Module) -> dict[str, Tensor]:
    """Give the thresholds that a clip tells, detached; none for other modules."""
    found = module.thresholds() if isinstance(module, Clip) else {}
    return {name: value.detach() for name, value in found.items()}


def features_of(module: nn.Module) -> int:
    """Give the number of features a clip was made for, or ``FEATURES``."""
    return getattr(module, "num_features", None) or FEATURES


def reach(module: nn.Module) -> float:
    """Give a spread at which inputs pass every threshold: five, or three halves of the largest."""
    values = [value.abs().amax().item() for value in thresholds_of(module).values()]
    values += [parameter.detach().abs().amax().item() for parameter in module.parameters()]
    return max([5.0, *(1.5 * value for value in values if value < 1e4)])


def loss_weights(x: Tensor) -> Tensor:
    """Give one smooth weight for each loss and element: ``(K, *x.shape)``; their sum is a mean."""
    phases = [torch.cos(frequency * x + 0.6 * frequency) for frequency in FREQUENCIES]
    return torch.stack(phases) / x.numel()
