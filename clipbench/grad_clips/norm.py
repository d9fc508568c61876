"""Clipping by global norm: ``g * min(1, max_norm / (norm + 1e-6))``.

Pascanu, Mikolov and Bengio, 2013. ``norm`` is taken over all gradients together. The 1e-6 is that
of ``torch.nn.utils.clip_grad_norm_``, not the paper's: a norm at or just below ``max_norm`` is
already scaled, by a millionth. A norm that is not finite makes every gradient NaN or zero, as torch
does; the loop stops on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight, joint_norm, scale_to


@dataclass(frozen=True, kw_only=True)
class ByNorm(GradClip):
    """Scale all gradients by one factor so that their global norm is at most ``max_norm``.

    Args:
        max_norm: largest global norm.
        norm_type: order of the norm; ``inf`` for the largest element.

    Raises:
        ValueError: ``max_norm`` or ``norm_type`` is not positive.
    """

    max_norm: Annotated[float, Gt(0)]
    norm_type: Annotated[float, Gt(0)] = 2.0

    def __post_init__(self) -> None:
        if not self.max_norm > 0:
            raise ValueError(f"ByNorm needs max_norm > 0, got {self.max_norm}.")
        if not self.norm_type > 0:
            raise ValueError(f"ByNorm needs norm_type > 0, got {self.norm_type}.")

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Scale by the norm of these gradients alone."""
        if not gradients:
            return [], dict(state)
        norm = joint_norm(gradients, self.norm_type)
        return scale_to(gradients, norm=norm, limit=self.max_norm), dict(state)
