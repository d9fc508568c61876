"""A run as if it had never stopped.

A run that is killed and goes on from its checkpoint repeats the steps after it, and the journal
keeps what it was told: steps go back where the run was taken up again. What the run had done beyond
that place is not part of its curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Entry = TypeVar("Entry")


def one_curve(entries: Iterable[Entry], step: Callable[[Entry], int]) -> list[Entry]:
    """Return the entries of a journal without those that a later attempt went back behind.

    Steps do not fall in what is returned; several entries may share a step.

    >>> one_curve([0, 10, 20, 30, 20, 25], step=int)
    [0, 10, 20, 20, 25]
    """
    kept: list[Entry] = []
    for entry in entries:
        while kept and step(kept[-1]) > step(entry):
            kept.pop()
        kept.append(entry)
    return kept
