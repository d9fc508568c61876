"""One quantity over the steps of several seeds: its median and a band of quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipbench.analysis.history import History, Series

BAND = (0.1, 0.9)


@dataclass(frozen=True, eq=False)
class Band:
    """Median and band over the seeds that have a value at a step; all ``(T,)``."""

    steps: NDArray[np.integer]
    low: NDArray[np.floating]
    middle: NDArray[np.floating]
    high: NDArray[np.floating]


def band(histories: Sequence[History], tag: str) -> Band | None:
    """Give the band of a tag; None if no seed has it.

    A seed that ended early counts as far as it came. Values that are not finite are left out.
    """
    held = [history.series[tag] for history in histories if tag in history.series]
    if not held:
        return None
    steps, values = _aligned(held)
    values = np.where(np.isfinite(values), values, np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        quantile = np.nanquantile if np.isnan(values).any() else np.quantile
        low, middle, high = quantile(values, [BAND[0], 0.5, BAND[1]], axis=0)
    return Band(steps, low, middle, high)


def _aligned(held: Sequence[Series]) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """Give all steps and a matrix ``(seeds, T)`` of values, NaN where a seed has none.

    Of two values at one step the later counts.
    """
    first = held[0].steps
    if all(np.array_equal(series.steps, first) for series in held) and _rises(first):
        return first, np.stack([series.values for series in held])
    steps = np.unique(np.concatenate([series.steps for series in held]))
    values = np.full((len(held), steps.size), np.nan)
    for row, series in zip(values, held, strict=True):
        row[np.searchsorted(steps, series.steps)] = series.values
    return steps, values


def _rises(steps: NDArray[np.integer]) -> bool:
    return bool(np.all(np.diff(steps) > 0))
