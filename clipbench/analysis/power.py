"""What a paired t-test of n seeds can find, and how many seeds a difference would need.

For a true mean difference δ and a deviation σ of the differences, the test statistic follows the
noncentral t distribution with n - 1 degrees of freedom and noncentrality √n·δ/σ. Power is the
chance that it exceeds the critical value on δ's own side; a rejection with the wrong sign finds
nothing. σ is estimated from few seeds, so "about" belongs to every answer.
Source: Cohen (1988), "Statistical power analysis for the behavioral sciences".
"""

from __future__ import annotations

import math

from scipy import special

ALPHA = 0.05
POWER = 0.8
MOST_SEEDS = 1000
"""A difference that needs more seeds than this is not worth a number."""


def power(n: int, effect: float, *, alpha: float = ALPHA) -> float:
    """Give the chance to find an effect, with its right sign.

    Args:
        n: Number of pairs, at least 2.
        effect: True mean difference over the deviation of the differences, at least 0.
        alpha: Two-sided level, in (0, 1).
    """
    critical = special.stdtrit(n - 1, 1 - alpha / 2)
    missed = float(special.nctdtr(n - 1, math.sqrt(n) * effect, critical))
    # scipy gives NaN at some points far out, where next to nothing lies below the critical value.
    return 1.0 if math.isnan(missed) else 1 - missed


def detectable_difference(
    n: int, sd: float, *, alpha: float = ALPHA, wanted: float = POWER
) -> float:
    """Give the smallest difference that n pairs find with the wanted power.

    Args:
        n: Number of pairs.
        sd: Standard deviation of the paired differences.
        alpha: Two-sided level, in (0, 1).
        wanted: Power, in (alpha, 1).

    Returns:
        A difference in the unit of ``sd``; NaN below two pairs, or where ``sd`` is zero or NaN:
        equal differences say nothing of the noise.
    """
    if n < 2 or not sd > 0:
        return math.nan
    low, high = 0.0, 1.0
    while power(n, high, alpha=alpha) < wanted:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if power(n, middle, alpha=alpha) < wanted else (low, middle)
    return high * sd


def seeds_needed(
    difference: float, sd: float, *, alpha: float = ALPHA, wanted: float = POWER
) -> int | None:
    """Give the smallest number of pairs that finds a difference with the wanted power.

    Args:
        difference: True mean difference; its sign does not matter.
        sd: Standard deviation of the paired differences, in the same unit.
        alpha: Two-sided level, in (0, 1).
        wanted: Power, in (alpha, 1).

    Returns:
        At least 2; None where ``MOST_SEEDS`` are too few, the difference is zero, or ``sd`` is
        zero or NaN.
    """
    if not sd > 0 or difference == 0 or not math.isfinite(difference):
        return None
    effect = abs(difference) / sd
    if power(MOST_SEEDS, effect, alpha=alpha) < wanted:
        return None
    short, enough = 1, MOST_SEEDS
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (
            (middle, enough) if power(middle, effect, alpha=alpha) < wanted else (short, middle)
        )
    return enough
