"""How numbers become cells: a mean with its interval, a p-value, a count, a share of runs.

What cannot be said is a dash, never a number that looks like an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from clipbench.analysis.statistics import Estimate
from clipbench.analysis.tables import Cell, Value

Write = Callable[[float], str]
DASH = "–"
_SMALLEST_P = 1e-4


def words(text: str, value: Value = None) -> Cell:
    """Give a cell of words; they sort by themselves unless another value is given."""
    return Cell(text, values=(("", text if value is None else value),))


def nothing(text: str = DASH) -> Cell:
    """Give a cell without a value."""
    return Cell(text, values=(("", None),))


def mean_cell(estimate: Estimate, write: Write, *, signed: bool = False, of: int = 0) -> Cell:
    """Give a mean with its 95 % interval.

    One value has no interval and none is shown; nor have values that are all equal.

    Args:
        estimate: Mean and interval.
        write: Makes a text of one number.
        signed: Whether a plus stands before what is above zero.
        of: How many values there should be; where there are fewer, the cell says so.
    """
    ends = (("n", estimate.n), ("low", estimate.low), ("high", estimate.high))
    values = (("", estimate.mean), *ends)
    if math.isnan(estimate.mean):
        return Cell(DASH, values=values)
    sign = "+" if signed and estimate.mean > 0 else ""
    interval = "" if math.isnan(estimate.low) else _interval(estimate, write)
    short = f"(n={estimate.n})" if 0 < estimate.n < of else ""
    return Cell(sign + write(estimate.mean), f"{interval} {short}".strip(), values)


def p_cell(p: float, detail: str = "", **beside: float) -> Cell:
    """Give a p-value with two digits; ``beside`` are values that belong to it."""
    return Cell(p_text(p), detail, (("", p), *beside.items()))


def p_text(p: float) -> str:
    """Write a p-value.

    >>> p_text(0.03125), p_text(3e-7), p_text(1.0)
    ('0.031', '<0.0001', '1')
    """
    if math.isnan(p):
        return DASH
    return f"<{_SMALLEST_P:.4f}" if p < _SMALLEST_P else f"{p:.2g}"


def number_cell(value: float, write: Write) -> Cell:
    """Give one number without an interval."""
    return Cell(DASH if math.isnan(value) else write(value), values=(("", value),))


def percent(fraction: float) -> str:
    """Write a fraction in percent, with at least two digits.

    >>> percent(0.5), percent(0.01234), percent(0.000012)
    ('50.0', '1.23', '0.0012')
    """
    points = 100 * fraction
    if points == 0 or abs(points) >= 10:
        return f"{points:.1f}"
    return f"{points:.2f}" if abs(points) >= 0.01 else f"{points:.2g}"


def _interval(estimate: Estimate, write: Write) -> str:
    return f"[{write(estimate.low)}, {write(estimate.high)}]"
