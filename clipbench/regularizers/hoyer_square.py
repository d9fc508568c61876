"""Hoyer-square on activations: ``sum over sites of (sum |y|)^2 / (N sum y^2)``.

With ``S = sum |y|`` and ``Q = sum y^2``, the ratio ``S^2 / Q`` lies between 1 (one output is not
zero) and the number of outputs (all equal in size), and does not change with scale::

    d/dy = 2 sign(y) S (Q - |y| S) / (N Q^2)

so that outputs below ``Q / S`` shrink and larger ones grow. Yang, Wen and Li, 2020 (DeepHoyer), who
define it for weights; for activations both sums run over the whole batch of ``N``, as in sparseml's
``ASRegModifier``, so that it is no mean of the ratios of single samples. A site whose outputs are
all zero counts as zero with a zero gradient, where the ratio itself is 0/0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
class HoyerSquare(Regularizer):
    """Squared ratio of the L1 to the L2 norm of all outputs of a site, over the batch size.

    Args:
        strength: weight of the penalty in the loss.
        start: share of the run before which it is off.
        full: share of the run from which on it is whole.
    """

    strength: Strength = 1e-5

    def __call__(self, activations: Activations, thresholds: Thresholds) -> Tensor:
        """Give the penalty; the thresholds are not looked at."""
        outputs = [at_least_float32(activation.outputs) for activation in activations.values()]
        return total([_ratio(y) / y.shape[0] for y in outputs])


def _ratio(y: Tensor) -> Tensor:
    size = y.abs()
    # A constant scale changes neither value nor gradient, and keeps the squares in range.
    largest = size.detach().amax()
    size = size / torch.where(largest > 0, largest, 1)
    squares = size.square().sum()
    return size.sum().square() / torch.where(squares > 0, squares, 1)
