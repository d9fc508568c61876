"""How far two vectors of slopes, one number for each loss, lie apart.

Vectors as good as zero have a distance of zero to each other, and no direction.
"""

from __future__ import annotations

from torch import Tensor

_NOTHING = 1e-12


def relative(error: Tensor, size: Tensor) -> float:
    """Give the norm of an error beside that of what it is an error of; infinite beside nothing."""
    return (error.norm() / size.norm()).item() if size.norm() > _NOTHING else float("inf")


def distance(found: Tensor, expected: Tensor) -> float:
    """Give the norm of the difference beside that of the larger of the two."""
    size = max(found.norm().item(), expected.norm().item())
    return 0.0 if size < _NOTHING else (found - expected).norm().item() / size


def cosine_of(a: Tensor, b: Tensor) -> float:
    """Give the cosine of the angle between two vectors, zero where one has no direction."""
    sizes = (a.norm() * b.norm()).item()
    return 0.0 if sizes < _NOTHING**2 else (a @ b).item() / sizes


def ratio_of(found: Tensor, expected: Tensor) -> float:
    """Give the factor that brings ``expected`` nearest to ``found``; NaN where it is nothing."""
    size = (expected @ expected).item()
    return float("nan") if size < _NOTHING**2 else (found @ expected).item() / size
