"""Straight-through steps: the jump itself forward, a slope of our choice backward.

The derivative of a step ``1[x > t]`` by ``t`` is zero almost everywhere. A kernel ``K`` of width
``w`` stands in for it, ``-K((x - t) / w) / w``, as if the jump were spread over the width; with the
rectangle ``K(u) = 1[|u| < 1/2]`` it is that of a ramp.
"""

from __future__ import annotations

import torch
from torch import Tensor


def with_gradient_of(value: Tensor, soft: Tensor) -> Tensor:
    """Give ``value`` to the bit, with the derivative of ``soft`` in the place of its own.

    Args:
        value: what the forward pass gives; its own gradient is dropped.
        soft: what the backward pass differentiates, finite, of a shape that broadcasts to that of
            ``value``.
    """
    # The bracket is exactly zero: value + soft - soft would round.
    return value.detach() + (soft - soft.detach())


def carrying(value: Tensor, *, by: Tensor, slope: Tensor) -> Tensor:
    """Give ``value`` to the bit, with ``slope`` added to its derivative by ``by``.

    Args:
        value: what the forward pass gives.
        by: what learns, of a shape that broadcasts to that of ``value``.
        slope: finite, of the shape of ``value``; no gradient goes through it.
    """
    return value + (by - by.detach()) * slope.detach()


def rectangle(distance: Tensor, width: Tensor) -> Tensor:
    """Give ``1 / width`` where ``|distance| < width / 2``, and zero elsewhere.

    Finite for every width, and zero everywhere for width zero.

    Args:
        distance: from the jump, any shape.
        width: not negative, 0-d.
    """
    height = 1 / width.clamp_min(torch.finfo(width.dtype).tiny)
    return torch.where(distance.abs() < width / 2, height, 0)
