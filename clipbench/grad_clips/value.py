"""Clipping by value: ``min(max(g, -clip_value), clip_value)`` element by element.

Unlike clipping by norm it changes the direction of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from clipbench.grad_clips.base import GradClip, State, Weight


@dataclass(frozen=True, kw_only=True)
class ByValue(GradClip):
    """Clamp every element of every gradient to plus or minus ``clip_value``.

    Raises:
        ValueError: ``clip_value`` is not positive.
    """

    clip_value: Annotated[float, Gt(0)]

    def __post_init__(self) -> None:
        if not self.clip_value > 0:
            raise ValueError(f"ByValue needs clip_value > 0, got {self.clip_value}.")

    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Clamp these gradients; an infinite element becomes the bound."""
        return [g.clamp(-self.clip_value, self.clip_value) for g in gradients], dict(state)
