"""Contestants that run in turns, A B A B ..., so that what slows the machine meets them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

Clock = Callable[[], float]
T = TypeVar("T")


def _say_nothing() -> None:
    pass


def in_turns(
    contestants: Mapping[str, Callable[[], T]],
    *,
    turns: int,
    warm_up: int = 1,
    told: Callable[[], None] = _say_nothing,
) -> dict[str, list[T]]:
    """Let every contestant run once a turn and return what each gave, one entry a turn.

    Args:
        contestants: What runs, by name; in each turn in this order.
        turns: How many turns count.
        warm_up: Turns before them that do not count: caches fill and compilers work.
        told: Called after each run, also of those that do not count.

    Raises:
        ValueError: No turn would count.
    """
    if turns < 1:
        raise ValueError(f"in_turns needs turns >= 1, got turns={turns}.")
    given: dict[str, list[T]] = {name: [] for name in contestants}
    for turn in range(warm_up + turns):
        for name, run in contestants.items():
            result = run()
            told()
            if turn >= warm_up:
                given[name].append(result)
    return given


def timed(work: Callable[[], object], *, clock: Clock = perf_counter) -> Callable[[], float]:
    """Return what does the work and gives the seconds that it took."""

    def run() -> float:
        started = clock()
        work()
        return clock() - started

    return run
