"""How fast this machine copies: the bound for whatever reads and writes each element once.

Counted as usual, a byte read and a byte written for each byte copied. What the cache reads on top
before it writes is not counted, neither here nor for clips, so that shares stay comparable.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clipbench.bench.turns import Clock, timed

FORWARD, BACKWARD = 2, 3
"""Tensors that have to move: forward x is read and y written; backward x and the gradient of y are
read and that of x is written."""


def copying(x: Tensor, *, clock: Clock) -> Callable[[], float]:
    """Return what copies ``x`` into memory that exists already, and gives the seconds."""
    source, target = x.detach(), torch.empty_like(x)
    return timed(lambda: target.copy_(source), clock=clock)


def share_of_copy(tensors: int) -> float:
    """Return the factor from the time of a copy over that of an operation to its bandwidth share.

    >>> share_of_copy(BACKWARD)
    1.5
    """
    return tensors / FORWARD


def gigabytes_a_second(x: Tensor, seconds: float) -> float:
    """Return the bandwidth of a copy of ``x``."""
    return FORWARD * x.numel() * x.element_size() / seconds / 1e9
