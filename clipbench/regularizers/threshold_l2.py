"""L2 on thresholds: ``sum t^2`` over all learned thresholds ``t`` of all sites; ``d/dt = 2 t``.

The policy of PACT (Choi et al., 2018), which pulls clipping levels down until the loss resists.
It acts on the effective value, whatever map stands between it and the parameter, and is part of the
gradient, so that an optimizer that rescales gradients (Adam) rescales it too. The other way is
``optim.threshold_weight_decay``; equal numbers there and here do not mean equal strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from clipbench.regularizers.base import (
    Activations,
    Regularizer,
    Strength,
    Thresholds,
    total,
)


@dataclass(frozen=True, kw_only=True)
class ThresholdL2(Regularizer):
    """Sum of the squares of all learned thresholds.

    Args:
        strength: weight of the penalty in the loss.
        start: share of the run before which it is off.
        full: share of the run from which on it is whole.
    """

    needs: ClassVar[str] = "a learned threshold"

    strength: Strength = 1e-4

    def __call__(self, activations: Activations, thresholds: Thresholds) -> Tensor:
        """Give the penalty; the activations are not looked at."""
        values = [value for of_site in thresholds.values() for value in of_site.values()]
        return total([value.square().sum() for value in values])
