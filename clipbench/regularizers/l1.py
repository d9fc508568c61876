"""L1 on activations: ``sum over sites of sum |y| / N`` for outputs ``y`` of a batch of ``N``.

``d/dy = sign(y) / N``, zero at ``y = 0``. Georgiadis, 2019 (Accelerating Convolutional Neural
Networks via Activation Map Compression); one strength for all sites. A network can lower it by
shrinking activations and growing the weights that follow, without one zero more, so that sparsity
has to be read beside it; ``hoyer_square`` does not change with scale.
"""

from __future__ import annotations

from dataclasses import dataclass

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
class L1(Regularizer):
    """Sum of the absolute outputs of every site, per sample.

    Args:
        strength: weight of the penalty in the loss.
        start: share of the run before which it is off.
        full: share of the run from which on it is whole.
    """

    strength: Strength = 1e-5

    def __call__(self, activations: Activations, thresholds: Thresholds) -> Tensor:
        """Give the penalty; the thresholds are not looked at."""
        outputs = [at_least_float32(activation.outputs) for activation in activations.values()]
        return total([y.abs().sum() / y.shape[0] for y in outputs])
