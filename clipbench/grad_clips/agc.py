"""Adaptive gradient clipping (AGC): each unit's gradient is kept small against its weights.

For a unit u with weights w_u and gradient g_u:

    limit_u = clipping * max(norm(w_u), eps)
    g_u    <- g_u * min(1, limit_u / norm(g_u))

Brock, De, Smith and Simonyan, 2021 (arXiv 2102.06171). A unit is one row of a matrix or one output
channel of a kernel; a vector or a single number is one unit as a whole. ``eps`` lets weights that
start at zero move.

What is left out is said by place, never by order. ``exclude_head`` leaves out the classifier, as
the authors' code does (google-deepmind/deepmind-research, nfnets); there its bias is clipped all
the same, here it is not. ``exclude_thresholds`` leaves out the thresholds, which the paper does not
have: the gradient of one sums over every element that shares it, so that a hundredth of its value
is no scale for it, and its shape would decide what counts as a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight


@dataclass(frozen=True, kw_only=True)
class AGC(GradClip):
    """Scale each unit's gradient to at most a share of the norm of its weights.

    Args:
        clipping: largest ratio of a unit's gradient norm to its weight norm.
        eps: least weight norm that is reckoned with.
        exclude_head: leave the classifier's gradients as they are.
        exclude_thresholds: leave the gradients of thresholds as they are.

    Raises:
        ValueError: ``clipping`` or ``eps`` is not positive.
    """

    clipping: Annotated[float, Gt(0)] = 0.01
    eps: Annotated[float, Gt(0)] = 1e-3
    exclude_head: bool = True
    exclude_thresholds: bool = True

    def __post_init__(self) -> None:
        if not self.clipping > 0:
            raise ValueError(f"AGC needs clipping > 0, got {self.clipping}.")
        if not self.eps > 0:
            raise ValueError(f"AGC needs eps > 0, got {self.eps}.")

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Scale unit by unit; a gradient of zero stays zero."""
        pairs = zip(gradients, weights, strict=True)
        return [self._clipped(gradient, weight) for gradient, weight in pairs], dict(state)

    def _clipped(self, gradient: Tensor, weight: Weight) -> Tensor:
        excluded = (self.exclude_head and weight.kind == "head") or (
            self.exclude_thresholds and weight.kind == "thresholds"
        )
        if excluded:
            return gradient
        limit = self.clipping * unit_norms(weight.value).clamp_min(self.eps)
        # A norm of zero gives infinity here, hence a factor of 1.
        scale = (limit / unit_norms(gradient)).clamp(max=1.0)
        return gradient * scale.to(gradient.dtype)


def unit_norms(x: Tensor) -> Tensor:
    """Return the L2 norm of each unit of ``x``, of a shape that broadcasts to that of ``x``.

    ``(O, ...)`` gives ``(O, 1, ...)``; ``(C,)`` and ``()`` give ``()``. In float32 at least.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    if x.ndim < 2:
        return torch.linalg.vector_norm(x, dtype=dtype)
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True, dtype=dtype)
