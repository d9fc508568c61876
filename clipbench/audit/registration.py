"""Is what should learn a parameter at all, and the same one in every forward pass?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipbench.audit.finding import Finding
from clipbench.audit.loose import loose_tensors


def unregistered(module: nn.Module) -> list[Finding]:
    """Find tensors that want a gradient but are no parameters: an optimizer never sees them."""
    return [
        Finding(
            name,
            "it wants a gradient but is no parameter, so no optimizer sees it",
            "wrap it in nn.Parameter in __init__",
            convicts=True,
        )
        for name, _ in loose_tensors(module)
    ]


def made_in_forward(module: nn.Module, x: Tensor) -> list[Finding]:
    """Find parameters that a forward pass makes anew; an optimizer holds the old ones, or none."""
    before = {name: id(parameter) for name, parameter in module.named_parameters()}
    with torch.no_grad():
        module(x)
    return [
        Finding(
            name,
            "it is made in forward, so the optimizer holds another one or none",
            "make it in __init__, or by calibration before the optimizer is built",
            convicts=True,
        )
        for name, parameter in module.named_parameters()
        if before.get(name) != id(parameter)
    ]
