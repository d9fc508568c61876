"""ZClip: a gradient norm far above the running mean is pulled back below it.

With mean m and variance v of the norms so far and s = sqrt(v):

    z     = (norm - m) / (s + 1e-6)
    limit = m + z_thresh * s / (z / z_thresh)   where z > z_thresh, else none
    g    <- g * min(1, limit / (norm + 1e-6))

The further out a norm, the nearer to the mean it is brought. Then the statistics follow, with
x = limit where the norm was clipped, else x = norm:

    m <- alpha * m + (1 - alpha) * x
    v <- alpha * v + (1 - alpha) * (x - m)^2    with the m just updated

During the first ``warmup_steps`` nothing is clipped by this rule, and m and v are the plain mean
and variance (divided by the number of steps) of the norms.

Kumar, Owen, Roy Chowdhury and Güra, 2025 (arXiv 2504.02507), as published in the authors'
repository, bluorion-com/ZClip (mode ``zscore``, option ``adaptive_scaling``), the order of the two
updates included.

Where we differ: that code's default, ``max_grad_norm=1.0``, clips by norm besides, from the first
step on; here ``max_norm`` is off unless set, so that the method is seen alone. As there, the
statistics do not see it. Its other modes are not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight, joint_norm, scale_to

EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class ZClip(GradClip):
    """Scale all gradients where their norm is an outlier among the norms so far.

    Args:
        alpha: share of the old statistics in the new ones, in (0, 1).
        z_thresh: how many standard deviations above the mean make an outlier.
        warmup_steps: steps that only collect statistics.
        max_norm: largest global norm at any step, as in clipping by norm; None for no such bound.

    Raises:
        ValueError: A setting is out of range.
    """

    alpha: Annotated[float, Gt(0), Lt(1)] = 0.97
    z_thresh: Annotated[float, Gt(0)] = 2.5
    warmup_steps: Annotated[int, Ge(2)] = 25
    max_norm: Annotated[float, Gt(0)] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"ZClip needs alpha in (0, 1), got {self.alpha}.")
        if not self.z_thresh > 0:
            raise ValueError(f"ZClip needs z_thresh > 0, got {self.z_thresh}.")
        if self.warmup_steps < 2:
            raise ValueError(f"ZClip needs warmup_steps >= 2, got {self.warmup_steps}.")
        if self.max_norm is not None and not self.max_norm > 0:
            raise ValueError(f"ZClip needs max_norm > 0 or None, got {self.max_norm}.")

    def init(self, *, total_steps: int) -> State:
        """Give the statistics of no norms at all."""
        return {
            "mean": torch.zeros(()),
            "variance": torch.zeros(()),
            "steps": torch.zeros((), dtype=torch.int64),
        }

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Scale by the statistics of the steps before, then let them follow."""
        if not gradients:
            return [], dict(state)
        norm = joint_norm(gradients)
        limit = self._limit(norm, state)
        following = self._follow(torch.minimum(norm, limit), state)
        if self.max_norm is not None:
            limit = limit.clamp(max=self.max_norm)
        return scale_to(gradients, norm=norm, limit=limit), following

    def _limit(self, norm: Tensor, state: State) -> Tensor:
        """Return the largest norm for this step; infinite where the norm is no outlier."""
        mean, deviation = state["mean"], state["variance"].sqrt()
        z = (norm - mean) / (deviation + EPS)
        limit = mean + self.z_thresh * deviation / (z / self.z_thresh).clamp_min(1.0)
        outlier = (z > self.z_thresh) & (state["steps"] >= self.warmup_steps)
        return torch.where(outlier, limit, torch.inf)

    def _follow(self, norm: Tensor, state: State) -> State:
        """Take a norm into the statistics: evenly during warm-up, exponentially after."""
        mean, variance, steps = state["mean"], state["variance"], state["steps"]
        norm = norm.to(mean.dtype)
        even = steps / (steps + 1)
        warming = steps < self.warmup_steps
        keep = torch.where(warming, even, self.alpha)
        new_mean = keep * mean + (1 - keep) * norm
        # The exact update of a plain variance multiplies the distances to the two means.
        other = torch.where(warming, mean, new_mean)
        new_variance = keep * variance + (1 - keep) * (norm - new_mean) * (norm - other)
        return {"mean": new_mean, "variance": new_variance, "steps": steps + 1}
