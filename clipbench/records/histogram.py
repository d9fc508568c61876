"""The form of a histogram in every record."""

from __future__ import annotations

from typing import TypedDict

BINS = 64


class Histogram(TypedDict):
    """Counts of values in adjacent bins.

    ``limits`` are the right edges of the bins, ascending; the first bin begins at ``min``. The five
    numbers about the values (``num`` is how many there are) are of the values, not of the bins.
    """

    min: float
    max: float
    sum: float
    sum_squares: float
    num: int
    limits: list[float]
    counts: list[int]
