"""The sign-flip test on paired differences, exact: what can be said without the normal curve.

If the two configurations are exchangeable on every seed, each difference is as likely with the
other sign. p is the share of the 2^n sign patterns whose sum is at least as far from zero as the
observed one. Source: Fisher (1935), "The design of experiments".

With n seeds no p lies below 2/2^n: at n = 5 that is 0.0625, so this test cannot reach 5 % there,
whatever the differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_PAIRS = 36
"""Most differences for which the exact p is computed; beyond, memory would not hold the sums."""

_ROUNDING = 1e-9


def sign_flip_p(differences: Sequence[float]) -> float:
    """Give the exact two-sided p of the sum of the differences under all sign patterns.

    Sums that differ by rounding alone count as tied, and ties count as "as far".

    Returns:
        p in [2^(1-n), 1]; 1 where the sum is zero; NaN of none, of more than ``MOST_PAIRS``, or of
        one that is not finite.
    """
    n = len(differences)
    if n == 0 or n > MOST_PAIRS or not np.all(np.isfinite(differences)):
        return math.nan
    sizes = np.abs(np.asarray(differences, dtype=float))
    least = abs(math.fsum(differences)) - _ROUNDING * float(sizes.sum())
    if least <= 0:
        return 1.0
    # Every pattern is one half's sum plus the other's: two sorted lists of 2^(n/2) instead of 2^n.
    left, right = _sums(sizes[: n // 2]), np.sort(_sums(sizes[n // 2 :]))
    above = right.size - np.searchsorted(right, least - left, side="left")
    return 2 * int(above.sum()) / 2**n


def smallest_p(n: int) -> float:
    """Give the smallest two-sided p that n differences can reach: 2^(1-n); NaN for n = 0."""
    return 2.0 ** (1 - n) if n > 0 else math.nan


def _sums(sizes: NDArray[np.floating]) -> NDArray[np.floating]:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums
