"""One number for several data sets: interquartile mean, stratified bootstrap, performance profile.

Source: Agarwal et al. (2021), "Deep reinforcement learning at the edge of the statistical
precipice". Scores are numbers on one scale, one list of seeds a data set (a stratum). The
bootstrap draws seeds within each set. It is for this purpose only: on five seeds of one set its
intervals are too narrow (``scripts/campaign_statistics.py`` measures by how much), so one set is
judged by the t-interval.

Where we differ: data sets may have different numbers of seeds. The profile then gives every set the
same weight; the interquartile mean, as there, is of all scores together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Strata = Sequence[NDArray[np.floating]]
REPEATS = 2000


def interquartile_mean(strata: Strata) -> float:
    """Give the mean of the middle half of all scores.

    A quarter of their number, rounded down, is left out at either end.

    Args:
        strata: The scores of each data set, ``(seeds,)`` each.

    Returns:
        The mean; NaN of no score or of one that is not finite.
    """
    scores = np.sort(np.concatenate([np.zeros(0), *strata]))
    if scores.size == 0 or not np.all(np.isfinite(scores)):
        return math.nan
    cut = scores.size // 4
    return float(scores[cut : scores.size - cut].mean())


def profile(strata: Strata, *, levels: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give the share of scores above each level, averaged over data sets.

    Args:
        strata: The scores of each data set, ``(seeds,)`` each, every set with at least one.
        levels: Scores at which to look, ``(L,)``.

    Returns:
        Fractions ``(L,)`` in [0, 1], falling with the level; a score equal to it is not above.
        NaN without a data set, or with one that is empty or holds a score that is not finite.
    """
    if not _usable(strata):
        return np.full(levels.shape, math.nan)
    shares = [(scores[:, None] > levels).mean(axis=0) for scores in strata]
    return np.asarray(np.mean(shares, axis=0))


def bootstrap(
    strata: Strata,
    *,
    statistic: Callable[[Strata], float | NDArray[np.floating]],
    confidence: float = 0.95,
    repeats: int = REPEATS,
    seed: int = 0,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Give the percentile interval of a statistic when seeds are drawn again within each set.

    For a paired comparison, pass the paired differences of each set: seeds are then drawn as pairs.

    Args:
        strata: The scores, or paired differences, of each data set, ``(seeds,)`` each.
        statistic: From strata to a number or an array.
        confidence: Coverage aimed at, in (0, 1).
        repeats: Number of draws.
        seed: Of the draws: the same strata give the same interval.

    Returns:
        Lower and upper end, in the statistic's shape; NaN without a data set, or with one that is
        empty or holds a score that is not finite. A set of one seed adds no width.
    """
    if not _usable(strata):
        nothing = np.full(np.shape(statistic(strata)), math.nan)
        return nothing, nothing
    generator = np.random.default_rng(seed)
    drawn = [
        statistic([generator.choice(scores, size=scores.size) for scores in strata])
        for _ in range(repeats)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(drawn), [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)


def _usable(strata: Strata) -> bool:
    return len(strata) > 0 and all(
        scores.size > 0 and bool(np.all(np.isfinite(scores))) for scores in strata
    )
