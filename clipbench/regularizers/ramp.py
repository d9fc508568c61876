"""How a penalty comes in: nothing up to ``start``, then linearly to its whole strength at ``full``.

A function of the share of the run that is done, so that a run that was stopped and resumed needs no
memory of it.
"""

from __future__ import annotations


def ramp(share: float, *, start: float, full: float) -> float:
    """Return the multiplier of a penalty, in [0, 1].

    Args:
        share: Share of all steps that are done, at least 0.
        start: Share up to which the multiplier is 0.
        full: Share from which on it is 1; at or below ``start`` it steps from 0 to 1 at ``start``.

    >>> [ramp(share, start=0.25, full=0.75) for share in (0.1, 0.5, 0.75, 0.9)]
    [0.0, 0.5, 1.0, 1.0]
    """
    if share < start:
        return 0.0
    if share >= full:
        return 1.0
    return (share - start) / (full - start)
