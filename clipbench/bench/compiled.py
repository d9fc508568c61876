"""Modules in compiled form, where there is a compiler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


class NotCompiled(Exception):
    """A module has no compiled form here; the text says why, in a line."""


def compiled(module: Forward, x: Tensor) -> Forward:
    """Compile a module for inputs like ``x``, forward and backward.

    Raises:
        NotCompiled: There is no compiler, or it does not take the module.
    """
    # At its limit of recompilations the compiler would quietly go back to the module as it is.
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        try:
            forward: Forward = torch.compile(module)
            y = forward(x)
            torch.autograd.grad(y, x, torch.ones_like(y), allow_unused=True)
        except RuntimeError as error:  # all errors of the compiler and of what it calls
            raise NotCompiled(" ".join(str(error).split())[:160]) from error
    return forward


def why_no_compiler(device: torch.device) -> str | None:
    """Return why nothing can be compiled for a device, or None if something can."""
    try:
        compiled(nn.ReLU(), torch.ones(4, 4, device=device, requires_grad=True))
    except NotCompiled as error:
        return str(error)
    return None
