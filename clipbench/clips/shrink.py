"""Shrinking: by how much an input exceeds a threshold ``t``, at most a magnitude ``m``.

    excess(x) = min(max(x - t, 0), m)
    shrink(x) = sign(x) excess(|x|)

Without a magnitude these are the shifted ReLU and the soft threshold. The rule of ``tie_rule``
holds at both ends: an input exactly at ``t`` or ``t + m`` gets no gradient.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.tie_rule import clip_at


def excess(x: Tensor, lower: Tensor, magnitude: Tensor | None = None) -> Tensor:
    """Give what ``x`` exceeds ``lower`` by, from zero to ``magnitude``; None is no limit."""
    if magnitude is None:
        return F.relu(x - lower)
    return clip_at(x - lower, x.new_zeros(()), magnitude)


def excess_slopes(x: Tensor, lower: Tensor, magnitude: Tensor | None = None) -> dict[str, Tensor]:
    """Give the derivative of ``excess`` by ``lower`` and, where there is one, ``magnitude``."""
    over = x - lower
    if magnitude is None:
        return {"lower": -(over > 0).to(x.dtype)}
    inside = (over > 0) & (over < magnitude)
    return {"lower": -inside.to(x.dtype), "magnitude": (over >= magnitude).to(x.dtype)}


def shrink(x: Tensor, lower: Tensor, magnitude: Tensor | None = None) -> Tensor:
    """Give what the size of ``x`` exceeds ``lower`` by, with the sign of ``x``."""
    return x.sign() * excess(x.abs(), lower, magnitude)


def shrink_slopes(x: Tensor, lower: Tensor, magnitude: Tensor | None = None) -> dict[str, Tensor]:
    """Give the derivative of ``shrink`` by ``lower`` and, where there is one, ``magnitude``."""
    slopes = excess_slopes(x.abs(), lower, magnitude)
    return {name: x.sign() * slope for name, slope in slopes.items()}
