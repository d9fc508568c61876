"""Count of active elements, driven to a target: ``mean over sites of (share / target - 1)^2``.

``share`` is the mean of ``active``, which is 1 where a clip lets its input through. A count has no
gradient, so the clip's straight-through estimate stands in for it, and the thresholds of a site get
``2 (share / target - 1) / (target sites) * mean d(active)/d(threshold)``. The squared distance is
that of the JumpReLU trainer in the library dictionary_learning; the estimate with a rectangular
kernel is that of Rajamanoharan et al., 2024, and each clip says its own. We count in shares of a
site and not in elements per sample, so that one target fits every layer. Outputs and inputs are not
looked at: whatever gradient there is comes through ``active``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt, Le
from torch import Tensor

from clipbench.regularizers.base import (
    Activations,
    Regularizer,
    Strength,
    Thresholds,
    at_least_float32,
    total,
)


@dataclass(frozen=True, kw_only=True)
class L0StraightThrough(Regularizer):
    """Squared relative distance of the share of active elements from a target.

    Args:
        strength: weight of the penalty in the loss.
        start: share of the run before which it is off.
        full: share of the run from which on it is whole.
        target: wanted share of active elements of a site, in (0, 1].
    """

    needs_active: ClassVar[bool] = True
    needs: ClassVar[str] = "a gate whose count of active elements has a gradient"

    strength: Strength = 1.0
    target: Annotated[float, Gt(0), Le(1)] = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target <= 1:
            raise ValueError(f"L0StraightThrough needs 0 < target <= 1, got {self.target}.")

    def __call__(self, activations: Activations, thresholds: Thresholds) -> Tensor:
        """Give the penalty; a site that cannot tell what is active is left out."""
        active = [a.active for a in activations.values() if a.active is not None]
        shares = [at_least_float32(each).mean() for each in active]
        distances = [(share / self.target - 1).square() for share in shares]
        return total(distances) / max(len(distances), 1)
