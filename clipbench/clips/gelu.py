"""GELU: ``y = x F(x)`` with the normal distribution function ``F``; ``dy/dx = F(x) + x f(x)``.

Here ``F(x) = (1 + erf(x / sqrt 2)) / 2`` and ``f`` is its density (Hendrycks and Gimpel, 2016,
arXiv 1606.08415). With ``approximate: tanh``, ``F`` is
``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``. Smooth, so next to no output is exactly zero.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.base import Clip

_FORMS = ("none", "tanh")


class GELU(Clip):
    """GELU, smooth and without a threshold.

    Args:
        num_features: not used.
        approximate: the error function itself, or its form by tanh.

    Raises:
        ValueError: ``approximate`` is neither.
    """

    def __init__(
        self, *, num_features: int | None = None, approximate: Literal["none", "tanh"] = "none"
    ) -> None:
        super().__init__(num_features=num_features)
        if approximate not in _FORMS:
            raise ValueError(
                f"GELU needs approximate to be one of {', '.join(_FORMS)}, got {approximate!r}."
            )
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the input by how much of the normal lies below it."""
        return F.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"approximate={self.approximate}"
