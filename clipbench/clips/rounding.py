"""Rounding to a grid, and the gradients that methods put in the place of its zero slope.

Two straight-through forms. ``to_levels`` rounds and passes the gradient on as if it had not. On a
grid ``y = s k`` with a learned step ``s`` and an integer ``k`` between 0 and ``Q``, the rounding
error counts too: with ``u = x / s``::

    dy/dx = 1 inside, 0 outside
    dy/ds = k - u inside, k outside (that is Q above and 0 below)

It follows from ``k`` having the slope of ``u`` inside and none outside (Esser et al., 2020). What
is inside, and how ``k`` is rounded, differs from method to method; each clip says it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.straight_through import with_gradient_of
from clipbench.clips.tie_rule import keep_positive


def levels_of(bits: int) -> int:
    """Give the largest integer of ``bits`` bits without a sign.

    Raises:
        ValueError: ``bits`` is not from 1 to 8.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be from 1 to 8, got {bits}.")
    return 2**bits - 1


def to_levels(y: Tensor, upper: float | Tensor, levels: int) -> Tensor:
    """Round ``y`` in 0 .. ``upper`` to ``levels + 1`` even steps, ties to the even one.

    Exact at both ends. The gradient passes to ``y`` unchanged; ``upper`` gets none.
    """
    end = upper.detach() if isinstance(upper, Tensor) else y.new_tensor(upper)
    hard = end * ((in_steps(y.detach(), end) * levels).round() / levels)
    return with_gradient_of(hard, y)


def on_grid(x: Tensor, scale: Tensor, index: Tensor, room: Tensor) -> Tensor:
    """Give ``scale * index`` with the gradient of a learned step.

    Args:
        x: pre-activations.
        scale: the step, of the dtype of ``x`` and of a shape that broadcasts to that of ``x``.
        index: integers from 0 up, as floats, of the shape of ``x``.
        room: positive inside and nowhere else, of the shape of ``x``.
    """
    slope = scale_slope(x.detach(), scale.detach(), index, room)
    soft = keep_positive(x, room) + scale * slope
    return with_gradient_of(scale * index, soft)


def scale_slope(x: Tensor, scale: Tensor, index: Tensor, room: Tensor) -> Tensor:
    """Give the slope of ``on_grid`` in ``scale``."""
    return index - keep_positive(in_steps(x, scale), room)


def in_steps(x: Tensor, scale: Tensor) -> Tensor:
    """Give ``x / scale``, and zero for zero steps of any scale, also of one that is zero."""
    return x / scale.clamp_min(torch.finfo(scale.dtype).tiny)
