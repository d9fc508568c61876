"""A histogram of values that come batch by batch, kept on their device.

The edges are fixed by the first batch: equal bins from its smallest to its largest value. What
later batches hold outside falls into the outer bins, whose limits then reach to the smallest and
largest value of all. So every count is right for the limits given, up to the rounding (in float64)
of a value that stands on an edge.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clipbench.records.histogram import BINS, Histogram

_CHUNK = 2**18  # values; their float64 copies should fit the cache of a CPU


class RunningHistogram:
    """Sums over values.

    Args:
        first: A non-empty batch that fixes the edges; it is not yet counted.
    """

    def __init__(self, first: Tensor) -> None:
        low, high = (bound.double() for bound in torch.aminmax(first))
        room = high - low
        # Values too alike to be told apart get bins of a width that can be computed with.
        constant = room <= 1e-12 * torch.maximum(low.abs(), high.abs())
        self._low = low
        self._width = torch.where(constant, low.abs().clamp(min=1), room)
        self._min, self._max = low, high
        self._sums = torch.zeros(2, dtype=torch.float64, device=first.device)
        self._counts = torch.zeros(BINS, dtype=torch.int64, device=first.device)

    def add(self, values: Tensor) -> None:
        """Count a non-empty batch."""
        low, high = torch.aminmax(values)
        self._min = torch.minimum(self._min, low.double())
        self._max = torch.maximum(self._max, high.double())
        one = torch.ones((), dtype=torch.int64, device=values.device)
        for chunk in values.reshape(-1).split(_CHUNK):
            wide = chunk.double()
            self._sums += torch.stack([wide.sum(), torch.dot(wide, wide)])
            bins = (wide - self._low).mul_(BINS / self._width).clamp_(0, BINS - 1).long()
            # Not a number has no bin; clamped again it cannot point outside.
            bins.clamp_(0, BINS - 1)
            self._counts.scatter_add_(0, bins, one.expand_as(bins))

    def numbers(self) -> Tensor:
        """Give all that `record` needs in one vector, so that many histograms are read at once."""
        ends = torch.stack([self._low, self._width, self._min, self._max])
        return torch.cat([ends, self._sums, self._counts.double()])


def record(numbers: list[float]) -> Histogram | None:
    """Make the record of one histogram from its numbers.

    Returns:
        ``None`` if any of the values was not finite: there are no edges for such values.
    """
    low, width, smallest, largest, total, squares, *counts = numbers
    if not math.isfinite(total + width):
        return None
    limits = [low + width * k / BINS for k in range(1, BINS + 1)]
    limits[-1] = max(limits[-1], largest)
    return Histogram(
        min=smallest,
        max=largest,
        sum=total,
        sum_squares=squares,
        num=int(sum(counts)),
        limits=limits,
        counts=[int(count) for count in counts],
    )


def records(histograms: dict[str, RunningHistogram]) -> dict[str, Histogram]:
    """Make the records of many histograms with one read of the device.

    A histogram of values that were not all finite is left out.
    """
    if len(histograms) == 0:
        return {}
    rows = torch.stack([histogram.numbers() for histogram in histograms.values()]).tolist()
    made = {tag: record(row) for tag, row in zip(histograms, rows, strict=True)}
    return {tag: histogram for tag, histogram in made.items() if histogram is not None}
