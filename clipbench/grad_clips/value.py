"""Clipping by value: ``min(max(g, -clip_value), clip_value)`` element by element.

Unlike clipping by norm it changes the direction of the step.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor


def by_value(gradients: list[Tensor], *, clip_value: Annotated[float, Gt(0)]) -> list[Tensor]:
    """Clamp every element of every gradient to plus or minus ``clip_value``.

    Raises:
        ValueError: ``clip_value`` is not positive.
    """
    if not clip_value > 0:
        raise ValueError(f"by_value needs clip_value > 0, got {clip_value}.")
    return [gradient.clamp(-clip_value, clip_value) for gradient in gradients]
