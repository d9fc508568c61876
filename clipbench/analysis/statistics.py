"""Numbers of one comparison: mean and t-interval, the paired t-test, P(A>B), Holm's correction.

Source: Student (1908) for the t-test, Holm (1979), "A simple sequentially rejective multiple test
procedure", for the correction; Bouthillier et al. (2021), "Accounting for variance in machine
learning benchmarks", for P(A>B) on paired runs.

What cannot be said is NaN, never a number that looks like an answer: everything where a value is
not finite (the caller names and leaves out lost seeds), a deviation of fewer than two values, and
interval and p of values that are all equal. Two equal differences would otherwise give p = 0 on two
seeds, which accuracies on a small test set reach by chance; all zero they give p = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A mean with its noise, in the unit of the values.

    Attributes:
        n: Number of values.
        mean: Their mean; NaN of none.
        sd: Standard deviation with n - 1; NaN below two values.
        low: Lower end of the t-interval of the mean; NaN below two values or without variation.
        high: Its upper end.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> Estimate:
    """Give mean, standard deviation and t-interval: mean ± t(1 - (1 - confidence)/2, n-1)·sd/√n.

    Args:
        values: One number a seed.
        confidence: Coverage of the interval, in (0, 1).
    """
    n = len(values)
    if n == 0 or not np.all(np.isfinite(values)):
        return Estimate(n, math.nan, math.nan, math.nan, math.nan)
    mean, sd = _mean(values), deviation(values)
    if not sd > 0:
        return Estimate(n, mean, sd, math.nan, math.nan)
    reach = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - reach, mean + reach)


def share(marked: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """Give the share of seeds with some fate, with its exact interval (Clopper and Pearson, 1934).

    Args:
        marked: How many of them.
        n: How many in all; of none nothing can be said.
        confidence: Least coverage of the interval, in (0, 1).
    """
    if n == 0:
        return Estimate(n, math.nan, math.nan, math.nan, math.nan)
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(marked, n - marked + 1, tail)) if marked > 0 else 0.0
    high = float(special.betaincinv(marked + 1, n - marked, 1 - tail)) if marked < n else 1.0
    return Estimate(n, marked / n, math.nan, low, high)


def _mean(values: Sequence[float]) -> float:
    """Give the mean; what cancels but for rounding (0.9 - 0.8 and 0.7 - 0.8) is zero."""
    mean = math.fsum(values) / len(values)
    return mean if abs(mean) > _ROUNDING * float(np.max(np.abs(values))) else 0.0


def deviation(values: Sequence[float]) -> float:
    """Give the standard deviation with n - 1, NaN below two values or of one that is not finite.

    Values that differ by rounding alone (0.9 - 0.8 and 0.8 - 0.7) have exactly none: the t-test
    would take that noise for precision.
    """
    if len(values) < 2 or not np.all(np.isfinite(values)):
        return math.nan
    sd = float(np.std(values, ddof=1))
    return sd if sd > _ROUNDING * float(np.max(np.abs(values))) else 0.0


def paired_p(differences: Sequence[float]) -> float:
    """Give the two-sided p of the paired t-test, that is of a mean difference of zero.

    Returns:
        p in (0, 1]; 1 where all differences are zero; NaN below two differences, and where all are
        equal but not zero.
    """
    sd = deviation(differences)
    if not sd > 0:
        return 1.0 if sd == 0 and not any(differences) else math.nan
    t = float(np.mean(differences)) / sd * math.sqrt(len(differences))
    return float(2 * special.stdtr(len(differences) - 1, -abs(t)))


def superiority(differences: Sequence[float]) -> float:
    """Give P(A>B): the share of pairs in which A has the larger number, ties counted half.

    Pairs are those of shared seeds, not all n² combinations: a seed fixes weights and data order.

    Returns:
        A fraction in [0, 1]; NaN of no pair or of one that is not finite.
    """
    if len(differences) == 0 or not np.all(np.isfinite(differences)):
        return math.nan
    return float(np.mean((np.sign(differences) + 1) / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p-values of a family so that any false positive in it has the stated chance.

    The i-th smallest of k is multiplied by k - i + 1, made no smaller than those before it, and
    cut at 1. A NaN stays NaN and still counts in k: to leave a comparison out after the fact would
    make the others look surer.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    tested = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    for rank, index in enumerate(sorted(tested, key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
