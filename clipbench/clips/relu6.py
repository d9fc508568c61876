"""ReLU6: ``y = min(max(x, 0), 6)``; ``dy/dx = 1[0 < x < 6]``, zero at both ends.

Krizhevsky, 2010 ("Convolutional Deep Belief Networks on CIFAR-10").
"""

from __future__ import annotations

from torch import Tensor

from clipbench.clips.fixed import FixedClamp


class ReLU6(FixedClamp):
    """ReLU cut off at six.

    Args:
        num_features: not used.
    """

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features, min=0.0, max=6.0)

    def saturated(self, x: Tensor) -> Tensor:
        """Mark inputs at or above six, not those that are zero as in ReLU."""
        return x >= self.max
