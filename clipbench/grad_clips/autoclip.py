"""AutoClip: the gradient norms of the run so far decide what norm is large.

With norm_1 ... norm_t the global L2 norms up to this step, this one included:

    limit = percentile(norm_1 ... norm_t)
    g    <- g * min(1, limit / (norm_t + 1e-6))

Seetharaman, Wichern, Pardo and Le Roux, 2020 (arXiv 2007.14469). Between two ranks the percentile
is linear, as numpy's.

Two defaults go under this name in the authors' repository, pseeth/autoclip: percentile 10 of one
global history (the example of its first TensorFlow code), and quantile 0.9 of the last 1000 norms
of each parameter by itself, this step's not included (its torch package, which calls the global
history the original method). The rule above is that of its first torch code, which leaves the
percentile open; we start at 10, and ``percentile=90`` gives the other value, still over the global
history.

A low percentile scales nearly every step: with 10, about nine of ten if the norms stay alike. Each
step sorts the whole history once. It has room for all steps of the run; should more come, the
oldest norm makes way. Norms that are not finite are left out of the percentile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight, joint_norm, scale_to


@dataclass(frozen=True, kw_only=True)
class AutoClip(GradClip):
    """Scale all gradients so that their norm is at most a percentile of the norms so far.

    Args:
        percentile: in [0, 100].

    Raises:
        ValueError: ``percentile`` is out of range.
    """

    percentile: Annotated[float, Ge(0), Le(100)] = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.percentile <= 100:
            raise ValueError(f"AutoClip needs percentile in [0, 100], got {self.percentile}.")

    def init(self, *, total_steps: int) -> State:
        """Give an empty history with room for ``total_steps`` norms; free places hold infinity."""
        return {
            "norms": torch.full((total_steps,), torch.inf),
            "steps": torch.zeros((), dtype=torch.int64),
        }

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Add this norm to the history, then scale by the history's percentile."""
        if not gradients:
            return [], dict(state)
        norm = joint_norm(gradients)
        norms, steps = state["norms"], state["steps"]
        places = torch.arange(norms.shape[0], device=norms.device)
        norms = torch.where(places == steps % norms.shape[0], norm.to(norms.dtype), norms)
        clipped = scale_to(gradients, norm=norm, limit=percentile_of(norms, self.percentile))
        return clipped, {"norms": norms, "steps": steps + 1}


def percentile_of(values: Tensor, percentile: float) -> Tensor:
    """Return a percentile of the finite ones among ``values (n,)``, 0-d; infinite if none is.

    ``torch.nanquantile`` would do, but has no rule for vmap.
    """
    ordered = values.sort().values
    last = values.isfinite().sum().to(values.dtype) - 1
    rank = (percentile / 100 * last).clamp_min(0)
    pair = torch.stack((rank.floor(), rank.ceil())).to(torch.int64)
    below, above = ordered.gather(0, pair)
    return torch.where(pair[0] == pair[1], below, torch.lerp(below, above, rank - pair[0]))
