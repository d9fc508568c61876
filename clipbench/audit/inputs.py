"""The inputs an audit feeds a module, and the losses it forms from what comes out.

Inputs are a quadrature of the standard normal, half of the samples spread so far that every
threshold is within reach; in the others one input is, which makes it an outlier among them. Losses
are means of ``w(x) f(x)`` with several smooth weights ``w``, so that a gradient that is right for
one loss only by cancellation is wrong for another.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from clipbench.clips.base import Clip
from clipbench.models.initialize import normal_nodes

# Of n numbers none is further than sqrt(n) deviations from their mean: room for outliers.
FEATURES = 64
ELEMENTS = 2**14
FREQUENCIES = (0.0, 0.4, 0.9, 1.7)
# About the largest input where no threshold asks for more than a spread of five.
USUAL_LARGEST = 20.0


def audit_inputs(module: nn.Module) -> Tensor:
    """Give float64 inputs on both sides of every threshold of ``module``.

    They are ``(N, C)``, or ``(N, C, 2, 2)`` for a module that takes only these.
    """
    features = features_of(module)
    nodes = normal_nodes(features)
    rows = max(ELEMENTS // features, 16)
    chosen = nodes[:: max(1, len(nodes) // rows)][:rows].clone()
    spread = reach(module)
    chosen[1::2] *= spread
    narrow = torch.arange(0, len(chosen), 2)
    chosen[narrow, narrow // 2 % features] *= spread
    if runs(module, chosen[:8]):
        return chosen
    maps = chosen.unflatten(0, (-1, 2, 2)).permute(0, 3, 1, 2).contiguous()
    return maps if runs(module, maps[:2]) else chosen


def runs(module: nn.Module, x: Tensor) -> bool:
    """Tell whether a copy of ``module`` takes inputs of the shape of ``x``."""
    try:
        copy.deepcopy(module).double().eval()(x.clone())
    except Exception:  # noqa: BLE001 -- a stranger's module may raise anything
        return False
    return True


def output_of(module: nn.Module, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Give what ``module`` makes of ``x`` with these in the place of its own parameters.

    Every call starts from the same buffers, inputs and random numbers, whatever the module writes
    on them.
    """
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        output: Tensor = functional_call(module, {**buffers, **parameters}, (x.clone(),))
    return output


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
    """Give one smooth weight for each loss and element: ``(K, *x.shape)``; their sum is a mean.

    Inputs that are spread further than usual get weights that vary as much less, or the sum over
    them would be noise. Channels are weighted apart, so that they cannot stand for each other.
    """
    spread = x * min(1.0, USUAL_LARGEST / x.abs().amax().item())
    phases = [torch.cos(frequency * spread + 0.6 * frequency) for frequency in FREQUENCIES]
    places = torch.arange(x.shape[1], dtype=x.dtype).view(-1, *[1] * (x.dim() - 2))
    channels = [1.0 + 0.5 * torch.cos(2.4 * places + number) for number in range(len(phases))]
    return torch.stack([a * b for a, b in zip(phases, channels, strict=True)]) / x.numel()
