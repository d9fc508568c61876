"""Hard tanh: ``y = min(max(x, -1), 1)``; ``dy/dx = 1[-1 < x < 1]``, zero at both ends.

The piecewise linear tanh, in wide use under this name; torch has it as ``Hardtanh``, with the same
gradient at the ends.
"""

from __future__ import annotations

from clipbench.clips.fixed import FixedClamp


class Hardtanh(FixedClamp):
    """Clamp between minus one and one.

    Args:
        num_features: not used.
    """

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features, min=-1.0, max=1.0)
