"""What was measured: quantities with a value for each turn, in rows, in parts.

Values are kept one a turn and never averaged before they are shown: a ratio is that of two values
of the same turn, because what slows the machine slows both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

RATES = ("GB/s", "batches/s", "of copy")
"""The units of which more is better; of all others less is."""


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their lower and upper quartile."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Measure:
    """One quantity.

    Attributes:
        unit: ``s``, ``ms``, ``ns/element``, one of `RATES`, or ``x`` for a ratio.
        values: One a turn, at least one.
    """

    unit: str
    values: tuple[float, ...]

    @property
    def spread(self) -> Spread:
        """Median and quartiles over the turns."""
        return spread(self.values)


@dataclass(frozen=True)
class Row:
    """All quantities of one contestant, by name."""

    name: str
    measures: Mapping[str, Measure]


@dataclass(frozen=True)
class Part:
    """What one part of the bench has found.

    Attributes:
        name: What a user types for it.
        settings: What it was measured under, by name.
        rows: The references first.
        notes: What a reader must know, one sentence each.
    """

    name: str
    settings: Mapping[str, str | int]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles, interpolated between the values.

    >>> spread([4.0, 1.0, 2.0, 3.0, 5.0])
    Spread(low=2.0, median=3.0, high=4.0)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, median(values), high)


def ratios(
    values: Sequence[float], reference: Sequence[float], *, unit: str = "x", scale: float = 1.0
) -> Measure:
    """Return ``scale * value / reference``, turn by turn.

    Raises:
        ValueError: They did not run in the same turns.
    """
    paired = zip(values, reference, strict=True)
    return Measure(unit, tuple(scale * value / base for value, base in paired))


def rows_of_times(times: Mapping[str, Sequence[float]], *, reference: str) -> list[Row]:
    """Return a row a contestant: its time, the best one, and its ratio to the reference."""
    return [
        Row(
            name,
            {
                "time": Measure("s", tuple(values)),
                "best": Measure("s", (min(values),)),
                f"to {reference}": ratios(values, times[reference]),
            },
        )
        for name, values in times.items()
    ]
