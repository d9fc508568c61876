"""The contract of every regularizer: from one forward pass to one number.

A regularizer is a pure function of what the sites saw and of their thresholds. It reads no value on
the host and branches on none, so that ``torch.func.vmap`` gives each of many stacked models its own
penalty, and it stays finite with a finite gradient where every activation is zero. What is added to
the loss is ``strength * ramp * penalty``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from clipbench.regularizers.ramp import ramp

Strength = Annotated[float, Gt(0)]
Start = Annotated[float, Ge(0), Lt(1)]
Full = Annotated[float, Ge(0), Le(1)]


class Activation(NamedTuple):
    """What one site did in one forward pass.

    Attributes:
        inputs: what the clip was given, ``(N, C)`` or ``(N, C, H, W)``.
        outputs: what it gave, of the same shape.
        active: 1 where the clip let the input through and 0 elsewhere, of the same shape, with the
            clip's straight-through gradient; None where the clip has no such gradient, or where the
            regularizer did not ask for it (``needs_active``).
    """

    inputs: Tensor
    outputs: Tensor
    active: Tensor | None = None


Activations = Mapping[str, Activation]
Thresholds = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Regularizer:
    """A penalty with a strength that comes in over the run.

    Attributes:
        needs_active: whether the penalty reads ``Activation.active``, which costs a pass over the
            activations.
        needs: what a clip must have for the penalty to change anything, in words.

    Args:
        strength: weight of the penalty in the loss.
        start: share of the run before which it is off.
        full: share of the run from which on it is whole; at or below ``start`` it is so at once.

    Raises:
        ValueError: a setting is out of range.
    """

    needs_active: ClassVar[bool] = False
    needs: ClassVar[str] = "outputs that have a gradient"

    strength: Strength
    start: Start = 0.0
    full: Full = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not 0 < self.strength < math.inf:
            raise ValueError(f"{name} needs a finite strength > 0, got {self.strength}.")
        if not 0 <= self.start < 1:
            raise ValueError(f"{name} needs 0 <= start < 1, got {self.start}.")
        if not 0 <= self.full <= 1:
            raise ValueError(f"{name} needs 0 <= full <= 1, got {self.full}.")

    def __call__(self, activations: Activations, thresholds: Thresholds) -> Tensor:
        """Give the penalty, 0-d and not negative, before its strength; zero where nothing acts.

        Args:
            activations: by site.
            thresholds: effective values of the learned ones by site and name, of shape ``()``,
                ``(C,)`` or that of a sample.
        """
        raise NotImplementedError(f"{type(self).__name__} gives no penalty.")

    def weight(self, share: float) -> float:
        """Give what the penalty is multiplied by when ``share`` of all steps are done."""
        return self.strength * ramp(share, start=self.start, full=self.full)


def total(parts: Sequence[Tensor]) -> Tensor:
    """Sum 0-d tensors; zero if there are none."""
    return torch.stack(list(parts)).sum() if len(parts) > 0 else torch.zeros(())


def at_least_float32(values: Tensor) -> Tensor:
    """Widen half precision, in which the sum of a layer would be rounded or overflow."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
